//! Streams of clients that know of collections.

use super::scene::{STREAM, accepted, advanced, from_zero, marker, put};
use crate::testing::oracle::{Event, Fault, Shows, StreamOracle};
use crate::types::{CollectionId, Seqno};

fn made(seqno: u64, id: u32) -> Event<'static> {
    Event::Collection { seqno: Seqno(seqno), id: CollectionId(id), exists: true }
}

fn dropped(seqno: u64, id: u32) -> Event<'static> {
    Event::Collection { seqno: Seqno(seqno), id: CollectionId(id), exists: false }
}

/// What is wrong with a stream of collections.
fn faults(shows: Shows, events: &[Event<'_>]) -> Vec<Fault> {
    let mut oracle = StreamOracle::new().with_collections();
    oracle.asked_for(STREAM, shows);
    for event in events {
        oracle.observe(STREAM, *event);
    }
    oracle.violations().first.iter().map(|violation| violation.fault.clone()).collect()
}

fn only(id: u32) -> Shows {
    Shows::Collections(vec![CollectionId(id)])
}

#[test]
fn a_stream_that_tells_of_what_it_shows() {
    let events =
        [from_zero(), marker(0, 6), put(1, "\0a"), made(2, 8), put(3, "\x08a"), dropped(4, 8)];
    assert_eq!(faults(Shows::All, &[&events[..], &[made(5, 9), put(6, "\x09a")]].concat()), []);
    let events = [from_zero(), marker(0, 9), made(2, 8), put(3, "\x08a"), advanced(9)];
    assert_eq!(faults(only(8), &events), []);
    assert_eq!(faults(Shows::Scope(8), &events), []);
    // What came before its beginning is not known.
    assert_eq!(faults(Shows::All, &[accepted(4, 9), marker(4, 6), put(6, "\x08a")]), []);
}

#[test]
fn a_document_before_its_collection() {
    let fault = Fault::NotTold { id: CollectionId(8), seqno: Seqno(3) };
    assert_eq!(faults(Shows::All, &[from_zero(), marker(0, 3), put(3, "\x08a")]), [fault]);
}

#[test]
fn a_document_behind_the_end_of_its_collection() {
    let fault = Fault::NotTold { id: CollectionId(8), seqno: Seqno(4) };
    let events = [made(2, 8), dropped(3, 8), put(4, "\x08a")];
    let whole = [&[from_zero(), marker(0, 4)], &events[..]].concat();
    assert_eq!(faults(Shows::All, &whole), std::slice::from_ref(&fault));
    let rest = [&[accepted(1, 9), marker(1, 4)], &events[1..]].concat();
    assert_eq!(faults(Shows::All, &rest), [fault]);
}

#[test]
fn what_the_stream_is_not_to_show() {
    let fault = |seqno| Fault::NotAskedFor { id: CollectionId(9), seqno: Seqno(seqno) };
    let events = [from_zero(), marker(0, 4), made(2, 9), put(4, "\x09a")];
    assert_eq!(faults(only(8), &events), [fault(2), fault(4)]);
    let default = Fault::NotAskedFor { id: CollectionId(0), seqno: Seqno(4) };
    let events = [from_zero(), marker(0, 4), put(4, "\0a")];
    assert_eq!(faults(only(8), &events), std::slice::from_ref(&default));
    assert_eq!(faults(Shows::Scope(8), &events), [default]);
}

#[test]
fn a_key_without_a_collection() {
    for key in ["\u{80}", "\0", "\x08"] {
        let events = [from_zero(), marker(0, 4), made(2, 8), put(4, key)];
        let found = faults(Shows::All, &events);
        assert!(matches!(found[..], [Fault::NoCollection { .. }]), "{key:?}: {found:?}");
    }
}

#[test]
fn nothing_follows_a_seqno_advanced_at_or_below_it() {
    let events = [from_zero(), marker(0, 9), made(2, 8), advanced(6), put(6, "\x08a")];
    let fault = Fault::NotRising { seqno: Seqno(6), last: Seqno(6) };
    assert_eq!(faults(only(8), &events), [fault]);
    let beyond = [from_zero(), marker(0, 9), advanced(10)];
    let found = faults(only(8), &beyond);
    assert!(matches!(found[..], [Fault::OutsideSnapshot { .. }]), "{found:?}");
}
