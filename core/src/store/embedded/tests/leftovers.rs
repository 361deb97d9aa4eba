//! What is kept beyond the newest versions, for how long, and how much of it.

use super::{ALL, begun, commit, small, temporary};
use crate::ErrorKind;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::{SliceBudget, Store};
use crate::types::{FailoverEntry, Seqno, VbId, VbUuid};

const VB: VbId = VbId(0);
const ONE: SliceBudget = SliceBudget { bytes: usize::MAX, items: 1 };

/// Entries in `seq`, `key` and `sup`.
fn entries(store: &EmbeddedStore) -> [usize; 3] {
    let database = &store.core.database;
    [&database.seq, &database.key, &database.sup].map(|keyspace| keyspace.len().unwrap())
}

/// Writes 10 keys round after round.
fn rounds(store: &EmbeddedStore, rounds: std::ops::Range<u64>) {
    for n in rounds {
        commit(store, 0, n * 10 + 1..=n * 10 + 10).unwrap();
    }
}

#[test]
fn replaced_versions_are_kept_only_for_scans() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    rounds(&store, 0..5);
    assert_eq!(entries(&store), [10, 10, 0]);
    let first = store.scan(VB, ALL).unwrap();
    rounds(&store, 5..20);
    assert_eq!(entries(&store), [20, 10, 10]);
    let second = store.scan(VB, ALL).unwrap();
    rounds(&store, 20..40);
    assert_eq!(entries(&store), [30, 10, 20]);
    drop(first);
    while store.maintain(3).unwrap() {}
    assert_eq!(entries(&store), [20, 10, 10]);
    drop(second);
    while store.maintain(100).unwrap() {}
    assert_eq!(entries(&store), [10, 10, 0]);
    assert!(!store.maintain(100).unwrap(), "there is always more to do");
}

#[test]
fn a_scan_keeps_nothing_that_it_has_passed() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    rounds(&store, 0..1);
    let mut scan = store.scan(VB, ALL).unwrap();
    scan.next(SliceBudget { bytes: usize::MAX, items: 7 }, &mut Vec::new()).unwrap();
    rounds(&store, 1..9);
    assert_eq!(entries(&store), [13, 10, 3]);
}

#[test]
fn a_crash_leaves_nothing_behind_for_good() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    rounds(&store, 0..5);
    let scan = store.scan(VB, ALL).unwrap();
    rounds(&store, 5..9);
    drop(scan);
    drop(store);
    let store = begun(&folder, small(1));
    assert_eq!(entries(&store), [20, 10, 10]);
    while store.maintain(4).unwrap() {}
    assert_eq!(entries(&store), [10, 10, 0]);
}

#[test]
fn scans_that_keep_too_much_end() {
    let folder = temporary();
    let options = EmbeddedOptions { superseded_max: 15, ..small(1) };
    let store = begun(&folder, options);
    rounds(&store, 0..1);
    let mut first = store.scan(VB, ALL).unwrap();
    rounds(&store, 1..2);
    let mut second = store.scan(VB, ALL).unwrap();
    first.next(ONE, &mut Vec::new()).unwrap();
    rounds(&store, 2..4);
    for scan in [&mut first, &mut second] {
        let e = scan.next(ONE, &mut Vec::new()).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Retry, "{e}");
        assert!(e.to_string().contains("more than 15 replaced versions"), "{e}");
    }
    while store.maintain(100).unwrap() {}
    assert_eq!(entries(&store), [10, 10, 0]);
    let mut third = store.scan(VB, ALL).unwrap();
    third.next(ONE, &mut Vec::new()).unwrap();
}

#[test]
fn too_many_scans_are_refused() {
    let folder = temporary();
    let store = begun(&folder, EmbeddedOptions { scans_max: 2, ..small(1) });
    let first = store.scan(VB, ALL).unwrap();
    let _second = store.scan(VB, ALL).unwrap();
    let refused = store.scan(VB, ALL).map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Retry, "{refused}");
    assert_eq!(store.scan(VbId(1), ALL).map(drop).unwrap_err().kind(), ErrorKind::Retry);
    drop(first);
    store.scan(VB, ALL).unwrap();
}

#[test]
fn dead_generations_are_deleted_in_slices() {
    let folder = temporary();
    let store = begun(&folder, small(2));
    let log = [FailoverEntry { uuid: VbUuid(1), seqno: Seqno(0) }];
    rounds(&store, 0..1);
    store.rollback(VB, Seqno(0), &log).unwrap();
    rounds(&store, 0..2);
    store.reset(VB).unwrap();
    commit(&store, 0, 1..=4).unwrap();
    commit(&store, 1, 1..=5).unwrap();
    assert_eq!(entries(&store), [29, 29, 0]);
    assert!(store.maintain(3).unwrap());
    assert_eq!(entries(&store), [26, 29, 0]);
    drop(store);
    let store = begun(&folder, small(2));
    let mut slices = 0;
    while store.maintain(3).unwrap() {
        slices += 1;
    }
    assert!(slices > 10, "{slices} slices");
    assert_eq!(entries(&store), [9, 9, 0]);
    assert_eq!(store.core.database.dead().unwrap(), []);
    assert_eq!(store.load(VB).unwrap().items, 4);
}

/// A rollback to where every version is still there is exact; below that it starts again.
#[test]
fn rollback_reaches_as_far_as_versions_are_kept() {
    for held in [true, false] {
        let folder = temporary();
        let store = begun(&folder, small(1));
        let log = [FailoverEntry { uuid: VbUuid(1), seqno: Seqno(0) }];
        rounds(&store, 0..3);
        let scan = held.then(|| store.scan(VB, ALL).unwrap());
        commit(&store, 0, 31..=36).unwrap();
        drop(scan);
        let reached = store.rollback(VB, Seqno(32), &log).unwrap();
        assert_eq!(reached, Seqno(if held { 32 } else { 0 }));
        assert_eq!(store.load(VB).unwrap().items, if held { 10 } else { 0 });
    }
}

/// Other threads' opens of scans wait for a write that is under way, and their slices do not.
#[test]
fn a_commit_of_many_vbuckets_leaves_none_busy() {
    let folder = temporary();
    let store = begun(&folder, small(64));
    for vb in 0..64 {
        commit(&store, vb, 1..=3).unwrap();
    }
    assert!(commit(&store, 5, 2..=9).is_err(), "a seqno was committed twice");
    assert!(store.core.slots.iter().all(|slot| !slot.lock().busy));
    assert!(store.core.slots.iter().all(|slot| slot.lock().kept.items == 3));
}
