//! The rules that need no engine.

use super::arithmetic::{changed, parse};
use super::expiry::{deadline, is_over, living};
use super::locks::LockStatus;
use super::observe::end_of_branch;
use super::store::obstacle;
use crate::partition::Found;
use crate::types::{Cas, Datatype, DocKind, DocMeta, FailoverEntry, RevSeqno, Seqno, VbUuid};
use crate::wire::Status;
use crate::wire::kv::ArithmeticMode::{Decrement, Increment};
use crate::wire::kv::{Failover, StoreMode};

const NOW: u32 = 1_700_000_000;
const MONTH: u32 = 30 * 24 * 60 * 60;

fn meta(kind: DocKind, expiry: u32) -> DocMeta {
    DocMeta {
        seqno: Seqno(1),
        cas: Cas(77),
        rev: RevSeqno(1),
        flags: 0,
        expiry,
        datatype: Datatype::RAW,
        kind,
    }
}

#[test]
fn expiries_count_from_now_or_from_1970() {
    for (expiry, at) in
        [(0, 0), (1, NOW + 1), (MONTH, NOW + MONTH), (MONTH + 1, MONTH + 1), (u32::MAX, u32::MAX)]
    {
        assert_eq!(deadline(expiry, NOW), at, "{expiry}");
    }
    assert_eq!(deadline(MONTH, u32::MAX - 1), u32::MAX, "the clock's end");
    assert!(!is_over(0, NOW));
    assert!(is_over(NOW - 1, NOW) && is_over(NOW, NOW));
    assert!(!is_over(NOW + 1, NOW));
}

#[test]
fn readers_find_what_lives() {
    let finds = |kind, expiry| {
        let meta = meta(kind, expiry);
        living(Some(Found { meta: &meta, value: None, lock: None }), NOW).is_some()
    };
    assert!(finds(DocKind::Alive, 0) && finds(DocKind::Alive, NOW + 1));
    assert!(!finds(DocKind::Alive, NOW));
    assert!(!finds(DocKind::Deleted, NOW + 1) && !finds(DocKind::Expired, NOW + 1));
    assert!(living(None, NOW).is_none());
}

#[test]
fn stores_have_their_obstacles() {
    use StoreMode::{Add, Replace, Set};
    let meta = meta(DocKind::Alive, 0);
    let found = Some(Found { meta: &meta, value: None, lock: None });
    let cases = [
        (Set, Cas(0), None, None),
        (Set, Cas(0), found, None),
        (Set, Cas(77), found, None),
        (Set, Cas(78), found, Some(Status::KEY_EEXISTS)),
        (Set, Cas(77), None, Some(Status::KEY_ENOENT)),
        (Add, Cas(0), None, None),
        (Add, Cas(0), found, Some(Status::KEY_EEXISTS)),
        (Replace, Cas(0), None, Some(Status::KEY_ENOENT)),
        (Replace, Cas(0), found, None),
        (Replace, Cas(77), found, None),
        (Replace, Cas(78), found, Some(Status::KEY_EEXISTS)),
    ];
    for (mode, cas, found, expected) in cases {
        let locked = LockStatus(Status::LOCKED);
        assert_eq!(obstacle(mode, cas, found, locked), expected, "{mode:?} {cas} {found:?}");
    }
}

#[test]
fn counters_are_digits() {
    for (value, count) in [
        (&b"0"[..], Some(0)),
        (b"007", Some(7)),
        (b"12  ", Some(12)),
        (b"18446744073709551615", Some(u64::MAX)),
        (b"18446744073709551616", None),
        (b"", None),
        (b"  ", None),
        (b" 1", None),
        (b"+1", None),
        (b"-1", None),
        (b"1.5", None),
        (b"\xd9\xa1", None),
    ] {
        assert_eq!(parse(value), count, "{value:?}");
    }
    assert_eq!(changed(Increment, u64::MAX, 2), 1);
    assert_eq!(changed(Decrement, 1, 2), 0);
    assert_eq!(changed(Decrement, 5, 2), 3);
}

#[test]
fn a_branch_ends_where_the_next_began() {
    let log = [(3, 90), (2, 50), (1, 0)]
        .map(|(uuid, seqno)| FailoverEntry { uuid: VbUuid(uuid), seqno: Seqno(seqno) });
    let ended = |uuid, at| Failover { uuid: VbUuid(uuid), last_seqno: Seqno(at) };
    assert_eq!(end_of_branch(&log, VbUuid(3)), Some(None));
    assert_eq!(end_of_branch(&log, VbUuid(2)), Some(Some(ended(2, 90))));
    assert_eq!(end_of_branch(&log, VbUuid(1)), Some(Some(ended(1, 50))));
    assert_eq!(end_of_branch(&log, VbUuid(4)), None);
}
