//! Writes by key: conditions, order, races for one key.

use super::{Change, Decision, Found, Pressure, Room, UpdateError, Written};
use crate::engine::Engine;
use crate::store::MemoryStore;
use crate::types::{DocKind, Seqno, VbId};
use std::sync::atomic::{AtomicU64, Ordering};

fn engine() -> Engine {
    Engine::open(MemoryStore::new(1)).expect("a memory store opens")
}

fn update<'v>(
    engine: &Engine,
    key: &[u8],
    decide: impl FnMut(Option<Found<'_>>) -> Decision<'v, &'static str>,
) -> Result<Written, UpdateError<&'static str>> {
    engine.session("test").update(VbId(0), key, None, decide)
}

fn set(engine: &Engine, key: &[u8]) -> Written {
    update(engine, key, |_| Decision::Write(Change::set(&b"v"[..]))).expect("a plain set")
}

#[test]
fn a_decision_sees_what_is_there() {
    let engine = engine();
    let first = set(&engine, b"k");
    assert_eq!((first.seqno, first.rev.0), (Seqno(1), 1));
    let second = update(&engine, b"k", |found| {
        let found = found.expect("it was written");
        assert_eq!((found.meta.cas, found.value), (first.cas, Some(&b"v"[..])));
        Decision::Write(Change::delete(77))
    });
    let second = second.expect("deleted");
    assert_eq!((second.seqno, second.rev.0), (Seqno(2), 2));
    assert!(second.cas > first.cas, "tokens rise");
    let third = update(&engine, b"k", |found| {
        let found = found.expect("tombstones are seen");
        assert_eq!((found.meta.kind, found.meta.expiry), (DocKind::Deleted, 77));
        Decision::Refuse("no")
    });
    assert_eq!(third, Err(UpdateError::Refused("no")));
    assert_eq!(set(&engine, b"other").seqno, Seqno(3), "a refusal takes no seqno");
    assert_eq!(engine.vbucket(VbId(0)).expect("exists").items, 1);
}

#[test]
fn keys_and_values_have_limits() {
    let engine = engine();
    let set_key = |key: &[u8]| update(&engine, key, |_| Decision::Write(Change::set(&b""[..])));
    assert_eq!(set_key(b""), Err(UpdateError::TooLarge));
    assert_eq!(set_key(&[b'k'; 251]), Err(UpdateError::TooLarge));
    assert!(set_key(&[b'k'; 250]).is_ok());
    let huge = vec![0; crate::limits::VALUE_BYTES_MAX + 1];
    let refused = update(&engine, b"k", |_| Decision::Write(Change::set(&huge[..])));
    assert_eq!(refused, Err(UpdateError::TooLarge));
}

#[test]
fn a_decision_that_panics_leaves_the_vbucket_usable() {
    let engine = engine();
    set(&engine, b"k");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        update(&engine, b"k", |_| panic!("a decision of the embedder's"))
    }));
    assert!(panicked.is_err());
    assert_eq!(set(&engine, b"k").seqno, Seqno(2));
    assert_eq!(engine.vbucket(VbId(0)).expect("exists").high, Seqno(2));
}

/// Counters that several threads increment: every increment counts, and seqnos are given out once each.
#[test]
fn read_modify_write_loses_nothing() {
    const EACH: u64 = if cfg!(miri) { 30 } else { 20_000 };
    const THREADS: u64 = 4;
    let engine = engine();
    let decisions = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut session = engine.session("counter");
                for n in 0..EACH {
                    let key = [b'a' + (n % 3) as u8];
                    let written =
                        session.update(VbId(0), &key, None, |found| -> Decision<'_, ()> {
                            decisions.fetch_add(1, Ordering::Relaxed);
                            let count = found.and_then(|found| found.value).map_or(0, |value| {
                                let text = std::str::from_utf8(value).expect("we wrote it");
                                text.parse::<u64>().expect("we wrote it")
                            });
                            Decision::Write(Change::set((count + 1).to_string().into_bytes()))
                        });
                    assert!(written.is_ok(), "{written:?}");
                }
            });
        }
    });
    let mut session = engine.session("test");
    let mut sum = 0;
    for key in [b"a", b"b", b"c"] {
        let record = session.get(key).expect("readable").expect("written");
        let text = std::str::from_utf8(&record.value).expect("we wrote it");
        sum += text.parse::<u64>().expect("a number");
        assert_eq!(record.meta.rev.0.to_string(), text, "as many revisions as increments");
    }
    assert_eq!(sum, THREADS * EACH, "no increment is lost");
    let decisions = decisions.load(Ordering::Relaxed);
    let high = engine.vbucket(VbId(0)).expect("exists").high.0;
    assert!(high >= sum, "each write has a seqno; races may have voided others");
    println!("partition: {sum} increments, {decisions} decisions, {} void seqnos", high - sum);
}

#[test]
fn memory_is_short_before_writes_are_refused() {
    let pressure = Pressure::new(1000);
    for (used, kept, excess, room, critical) in [
        (0, 0, 0, Room::Enough, false),
        (1000, 1000, 0, Room::Enough, false),
        (1440, 1440, 440, Room::Enough, false),
        (1441, 0, 441, Room::Short, false),
        (1441, 1440, 441, Room::Short, false),
        (1441, 1441, 441, Room::Exhausted, false),
        (1500, 1000, 500, Room::Short, false),
        (1501, 1000, 501, Room::Short, true),
        (1501, 1501, 501, Room::Exhausted, true),
    ] {
        pressure.settle(used);
        pressure.settle_kept(kept);
        let is = (pressure.excess(), pressure.room(), pressure.is_critical());
        assert_eq!(is, (excess, room, critical), "{used} of which {kept} stay");
    }
}
