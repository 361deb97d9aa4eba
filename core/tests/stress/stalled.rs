//! A reader that does not leave: garbage stays within the limit, the reader is named, writers go on; and once it has
//! left everything is reclaimed.

use crate::pinned::{LABEL, PinnedReader, Word};
use crate::plan::Figures;
use millstream::Engine;
use millstream::ErrorKind;
use millstream::engine::{EngineBuilder, EngineSettings};
use millstream::partition::{Change, Decision};
use millstream::producer::OpenOptions;
use millstream::store::MemoryStore;
use millstream::types::VbId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Retired values that may wait.
const GARBAGE_MAX: u64 = 10_000;
/// What one stall's writer may leave in plain memory besides: one for each of its keys, by the batch.
const PLAIN_MAX: u64 = 1_000 + 64;
/// What one connection may retire beyond the limit when it goes: its manager and the list that it was in, twice over.
const BEYOND: u64 = 4;
/// A reader is called stalled after half a second, and has to be named within the whole one.
const AGE: Duration = Duration::from_millis(500);
const NAMED_WITHIN: Duration = Duration::from_secs(1);
/// From the reader's leaving to the end of the last value.
const RECLAIMED_WITHIN: Duration = Duration::from_millis(100);
/// No write takes longer.
const WRITE_WITHIN: Duration = Duration::from_secs(1);

/// What one stall came to.
struct Stall {
    named_after: Duration,
    reclaimed_after: Duration,
    garbage_most: u64,
    refused: u64,
    writes: u64,
    slowest_write: Duration,
}

/// Stalls so often, each time for so long.
///
/// # Panics
/// When a bound is not kept; the message says which.
pub(crate) fn run(stalls: usize, held: Duration) -> Figures {
    let mut settings = EngineSettings::default();
    settings.garbage_max = GARBAGE_MAX;
    let engine = EngineBuilder::new(MemoryStore::new(4)).settings(settings).open();
    let engine = engine.expect("it opens");
    let seen: Vec<Stall> = (0..stalls).map(|_| one_stall(&engine, held)).collect();
    engine.shutdown();
    let report = engine.quiesce_blocking(Duration::from_secs(60)).expect("nobody is inside");
    assert!(report.clean && report.held == 0, "{report:?}");

    let most = |what: fn(&Stall) -> u64| seen.iter().map(what).max().expect("one stall at least");
    let garbage = most(|stall| stall.garbage_most);
    assert!(garbage <= GARBAGE_MAX + BEYOND, "{garbage} values waited, the limit is {GARBAGE_MAX}");
    assert!(garbage + PLAIN_MAX >= GARBAGE_MAX, "the limit was never reached: {garbage}");
    assert!(seen.iter().all(|stall| stall.refused > 0), "nobody was refused at the limit");
    let named = most(|stall| millis(stall.named_after));
    assert!(named <= millis(NAMED_WITHIN), "the reader was named after {named} ms only");
    let slowest = most(|stall| millis(stall.slowest_write));
    assert!(slowest <= millis(WRITE_WITHIN), "a write took {slowest} ms");
    let writes = seen.iter().map(|stall| stall.writes).sum();
    let all: Vec<u64> = seen.iter().map(|stall| millis(stall.reclaimed_after)).collect();
    println!("reclaimed after, each: {all:?} ms");
    let reclaimed = all.iter().copied().max().expect("one stall at least");
    assert!(reclaimed <= millis(RECLAIMED_WITHIN), "reclaimed after {reclaimed} ms only");
    vec![
        ("stalls", stalls as u64),
        ("stall ms", millis(held)),
        ("garbage limit", GARBAGE_MAX),
        ("garbage at most", garbage),
        ("connections refused at the limit", seen.iter().map(|stall| stall.refused).sum()),
        ("named after ms at most", named),
        ("writes meanwhile", writes),
        ("slowest write ms", slowest),
        ("reclaimed after ms at most", reclaimed),
    ]
}

fn one_stall(engine: &Engine, held: Duration) -> Stall {
    let (word, stop) = (Word::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let (word, stop) = (&word, &stop);
        let reader = PinnedReader::enter(scope, engine, word);
        let writer = scope.spawn(move || write(engine, stop));
        let churner = scope.spawn(move || churn(engine, stop));
        let mut named_after = None;
        while reader.since.elapsed() < held || named_after.is_none() {
            let named = engine.stalled(AGE).iter().any(|stalled| stalled.label == LABEL);
            if named && named_after.is_none() {
                named_after = Some(reader.since.elapsed());
            }
            assert!(reader.since.elapsed() < held + NAMED_WITHIN, "the reader was never named");
            thread::park_timeout(Duration::from_millis(5));
        }
        stop.store(true, Ordering::SeqCst);
        let (refused, garbage_most) = churner.join().expect("it did not panic");
        let (writes, slowest_write) = writer.join().expect("it did not panic");
        let stats = engine.stats();
        let retired = stats.destroyed + stats.garbage - stats.garbage_plain;
        let told = reader.leave(word);
        // Not what the flusher trims only now, since there is room for garbage again.
        while engine.stats().destroyed < retired {
            thread::yield_now();
        }
        Stall {
            named_after: named_after.expect("the loop above ends with it"),
            reclaimed_after: told.elapsed(),
            garbage_most,
            refused,
            writes,
            slowest_write,
        }
    })
}

/// Opens and closes connections until it is told to stop: how many were refused, and the most garbage that it saw.
fn churn(engine: &Engine, stop: &AtomicBool) -> (u64, u64) {
    let (mut refused, mut garbage_most) = (0, 0);
    while !stop.load(Ordering::SeqCst) {
        match engine.connect("churner", OpenOptions::default()) {
            Ok(producer) => drop(producer),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
                refused += 1;
                thread::yield_now();
            }
        }
        let stats = engine.stats();
        garbage_most = garbage_most.max(stats.garbage - stats.garbage_plain);
    }
    (refused, garbage_most)
}

/// Writes until it is told to stop: how often, and the longest time of one.
fn write(engine: &Engine, stop: &AtomicBool) -> (u64, Duration) {
    let (mut writes, mut slowest) = (0_u64, Duration::ZERO);
    let mut begun = Instant::now();
    while !stop.load(Ordering::SeqCst) {
        let vb = VbId((writes % 4) as u16);
        let key = (writes % 1_000).to_be_bytes();
        let written = engine.session("writer").update(vb, &key, None, |_| -> Decision<'_, ()> {
            Decision::Write(Change::set(&b"value"[..]))
        });
        if written.is_ok() {
            writes += 1;
            slowest = slowest.max(begun.elapsed());
            begun = Instant::now();
        } else {
            // Memory is full until the flusher has been there; the clock of this write goes on.
            thread::yield_now();
        }
    }
    (writes, slowest)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
