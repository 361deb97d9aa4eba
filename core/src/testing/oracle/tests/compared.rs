use super::scene::{STREAM, accepted, end, from_zero, marker, put, remove};
use crate::testing::oracle::{Event, Expected, Fault, Field, StreamOracle};
use crate::types::{Cas, EndReason, Seqno};

/// What [`put`] writes.
const fn written(seqno: u64) -> Expected<'static> {
    Expected { value: b"value", cas: Cas(seqno * 100), flags: 5, deleted: false }
}

const fn removed(seqno: u64) -> Expected<'static> {
    Expected { value: b"", cas: Cas(seqno * 100), flags: 5, deleted: true }
}

fn compare(events: &[Event<'_>], expected: &[(&str, Expected<'_>)]) -> Vec<Fault> {
    let mut oracle = StreamOracle::new().track_contents();
    for event in events {
        oracle.observe(STREAM, *event);
    }
    oracle.compare(STREAM, expected.iter().map(|(key, doc)| (key.as_bytes(), *doc)));
    match oracle.finish() {
        Ok(_) => Vec::new(),
        Err(violations) => violations.first.into_iter().map(|v| v.fault).collect(),
    }
}

fn history() -> [Event<'static>; 7] {
    [from_zero(), marker(0, 3), put(1, "a"), put(2, "b"), put(3, "c"), marker(4, 4), remove(4, "b")]
}

const GOOD: [(&str, Expected<'static>); 3] =
    [("a", written(1)), ("b", removed(4)), ("c", written(3))];

fn changed(key: usize, change: impl FnOnce(&mut Expected<'static>)) -> Vec<Fault> {
    let mut expected = GOOD;
    change(&mut expected[key].1);
    compare(&history(), &expected)
}

fn differs(key: &str, seqno: u64, field: Field) -> Vec<Fault> {
    vec![Fault::Differs { key: key.as_bytes().into(), seqno: Seqno(seqno), field }]
}

#[test]
fn what_was_written_is_there() {
    assert_eq!(compare(&history(), &GOOD), []);
    assert_eq!(compare(&[from_zero()], &[]), []);
}

#[test]
fn a_deleted_document_may_be_unknown() {
    assert_eq!(compare(&[from_zero()], &[("gone", removed(9))]), []);
    assert_eq!(compare(&history(), &[GOOD[0], GOOD[2]]), [], "nor need it be expected");
}

#[test]
fn a_document_that_is_missing() {
    let mut expected = GOOD.to_vec();
    expected.push(("d", written(5)));
    assert_eq!(compare(&history(), &expected), [Fault::Missing { key: b"d"[..].into() }]);
}

#[test]
fn a_document_that_nobody_wrote() {
    assert_eq!(
        compare(&history(), &GOOD[1..]),
        [Fault::Unexpected { key: b"a"[..].into(), seqno: Seqno(1) }]
    );
}

#[test]
fn a_document_that_differs() {
    assert_eq!(changed(0, |doc| doc.cas = Cas(101)), differs("a", 1, Field::Cas));
    assert_eq!(changed(0, |doc| doc.flags = 6), differs("a", 1, Field::Flags));
    assert_eq!(changed(0, |doc| doc.value = b"valuE"), differs("a", 1, Field::Value));
    assert_eq!(changed(0, |doc| doc.deleted = true), differs("a", 1, Field::Deleted));
    assert_eq!(changed(1, |doc| doc.deleted = false), differs("b", 4, Field::Deleted));
    assert_eq!(changed(1, |doc| doc.cas = Cas(401)), differs("b", 4, Field::Cas));
    assert_eq!(changed(1, |doc| doc.flags = 99), [], "tombstones have no flags on the wire");
}

#[test]
fn an_older_version_is_not_the_newest() {
    let events = [&history()[..], &[marker(5, 5), put(5, "a")]].concat();
    assert_eq!(compare(&events, &GOOD), differs("a", 5, Field::Cas));
}

#[test]
fn what_lies_above_a_rollback_is_forgotten() {
    let mut events = history().to_vec();
    events.extend([end(EndReason::StateChanged), accepted(2, u64::MAX)]);
    assert_eq!(
        compare(&events, &[("a", written(1)), ("b", written(2))]),
        [],
        "c is unknown again, and b is back"
    );
    events.extend([marker(2, 3), remove(3, "a")]);
    assert_eq!(compare(&events, &[("a", removed(3)), ("b", written(2))]), []);
}

#[test]
#[should_panic(expected = "only where they are tracked")]
fn contents_that_are_not_tracked_cannot_be_compared() {
    StreamOracle::new().compare(STREAM, []);
}
