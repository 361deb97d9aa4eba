//! The stream table and the no-op clock.

use crate::producer::NoopState;
use crate::producer::table::StreamTable;
use crate::stream::{Claimed, StreamState};
use crate::types::Opaque;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn open(table: &StreamTable, index: usize) -> bool {
    table.slot_for_open(index).is_some_and(|slot| matches!(slot.word.claim(), Claimed::Opened(_)))
}

#[test]
fn a_closed_table_takes_no_stream() {
    let table = StreamTable::new(1000);
    assert!(table.slot(0).is_none(), "blocks are made on first use");
    assert!(open(&table, 0) && open(&table, 63) && open(&table, 999));
    let mut ended = Vec::new();
    assert_eq!(table.close(|index| ended.push(index)), 3);
    assert_eq!(ended, [0, 63, 999]);
    assert_eq!(table.close(|_| unreachable!("all are ended")), 0);
    for index in [0, 1, 63, 64, 500, 999] {
        assert!(!open(&table, index), "slot {index} is closed");
    }
    let mut walked = 0;
    table.for_each(|_, slot| {
        walked += 1;
        let state = slot.word.load();
        assert!(matches!(state, StreamState::Free | StreamState::Dead(_)));
    });
    assert_eq!(walked, 128, "two blocks were made");
}

/// Streams are opened while two closers go through: each that was opened is ended, once, and none opens behind them.
#[test]
fn opening_against_two_closers() {
    const ROUNDS: usize = if cfg!(miri) { 3 } else { 300 };
    let (mut opened_in_all, mut ended_in_all) = (0, 0);
    for _ in 0..ROUNDS {
        let table = StreamTable::new(2048);
        let (barrier, ended) = (Barrier::new(3), AtomicUsize::new(0));
        let opened = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    barrier.wait();
                    ended.fetch_add(table.close(|_| {}), Ordering::AcqRel);
                });
            }
            barrier.wait();
            (0..2048).step_by(3).filter(|index| open(&table, *index)).count()
        });
        assert_eq!(opened, ended.load(Ordering::Acquire), "what was opened was ended");
        assert!(!open(&table, 1), "and nothing opens any more");
        opened_in_all += opened;
        ended_in_all += ended.load(Ordering::Acquire);
    }
    println!("table: {ROUNDS} closings, {opened_in_all} opened, {ended_in_all} ended");
}

#[test]
fn a_noop_is_due_at_its_interval_and_one_at_a_time() {
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let mut noop = NoopState::new(start);
    assert_eq!(noop.due(after(1000)), None, "off");
    assert!(!noop.is_dead(after(1000)) && noop.deadline().is_none(), "and nothing is watched");
    noop.set_enabled(true);
    noop.set_interval(Duration::from_secs(20));
    assert_eq!(noop.due(after(19)), None);
    assert_eq!(noop.due(after(20)), Some(Opaque(10_000_001)));
    assert_eq!(noop.due(after(21)), Some(Opaque(10_000_001)), "it was not sent");
    noop.sent(after(21));
    assert!(noop.is_pending());
    assert_eq!(noop.due(after(100)), None, "one is unanswered");
    assert_eq!(noop.deadline(), Some(start + crate::limits::IDLE_TIMEOUT));
    assert!(!noop.answered(Opaque(5)) && noop.answered(Opaque(10_000_001)));
    assert_eq!(noop.due(after(40)), None, "the interval counts from the last no-op");
    assert_eq!(noop.due(after(41)), Some(Opaque(10_000_002)));
    noop.received(after(300));
    assert!(!noop.is_dead(after(660)) && noop.is_dead(after(661)));
    noop.set_idle_timeout(Duration::from_secs(1));
    assert!(noop.is_dead(after(302)), "a new timeout counts at once");
}
