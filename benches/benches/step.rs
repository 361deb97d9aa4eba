//! What does a connection's step cost a message and a stream, with 1,024, 100,000 and a million streams?
//!
//! "Streaming": every stream has 64 messages (of 100,000 streams 20, of a million 16), which go out by turns. "Idle to
//! ready": every stream sleeps, is woken by one write, and sends a marker and a document, so that the figure is that of
//! one stream's wake, turn, snapshot and sleep. "Nothing ready" is a step that finds nothing, with that many streams
//! asleep. "One of all ready" is each step by the clock after a single write. Small values: what is measured is the
//! engine, not the memory that the documents are in.
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::baseline::Locked;
use benches::measure::{Bar, Bench, Row, Spent, Spread, Stopwatch, Unit};
use benches::workload::{Fleet, Millstream, Streaming};
use millstream::types::VbId;
use std::process::ExitCode;
use std::time::Instant;

const VALUE_BYTES: usize = 16;
/// Messages of each stream.
const MESSAGES: u64 = 64;
/// Documents in all vbuckets: streams of several connections share them.
const DOCUMENTS_MAX: u64 = 1 << 20;

fn main() -> ExitCode {
    Bench::run("step", |bench| {
        let sizes = bench.sized(vec![1024, 100_000, 1_000_000], vec![64]);
        let rows: Vec<Row> = sizes.iter().flat_map(|&streams| streaming(bench, streams)).collect();
        for who in [Millstream::NAME, Locked::NAME] {
            let of: Vec<Row> = rows.iter().filter(|row| row.who == who).cloned().collect();
            let question = "step, streaming, against streams (fewer messages each of 100,000 and of a million)";
            bench.growth(question, who, &of);
        }
        for &streams in &sizes {
            idle(bench, streams);
        }
    })
}

fn streaming(bench: &mut Bench, streams: usize) -> Vec<Row> {
    let question = format!("step, streaming, a message, streams {streams}");
    if !bench.wants(&question) {
        return Vec::new();
    }
    let rounds = if streams > 1024 { 3 } else { 15 };
    let contest = bench
        .contest(question)
        .rounds(rounds, 1)
        .rounds_only()
        .at("step, streaming, a message", "streams", streams as f64)
        .contender(Millstream::NAME, |_| stream::<Millstream>(streams));
    let contest = match streams {
        1024 => contest.bar(Bar::AtMost(10.0)),
        1_000_000 => contest.bar(Bar::AtMost(15.0)),
        _ => contest,
    };
    contest.contender(Locked::NAME, |_| stream::<Locked>(streams)).run()
}

/// Everything that is written before, to every stream.
fn stream<E: Streaming>(streams: usize) -> Spent {
    let mut fleet = Fleet::<E>::new(streams, VALUE_BYTES);
    let each = MESSAGES.min(DOCUMENTS_MAX / fleet.vbuckets());
    fleet.write(each);
    fleet.open();
    let watch = Stopwatch::start();
    let documents = fleet.run();
    assert_eq!(documents, each * streams as u64, "everything is delivered");
    watch.stop(documents)
}

fn idle(bench: &mut Bench, streams: usize) {
    let question = format!("step, idle to ready, a stream, streams {streams}");
    if bench.wants(&question) {
        let (mut ours, mut locked) = (awake::<Millstream>(streams), awake::<Locked>(streams));
        bench
            .contest(question)
            .rounds(if streams > 1024 { 3 } else { 15 }, 1)
            .rounds_only()
            .at("step, idle to ready, a stream", "streams", streams as f64)
            .contender(Millstream::NAME, |_| wake(&mut ours))
            .contender(Locked::NAME, |_| wake(&mut locked))
            .run();
    }
    let question = format!("step, nothing ready, streams {streams}");
    if bench.wants(&question) {
        let (mut ours, mut locked) = (awake::<Millstream>(streams), awake::<Locked>(streams));
        bench
            .contest(question)
            .at("step, nothing ready", "streams", streams as f64)
            .contender(Millstream::NAME, |n| nothing(&mut ours, n))
            .contender(Locked::NAME, |n| nothing(&mut locked, n))
            .run();
    }
    let question = format!("step, one of all ready, streams {streams}");
    if bench.wants(&question) {
        let steps = bench.sized(20_000, 20);
        for (who, times) in [
            (Millstream::NAME, one_of_all(&mut awake::<Millstream>(streams), steps)),
            (Locked::NAME, one_of_all(&mut awake::<Locked>(streams), steps)),
        ] {
            bench.row(Row::distribution(&question, who, Unit::WallNs, &times));
        }
    }
}

/// Streams that have sent everything.
fn awake<E: Streaming>(streams: usize) -> Fleet<E> {
    let mut fleet = Fleet::new(streams, VALUE_BYTES);
    fleet.open();
    fleet.write(1);
    fleet.run();
    fleet
}

fn wake<E: Streaming>(fleet: &mut Fleet<E>) -> Spent {
    fleet.write(1);
    let watch = Stopwatch::start();
    let documents = fleet.run();
    assert_eq!(documents, fleet.streams() as u64, "each stream sends its one");
    watch.stop(documents)
}

fn nothing<E: Streaming>(fleet: &mut Fleet<E>, n: u64) -> Spent {
    let watch = Stopwatch::start();
    let documents: u64 = (0..n).map(|_| fleet.step_first()).sum();
    assert_eq!(documents, 0, "nothing is ready");
    watch.stop(n)
}

/// Each step after one write to one vbucket, now here and now there.
fn one_of_all<E: Streaming>(fleet: &mut Fleet<E>, steps: u64) -> Spread {
    /// Prime to the number of vbuckets, so that no two in a row are neighbours.
    const STRIDE: u64 = 7919;
    let vbuckets = fleet.vbuckets();
    Spread::of((0..steps).map(|n| {
        fleet.write_one(VbId((n * STRIDE % vbuckets) as u16));
        let started = Instant::now();
        let documents = fleet.step_first();
        let took = started.elapsed();
        assert_eq!(documents, 1, "the stream sends its one");
        took.as_nanos() as f64
    }))
}
