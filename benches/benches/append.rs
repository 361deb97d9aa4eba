//! What does a write cost: key index, seqno, publication, with the flusher behind it?
//!
//! The writer's own processor time. What the flusher takes is not in it, nor is a wait for it. Memory has been full
//! once, as it always is in an engine that has run for a while: what is written takes the place of what leaves.
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::baseline::Locked;
use benches::measure::{Bar, Bench, Row, Spent, Spread, Stopwatch, Unit, in_threads};
use benches::workload::{Documents, Millstream, Streaming, Writer};
use millstream::store::MemoryStore;
use millstream::types::VbId;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const VALUE_BYTES: usize = 256;
/// Keys of one writer, where there are many.
const KEYS: u64 = 100_000;
/// What a document takes in memory beside its value, of either engine.
const DOCUMENT_BYTES_MORE: usize = 128;
/// From one key to the next: prime to the number of keys, so that no two writes in a row are neighbours.
const STRIDE: u64 = 7919;

fn main() -> ExitCode {
    Bench::run("append", |bench| {
        let alone = write(bench, 1, Where::Apart, 1);
        let many = bench.sized(KEYS, 100);
        let alone_many = write(bench, 1, Where::Apart, many);
        let together = write(bench, 2, Where::Apart, 1);
        let together_many = write(bench, 2, Where::Apart, many);
        let _ = write(bench, 2, Where::Together, many);
        for batch in [64, 1000] {
            batches(bench, batch, 1);
            batches(bench, batch, many);
        }
        for keys in [1, many] {
            each(bench, keys);
        }
        for (keys, alone, together) in
            [("same key", alone, together), ("many keys", alone_many, together_many)]
        {
            let (Some(alone), Some(together)) = (alone, together) else { continue };
            // By processor time: two threads that do not disturb each other do twice the work of one.
            let speedup = 2.0 * alone.value / together.value;
            let question = format!("2 writers on different vbuckets against 1, {keys}");
            let row = Row::new(question, "millstream", Unit::Factor, speedup);
            bench.row(row.bar(Bar::AtLeast(1.7)));
            // By the clock, of both: as far as the machine has two processors to spare.
            if let (Some(alone), Some(together)) = (alone.wall_ns, together.wall_ns) {
                let question =
                    format!("2 writers on different vbuckets against 1, {keys}, by the clock");
                bench.row(Row::new(question, "millstream", Unit::Factor, alone / together));
            }
        }
    })
}

/// Two engines whose memory has been full.
fn engines(bench: &Bench) -> (Millstream, Locked) {
    const MEMORY_BYTES: u64 = 64 * 1024 * 1024;
    let vbuckets = 16;
    let ours = Millstream::with_memory(MemoryStore::new(vbuckets), 0, MEMORY_BYTES);
    // As many documents as ours has room for, of the two vbuckets that are written to.
    let keep = MEMORY_BYTES as usize / (VALUE_BYTES + DOCUMENT_BYTES_MORE) / 2;
    let locked = Locked::with_items(vbuckets, keep);
    let fill = bench.sized(MEMORY_BYTES / VALUE_BYTES as u64, 1000);
    for vb in [0, 1] {
        rounds_on(&ours, VbId(vb), 0, 1, fill);
        rounds_on(&locked, VbId(vb), 0, 1, fill);
    }
    (ours, locked)
}

/// Where several writers write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// Each to a vbucket of its own.
    Apart,
    /// All to the same.
    Together,
}

fn write(bench: &mut Bench, writers: usize, place: Where, keys: u64) -> Option<Row> {
    let named = if keys == 1 { "same key" } else { "many keys" };
    let vbuckets = if place == Where::Together { "one vbucket" } else { "own vbuckets" };
    let question = format!("append 256 B, {named}, writers {writers}, {vbuckets}");
    if !bench.wants(&question) {
        return None;
    }
    let (ours, locked) = engines(bench);
    let mut contest = bench
        .contest(question)
        .round(Duration::from_millis(if writers > 1 { 20 } else { 6 }))
        .contender(Millstream::NAME, |n| rounds(&ours, writers, place, keys, n));
    if writers == 1 {
        contest = contest.bar(Bar::AtMost(250.0));
    }
    let contest = contest.contender(Locked::NAME, |n| rounds(&locked, writers, place, keys, n));
    contest.run().into_iter().next()
}

/// Each write by the clock, with the look at the clock that tells it from the next.
fn each(bench: &mut Bench, keys: u64) {
    let named = if keys == 1 { "same key" } else { "many keys" };
    let question = format!("append 256 B, {named}, writers 1, each write");
    if !bench.wants(&question) {
        return;
    }
    let (ours, locked) = engines(bench);
    let writes = bench.sized(200_000, 100);
    let rows = [
        (Millstream::NAME, each_of(&ours, keys, writes)),
        (Locked::NAME, each_of(&locked, keys, writes)),
    ];
    for (who, times) in rows {
        bench.row(Row::distribution(&question, who, Unit::WallNs, &times));
    }
}

fn each_of<E: Streaming>(engine: &E, keys: u64, writes: u64) -> Spread {
    engine.rest();
    let mut writer = engine.writer();
    let mut documents = Documents::of(VALUE_BYTES);
    let mut before = Instant::now();
    Spread::of((0..writes).map(|i| {
        let (key, value) = documents.nth(i.wrapping_mul(STRIDE) % keys);
        writer.set(VbId(0), key, value);
        let now = Instant::now();
        (now - std::mem::replace(&mut before, now)).as_nanos() as f64
    }))
}

/// Writes in batches, of which readers and the flusher are told at the end.
fn batches(bench: &mut Bench, batch: usize, keys: u64) {
    let named = if keys == 1 { "same key" } else { "many keys" };
    let question = format!("append 256 B, {named}, writers 1, batches of {batch}");
    if !bench.wants(&question) {
        return;
    }
    let (ours, locked) = engines(bench);
    bench
        .contest(question)
        .round(Duration::from_millis(6))
        .contender(Millstream::NAME, |n| batch_rounds(&ours, batch, keys, n))
        .contender(Locked::NAME, |n| batch_rounds(&locked, batch, keys, n))
        .run();
}

fn batch_rounds<E: Streaming>(engine: &E, batch: usize, keys: u64, n: u64) -> Spent {
    engine.rest();
    let mut writer = engine.writer();
    let mut documents = Documents::of(VALUE_BYTES);
    let mut numbers = Vec::new();
    let mut written = 0;
    let watch = Stopwatch::start();
    while written < n {
        numbers.clear();
        numbers.extend((written..written + batch as u64).map(|i| i.wrapping_mul(STRIDE) % keys));
        writer.set_batch(VbId(0), &mut documents, &numbers);
        written += batch as u64;
    }
    watch.stop(written)
}

/// `n` writes of each writer.
fn rounds<E: Streaming>(engine: &E, writers: usize, place: Where, keys: u64, n: u64) -> Spent {
    engine.rest();
    in_threads(writers, |w| {
        let vb = VbId(if place == Where::Apart { w as u16 } else { 0 });
        rounds_on(engine, vb, w as u64 * keys, keys, n)
    })
}

fn rounds_on<E: Streaming>(engine: &E, vb: VbId, first: u64, keys: u64, n: u64) -> Spent {
    let mut writer = engine.writer();
    let mut documents = Documents::of(VALUE_BYTES);
    let watch = Stopwatch::start();
    for i in 0..n {
        let (key, value) = documents.nth(first + i.wrapping_mul(STRIDE) % keys);
        writer.set(vb, key, value);
    }
    watch.stop(n)
}
