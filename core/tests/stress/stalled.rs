//! A reader that does not leave: garbage stays within the limit, the reader is named, writers go on; and once it has
//! left everything is reclaimed.

use crate::pinned::{LABEL, PinnedReader, Word};
use crate::plan::Figures;
use bytes::Bytes;
use millstream::Engine;
use millstream::ErrorKind;
use millstream::engine::{EngineBuilder, EngineSettings};
use millstream::partition::{Change, Decision, UpdateError};
use millstream::producer::OpenOptions;
use millstream::testing::store::with_past;
use millstream::types::{Seqno, VbId, VbState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Retired values that may wait.
const GARBAGE_MAX: u64 = 10_000;
const VBUCKETS: u32 = 4;
/// Documents of each vbucket that are not in memory when the engine opens: enough for writes to them to leave more behind
/// than may wait.
const STORED: u64 = 30_000;
/// What may wait beyond the limit: the former states that changes of a vbucket's state have in reserve; what one connection
/// retires when it goes, its manager and the list that it was in, twice over; plain memory, which is counted by the batch.
const BEYOND: u64 = (64 + 4 * VBUCKETS as u64) + 4 + 64;
/// A reader is called stalled after half a second, and has to be named within the whole one.
const AGE: Duration = Duration::from_millis(500);
const NAMED_WITHIN: Duration = Duration::from_secs(1);
/// From the reader's leaving to the end of the last value.
const RECLAIMED_WITHIN: Duration = Duration::from_millis(100);
/// The same before it is given up.
const RECLAIMED_AT_ALL: Duration = Duration::from_secs(60);
/// No write takes longer.
const WRITE_WITHIN: Duration = Duration::from_secs(1);

/// What one stall came to.
struct Stall {
    named_after: Duration,
    reclaimed_after: Duration,
    garbage_most: u64,
    refused: u64,
    writes: u64,
    cold_refused: u64,
    slowest_write: Duration,
    states: u64,
    states_refused: u64,
}

/// Stalls so often, each time for so long.
///
/// # Panics
/// When a bound is not kept; the message says which.
pub(crate) fn run(stalls: usize, held: Duration) -> Figures {
    let mut settings = EngineSettings::default();
    settings.garbage_max = GARBAGE_MAX;
    let document = |seqno: Seqno| (Bytes::from(stored_key(seqno.0)), Bytes::from_static(b"stored"));
    let store = with_past(VBUCKETS, STORED, document);
    let engine = EngineBuilder::new(store).settings(settings).open();
    let engine = engine.expect("it opens");
    let seen: Vec<Stall> = (0..stalls).map(|_| one_stall(&engine, held)).collect();
    engine.shutdown();
    let report = engine.quiesce_blocking(Duration::from_secs(60)).expect("nobody is inside");
    assert!(report.clean && report.held == 0, "{report:?}");

    let most = |what: fn(&Stall) -> u64| seen.iter().map(what).max().expect("one stall at least");
    let garbage = most(|stall| stall.garbage_most);
    assert!(garbage <= GARBAGE_MAX + BEYOND, "{garbage} values waited, the limit is {GARBAGE_MAX}");
    assert!(garbage >= GARBAGE_MAX, "the limit was never reached: {garbage}");
    assert!(seen.iter().all(|stall| stall.refused > 0), "nobody was refused at the limit");
    assert!(most(|stall| stall.cold_refused) > 0, "no write to a stored document was put off");
    assert!(most(|stall| stall.states_refused) > 0, "no change of a state was put off");
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
        ("writes to stored documents put off", seen.iter().map(|stall| stall.cold_refused).sum()),
        ("changes of a state", seen.iter().map(|stall| stall.states).sum()),
        ("changes of a state put off", seen.iter().map(|stall| stall.states_refused).sum()),
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
        let churned = churner.join().expect("it did not panic");
        let written = writer.join().expect("it did not panic");
        let stats = engine.stats();
        let handed_over = stats.destroyed + stats.freed_plain + stats.garbage;
        let told = reader.leave(word);
        // Not what the flusher trims only now, since there is room for garbage again.
        while engine.stats().destroyed + engine.stats().freed_plain < handed_over {
            assert!(told.elapsed() < RECLAIMED_AT_ALL, "not reclaimed: {:?}", engine.stats());
            thread::yield_now();
        }
        Stall {
            named_after: named_after.expect("the loop above ends with it"),
            reclaimed_after: told.elapsed(),
            garbage_most: churned.garbage_most,
            refused: churned.refused,
            writes: written.writes,
            cold_refused: written.cold_refused,
            slowest_write: written.slowest,
            states: churned.states,
            states_refused: churned.states_refused,
        }
    })
}

#[derive(Default)]
struct Churned {
    refused: u64,
    states: u64,
    states_refused: u64,
    garbage_most: u64,
}

#[derive(Default)]
struct Writes {
    writes: u64,
    cold_refused: u64,
    slowest: Duration,
}

/// Opens and closes connections, and changes the last vbucket's state, until it is told to stop.
fn churn(engine: &Engine, stop: &AtomicBool) -> Churned {
    let mut churned = Churned::default();
    let mut state = VbState::Replica;
    while !stop.load(Ordering::SeqCst) {
        match engine.connect("churner", OpenOptions::default()) {
            Ok(producer) => drop(producer),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
                churned.refused += 1;
                thread::yield_now();
            }
        }
        match engine.set_vbucket_state(VbId(VBUCKETS as u16 - 1), state) {
            Ok(()) => {
                churned.states += 1;
                state = if state == VbState::Active { VbState::Replica } else { VbState::Active };
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
                churned.states_refused += 1;
            }
        }
        churned.garbage_most = churned.garbage_most.max(engine.stats().garbage);
    }
    churned
}

/// Writes until it is told to stop, by turns to a thousand keys that it has just written and to documents that may have
/// left memory. Its clock is that of the former.
fn write(engine: &Engine, stop: &AtomicBool) -> Writes {
    let mut written = Writes::default();
    let mut begun = Instant::now();
    for n in 0_u64.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let vb = VbId((n % 3) as u16);
        let set = |key: &[u8]| {
            engine.session("writer").update(vb, key, None, |_| -> Decision<'_, ()> {
                Decision::Write(Change::set(&b"value"[..]))
            })
        };
        if let Err(UpdateError::Busy) = set(format!("old{}", n % STORED + 1).as_bytes()) {
            written.cold_refused += 1;
        }
        if set(&(n % 1_000).to_be_bytes()).is_ok() {
            written.writes += 1;
            written.slowest = written.slowest.max(begun.elapsed());
            begun = Instant::now();
        } else {
            // Memory is full until the flusher has been there; the clock of this write goes on.
            thread::yield_now();
        }
    }
    written
}

/// In the default collection, as the engine stores it.
fn stored_key(seqno: u64) -> Vec<u8> {
    format!("\0old{seqno}").into_bytes()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
