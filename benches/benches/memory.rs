//! What does an idle stream, a connection, a vbucket, a document in memory take?
//!
//! Counted by the allocator, as bytes that were asked for and not given back: what malloc adds is not in it.
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]
#![expect(unsafe_code, reason = "an allocator that counts")]

use benches::measure::{Bar, Bench, Row, Unit};
use benches::workload::{
    Connection, Documents, Forgetful, Millstream, Received, Streaming, Writer,
};
use millstream::types::VbId;
use std::alloc::{GlobalAlloc, Layout, System};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Counts what is in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator, as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Relaxed: a count that is read when all is quiet.
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // Relaxed: see `alloc`.
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is in use when all is quiet: engines that were dropped are gone, and what was written is persisted.
fn in_use() -> f64 {
    // Relaxed: see `alloc`.
    let read = || IN_USE.load(Ordering::Relaxed);
    let mut before = read();
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(100));
        let now = read();
        if now == before {
            break;
        }
        before = now;
    }
    before as f64
}

fn main() -> ExitCode {
    Bench::run("memory", |bench| {
        streams(bench);
        connections(bench);
        vbuckets(bench);
        for value_bytes in [16, 256, 4096] {
            documents(bench, value_bytes);
        }
    })
}

/// Bytes that `make` leaves in use, for each of `count`.
fn grown<T>(count: usize, make: impl FnOnce() -> T) -> (f64, T) {
    let before = in_use();
    let made = make();
    ((in_use() - before) / count as f64, made)
}

fn show(bench: &mut Bench, question: &str, bytes: f64, bar: Option<f64>) {
    let row = Row::new(question, Millstream::NAME, Unit::Bytes, bytes);
    bench.row(bar.map_or(row.clone(), |limit| row.bar(Bar::AtMost(limit))));
}

fn streams(bench: &mut Bench) {
    let question = "memory of an idle stream";
    let count = bench.sized(65_536, 64);
    if !bench.wants(question) {
        return;
    }
    let engine = Millstream::new(count as u32);
    let mut connection = engine.connect("streams");
    let (bytes, ()) = grown(count, || {
        for vb in 0..count {
            connection.open(VbId(vb as u16));
        }
        // Once round, so that each has found nothing and sleeps.
        assert_eq!(connection.run(&mut Received::default()), 0);
    });
    show(bench, question, bytes, Some(512.0));
}

fn connections(bench: &mut Bench) {
    let count = bench.sized(1000, 10);
    for (vbuckets, bar) in [(1, None), (1024, Some(8192.0)), (65_536, None)] {
        let question = format!("memory of an idle connection, vbuckets {vbuckets}");
        if !bench.wants(&question) {
            continue;
        }
        let engine = Millstream::new(vbuckets);
        let connect = |n: usize| engine.connect(&format!("connection {n}"));
        let first = connect(count);
        let (bytes, made) = grown(count, || (0..count).map(connect).collect::<Vec<_>>());
        show(bench, &question, bytes, bar);
        drop((first, made));
    }
}

fn vbuckets(bench: &mut Bench) {
    let question = "memory of a vbucket without documents";
    if !bench.wants(question) {
        return;
    }
    let with = |vbuckets| {
        // Dropped only when it was counted.
        let (bytes, engine) = grown(1, || Millstream::over(Forgetful(vbuckets), 0));
        drop(engine);
        bytes
    };
    let (few, many) = bench.sized((1024, 65_536), (16, 64));
    let bytes = (with(many) - with(few)) / f64::from(many - few);
    show(bench, question, bytes, None);
}

/// A document in the log's window, and its key, besides key and value themselves; without what the store keeps.
fn documents(bench: &mut Bench, value_bytes: usize) {
    let question = format!("memory of a logged item, beside key and value, {value_bytes} B");
    if !bench.wants(&question) {
        return;
    }
    let count = bench.sized(100_000_u64, 256);
    let engine = Millstream::over(Forgetful(1), 0);
    let mut documents = Documents::of(value_bytes);
    let (bytes, ()) = grown(count as usize, || {
        let mut writer = engine.writer();
        for n in 0..count {
            let (key, value) = documents.nth(n);
            writer.set(VbId(0), key, value);
        }
        drop(writer);
        engine.rest();
    });
    // The key is in the document and in the index.
    let beside = bytes - (16 + value_bytes) as f64;
    let bar = (value_bytes == 256).then_some(200.0);
    show(bench, &question, beside, bar);
}
