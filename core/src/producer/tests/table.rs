//! The stream table and the no-op clock.

use crate::producer::NoopState;
use crate::producer::table::StreamTable;
use crate::stream::{Claimed, StreamState};
use crate::types::{Opaque, VbId};
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
    assert_eq!(table.close(|first, bits| ended.push((first, bits))), 3);
    assert_eq!(ended, [(0, 1 << 63 | 1), (960, 1 << 39)]);
    assert_eq!(table.close(|_, _| unreachable!("all are ended")), 0);
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

/// Opens a stream in the n-th further slot, which is made for a vbucket.
fn open_further(table: &StreamTable, n: usize, vb: u16) -> bool {
    let index = table.further(n).expect("there are so many");
    table
        .further_slot(index, VbId(vb))
        .is_some_and(|slot| matches!(slot.word.claim(), Claimed::Opened(_)))
}

fn slots_of(table: &StreamTable, vb: u16) -> Vec<usize> {
    let mut slots = Vec::new();
    table.for_vbucket(VbId(vb), |index, _| slots.push(index));
    slots
}

#[test]
fn a_vbucket_has_a_chain_of_slots() {
    const FURTHER: usize = if cfg!(miri) { 200 } else { 5000 };
    let table = StreamTable::new(100);
    assert_eq!(slots_of(&table, 7), [0; 0], "none was made");
    assert!(open(&table, 7));
    assert_eq!(slots_of(&table, 7), [7]);
    let first = table.further(0).expect("there is one");
    assert!(!open_further(&table, 64, 7), "shelves are made in their order");
    for n in 0..FURTHER {
        assert!(open_further(&table, n, if n % 5 == 0 { 7 } else { 8 }), "{n}");
    }
    let of_7: Vec<_> = (0..FURTHER).rev().filter(|n| n % 5 == 0).collect();
    assert_eq!(slots_of(&table, 7)[1..], of_7.iter().map(|n| first + n).collect::<Vec<_>>());
    assert_eq!(slots_of(&table, 8).len(), 1 + FURTHER - FURTHER / 5);
    assert_eq!(slots_of(&table, 9), [9], "a slot of a shelf that was made for others");
    assert_eq!(slots_of(&table, 99), [0; 0]);
    assert_eq!(slots_of(&table, first as u16), [0; 0], "a further slot's number is no vbucket");
    let mut walked = 0;
    table.for_each(|_, slot| walked += usize::from(slot.word.load() == StreamState::Pending));
    assert_eq!(walked, FURTHER + 1);
    let mut ended = 0;
    assert_eq!(table.close(|_, bits| ended += bits.count_ones() as usize), FURTHER + 1);
    assert_eq!(ended, FURTHER + 1);
    assert!(!open_further(&table, FURTHER, 7) && !open_further(&table, 60_000, 7));
}

#[test]
fn a_million_streams_on_one_connection() {
    const SIDS: usize = 16;
    const VBUCKETS: usize = if cfg!(miri) { 64 } else { 65_536 };
    let table = StreamTable::new(VBUCKETS);
    let opened = (0..VBUCKETS).filter(|vb| open(&table, *vb)).count();
    let further = VBUCKETS * (SIDS - 1);
    let more = (0..further).filter(|n| open_further(&table, *n, (n % VBUCKETS) as u16)).count();
    assert_eq!(opened + more, VBUCKETS * SIDS);
    assert_eq!(slots_of(&table, 5).len(), SIDS);
    let began = Instant::now();
    assert_eq!(table.close(|_, _| {}), VBUCKETS * SIDS);
    println!("closing {} streams took {:?}", VBUCKETS * SIDS, began.elapsed());
    assert!(table.further(1 << 20).is_none(), "there is a limit");
}

/// Streams are opened while two closers go through: each that was opened is ended, once, and none opens behind them.
#[test]
fn opening_against_two_closers() {
    const ROUNDS: usize = if cfg!(miri) { 3 } else { 300 };
    let (mut opened_in_all, mut ended_in_all) = (0, 0);
    for _ in 0..ROUNDS {
        let table = StreamTable::new(2048);
        let (barrier, ended) = (Barrier::new(3), AtomicUsize::new(0));
        assert!(table.slot_for_open(1).is_some());
        let opened = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    barrier.wait();
                    ended.fetch_add(table.close(|_, _| {}), Ordering::AcqRel);
                });
            }
            barrier.wait();
            let home = (0..2048).step_by(3).filter(|index| open(&table, *index)).count();
            home + (0..700).take_while(|n| open_further(&table, *n, 1)).count()
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
