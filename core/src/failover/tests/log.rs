use crate::failover::uuid::UUID_MASK;
use crate::failover::{FailoverLog, random_uuid};
use crate::limits::FAILOVER_ENTRIES_MAX;
use crate::types::{FailoverEntry, Seqno, VbUuid};
use proptest::prelude::*;
use std::collections::HashSet;

fn entry(uuid: u64, seqno: u64) -> FailoverEntry {
    FailoverEntry { uuid: VbUuid(uuid), seqno: Seqno(seqno) }
}

fn pairs(log: &FailoverLog) -> Vec<(u64, u64)> {
    log.entries().iter().map(|e| (e.uuid.get(), e.seqno.get())).collect()
}

fn check(log: &FailoverLog) {
    let entries = log.entries();
    assert!((1..=FAILOVER_ENTRIES_MAX).contains(&entries.len()));
    assert!(entries.windows(2).all(|pair| pair[0].seqno >= pair[1].seqno), "{entries:?}");
    let uuids: HashSet<_> = entries.iter().map(|e| e.uuid).collect();
    assert_eq!(uuids.len(), entries.len(), "a uuid twice: {entries:?}");
    assert!(!uuids.contains(&VbUuid::ZERO));
}

#[test]
fn a_new_log_has_one_branch() {
    let log = FailoverLog::new(VbUuid(7), Seqno(3));
    assert_eq!(pairs(&log), [(7, 3)]);
    assert_eq!(log.newest(), entry(7, 3));
}

#[test]
#[should_panic(expected = "uuid other than 0")]
fn a_log_refuses_uuid_zero() {
    let _ = FailoverLog::new(VbUuid::ZERO, Seqno(3));
}

#[test]
#[should_panic(expected = "uuid other than 0")]
fn a_branch_refuses_uuid_zero() {
    FailoverLog::new(VbUuid(1), Seqno(3)).push(VbUuid::ZERO, Seqno(4));
}

#[test]
#[should_panic(expected = "already names a branch")]
fn a_branch_refuses_a_known_uuid() {
    FailoverLog::new(VbUuid(1), Seqno(3)).push(VbUuid(1), Seqno(4));
}

#[test]
fn a_branch_drops_those_that_began_above_it() {
    let mut log = FailoverLog::new(VbUuid(1), Seqno(0));
    log.push(VbUuid(2), Seqno(100));
    log.push(VbUuid(3), Seqno(200));
    log.push(VbUuid(4), Seqno(200));
    assert_eq!(pairs(&log), [(4, 200), (3, 200), (2, 100), (1, 0)], "equal seqnos stay");
    log.push(VbUuid(5), Seqno(150));
    assert_eq!(pairs(&log), [(5, 150), (2, 100), (1, 0)]);
    log.push(VbUuid(3), Seqno(160));
    assert_eq!(log.newest(), entry(3, 160), "a uuid that was dropped may come again");
}

#[test]
fn a_branch_below_all_others_is_the_only_one_left() {
    let mut log = FailoverLog::new(VbUuid(1), Seqno(10));
    log.push(VbUuid(2), Seqno(20));
    log.push(VbUuid(3), Seqno(5));
    assert_eq!(pairs(&log), [(3, 5)]);
}

#[test]
fn a_full_log_drops_its_oldest() {
    let mut log = FailoverLog::new(VbUuid(1), Seqno(0));
    for n in 2..=FAILOVER_ENTRIES_MAX as u64 {
        log.push(VbUuid(n), Seqno(n * 10));
    }
    assert_eq!(log.entries().len(), FAILOVER_ENTRIES_MAX);
    assert_eq!(log.entries().last(), Some(&entry(1, 0)));
    log.push(VbUuid(99), Seqno(1000));
    assert_eq!(log.entries().len(), FAILOVER_ENTRIES_MAX);
    assert_eq!(log.newest(), entry(99, 1000));
    assert_eq!(log.entries().last(), Some(&entry(2, 20)));
}

#[test]
fn pruning_drops_what_began_above() {
    let mut log = FailoverLog::new(VbUuid(1), Seqno(0));
    log.push(VbUuid(2), Seqno(100));
    log.push(VbUuid(3), Seqno(200));
    let whole = log.clone();
    assert_eq!(log.prune_above(Seqno(200)), 0);
    assert_eq!(log, whole);
    assert_eq!(log.prune_above(Seqno(199)), 1);
    assert_eq!(pairs(&log), [(2, 100), (1, 0)]);
    assert_eq!(log.prune_above(Seqno(0)), 1);
    assert_eq!(pairs(&log), [(1, 0)]);
}

#[test]
fn pruning_never_empties_a_log() {
    let mut log = FailoverLog::new(VbUuid(1), Seqno(50));
    log.push(VbUuid(2), Seqno(100));
    assert_eq!(log.prune_above(Seqno(20)), 1);
    assert_eq!(pairs(&log), [(1, 20)]);
}

#[test]
fn stored_entries_are_sanitised() {
    let stored = [
        entry(5, 400),
        entry(0, 390), // no uuid
        entry(4, 401), // above the one before
        entry(3, 400), // equal is in order
        entry(5, 300), // a uuid again
        entry(2, 200),
        entry(9, 201), // above the one kept before
        entry(1, 0),
    ];
    let sanitised = FailoverLog::from_entries(&stored);
    assert_eq!(sanitised.dropped, 4);
    let log = sanitised.log.unwrap();
    assert_eq!(pairs(&log), [(5, 400), (3, 400), (2, 200), (1, 0)]);
}

#[test]
fn good_entries_are_kept_as_they_are() {
    let stored = [entry(3, 9), entry(2, 9), entry(1, 0)];
    let sanitised = FailoverLog::from_entries(&stored);
    assert_eq!(sanitised.dropped, 0);
    assert_eq!(sanitised.log.unwrap().entries(), stored);
}

#[test]
fn nothing_usable_is_no_log() {
    for stored in [&[][..], &[entry(0, 1), entry(0, 0)][..]] {
        let sanitised = FailoverLog::from_entries(stored);
        assert_eq!(sanitised.log, None);
        assert_eq!(sanitised.dropped, stored.len());
    }
}

#[test]
fn too_many_entries_lose_the_oldest() {
    let stored: Vec<_> = (1..=40u64).rev().map(|n| entry(n, n)).collect();
    let sanitised = FailoverLog::from_entries(&stored);
    assert_eq!(sanitised.dropped, 15);
    let log = sanitised.log.unwrap();
    assert_eq!(log.entries(), &stored[..FAILOVER_ENTRIES_MAX]);
}

#[test]
fn a_branch_ends_where_the_next_began() {
    let mut log = FailoverLog::new(VbUuid(1), Seqno(0));
    log.push(VbUuid(2), Seqno(100));
    log.push(VbUuid(3), Seqno(200));
    assert_eq!(log.branch_end(VbUuid(1), Seqno(250)), Some(Seqno(100)));
    assert_eq!(log.branch_end(VbUuid(2), Seqno(250)), Some(Seqno(200)));
    assert_eq!(log.branch_end(VbUuid(3), Seqno(250)), Some(Seqno(250)));
    assert_eq!(
        log.branch_end(VbUuid(2), Seqno(150)),
        Some(Seqno(150)),
        "never above the high seqno"
    );
    assert_eq!(log.branch_end(VbUuid(4), Seqno(250)), None);
    assert_eq!(log.branch_end(VbUuid(0), Seqno(250)), None);
}

#[test]
fn the_wire_has_pairs_newest_first() {
    let mut log = FailoverLog::new(VbUuid(0x0102_0304_0506), Seqno(0));
    log.push(VbUuid(0xA), Seqno(0x1122_3344_5566_7788));
    let mut out = vec![0xEE];
    log.encode(&mut out);
    assert_eq!(out.len(), 1 + log.wire_bytes());
    assert_eq!(
        out[1..],
        [
            0, 0, 0, 0, 0, 0, 0, 0xA, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, //
            0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0,
        ]
    );
}

#[test]
fn random_uuids_are_48_bits_and_differ() {
    let draws = 10_000;
    let seen: HashSet<_> = (0..draws).map(|_| random_uuid()).collect();
    assert_eq!(seen.len(), draws, "two in {draws} alike: {:.1e} expected", 5e7 / 2.8e14);
    assert!(seen.iter().all(|uuid| (1..=UUID_MASK).contains(&uuid.get())));
    let ones: u32 = seen.iter().map(|uuid| uuid.get().count_ones()).sum();
    let share = f64::from(ones) / (draws as f64 * 48.0);
    assert!((0.49..0.51).contains(&share), "{share} of the bits are set");
}

#[test]
fn threads_draw_different_uuids() {
    let drawn: Vec<_> = (0..8)
        .map(|_| std::thread::spawn(|| (0..100).map(|_| random_uuid()).collect::<Vec<_>>()))
        .flat_map(|thread| thread.join().expect("drawing does not panic"))
        .collect();
    assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 800);
}

proptest! {
    #[test]
    fn every_log_keeps_its_invariants(
        stored in prop::collection::vec((0u64..30, 0u64..60), 0..40),
        steps in prop::collection::vec((any::<bool>(), 0u64..60), 0..60),
    ) {
        let stored: Vec<_> = stored.into_iter().map(|(uuid, seqno)| entry(uuid, seqno)).collect();
        let sanitised = FailoverLog::from_entries(&stored);
        let kept = sanitised.log.as_ref().map_or(0, |log| log.entries().len());
        prop_assert_eq!(kept + sanitised.dropped, stored.len());
        let mut log = sanitised.log.unwrap_or_else(|| FailoverLog::new(VbUuid(1000), Seqno(60)));
        check(&log);
        for (n, (push, seqno)) in steps.into_iter().enumerate() {
            if push {
                log.push(VbUuid(2000 + n as u64), Seqno(seqno));
                prop_assert_eq!(log.newest(), entry(2000 + n as u64, seqno));
            } else {
                log.prune_above(Seqno(seqno));
            }
            prop_assert!(log.newest().seqno <= Seqno(seqno));
            check(&log);
            let again = FailoverLog::from_entries(log.entries());
            prop_assert_eq!((again.log.as_ref(), again.dropped), (Some(&log), 0));
        }
    }
}
