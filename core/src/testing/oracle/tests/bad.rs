//! One test for each fault.

use super::scene::{
    STREAM, accepted, advanced, bad, end, from_zero, marker, put, remove, resumed, run, system,
};
use crate::testing::oracle::{Fault, Range, StreamKey, StreamOracle, Violation};
use crate::types::{EndReason, Seqno, Sid, VbId};

fn range(start: u64, end: u64) -> Range {
    Range { start: Seqno(start), end: Seqno(end) }
}

#[test]
fn an_event_of_a_stream_that_was_not_accepted() {
    for event in [marker(0, 1), put(1, "a"), advanced(1), end(EndReason::Ok)] {
        assert_eq!(bad(&[event]), Fault::NotAccepted);
    }
}

#[test]
fn an_event_of_a_stream_of_another_name() {
    let mut oracle = StreamOracle::new();
    oracle.observe(StreamKey::with_sid(VbId(7), Sid(1)), from_zero());
    oracle.observe(STREAM, marker(0, 1));
    assert_eq!(oracle.violations().first[0].fault, Fault::NotAccepted);
}

#[test]
fn a_stream_that_is_accepted_while_it_is_open() {
    assert_eq!(bad(&[from_zero(), from_zero()]), Fault::AcceptedTwice);
}

#[test]
fn an_event_after_the_end() {
    for event in [marker(0, 1), put(1, "a"), system(1), advanced(1), end(EndReason::Closed)] {
        assert_eq!(bad(&[from_zero(), end(EndReason::Closed), event]), Fault::AfterEnd);
    }
}

#[test]
fn an_event_after_the_connection_was_lost() {
    let mut oracle = StreamOracle::new();
    oracle.observe(STREAM, from_zero());
    oracle.disconnected();
    oracle.observe(STREAM, marker(0, 1));
    assert_eq!(oracle.violations().first[0].fault, Fault::AfterEnd);
}

#[test]
fn a_marker_backwards() {
    let events = [from_zero(), marker(9, 5), end(EndReason::Closed)];
    assert_eq!(bad(&events), Fault::MarkerBackwards(range(9, 5)));
}

#[test]
fn a_first_marker_below_what_the_client_has() {
    assert_eq!(
        bad(&[accepted(5, u64::MAX), marker(4, 6), put(6, "a")]),
        Fault::MarkerOverlaps { marker: range(4, 6), after: Seqno(5) }
    );
}

#[test]
fn a_marker_that_overlaps_the_snapshot_before_it() {
    for start in [3, 5] {
        assert_eq!(
            bad(&[from_zero(), marker(0, 5), put(5, "a"), marker(start, 9), put(9, "b")]),
            Fault::MarkerOverlaps { marker: range(start, 9), after: Seqno(5) }
        );
    }
    assert_eq!(
        bad(&[from_zero(), advanced(5), marker(5, 9), put(9, "b")]),
        Fault::MarkerOverlaps { marker: range(5, 9), after: Seqno(5) },
        "a seqno-advanced is as good as a snapshot"
    );
}

#[test]
fn a_marker_with_nothing_new() {
    assert_eq!(
        bad(&[accepted(5, u64::MAX), marker(5, 5)]),
        Fault::MarkerBehind { marker: range(5, 5), last: Seqno(5) }
    );
    assert_eq!(
        bad(&[from_zero(), marker(0, 0)]),
        Fault::MarkerBehind { marker: range(0, 0), last: Seqno(0) }
    );
}

#[test]
fn a_cut_that_repeats() {
    for start in [2, 4] {
        assert_eq!(
            bad(&[from_zero(), marker(0, 9), put(4, "a"), marker(start, 12), put(12, "b")]),
            Fault::CutRepeats { marker: range(start, 12), last: Seqno(4) }
        );
    }
}

#[test]
fn a_cut_that_ends_before_what_it_cuts() {
    assert_eq!(
        bad(&[from_zero(), marker(0, 9), put(4, "a"), marker(5, 8), put(8, "b")]),
        Fault::CutEndsEarly { marker: range(5, 8), cut: range(0, 9) }
    );
}

#[test]
fn a_client_in_the_middle_of_a_snapshot_that_is_not_taken_to_its_end() {
    assert_eq!(
        bad(&[resumed(0, 4, 10), marker(4, 9), put(9, "a"), marker(10, 12), put(12, "b")]),
        Fault::CutEndsEarly { marker: range(4, 9), cut: range(0, 10) }
    );
    assert_eq!(
        bad(&[resumed(0, 4, 10), advanced(9), marker(10, 12), put(12, "b")]),
        Fault::CutEndsEarly { marker: range(9, 9), cut: range(0, 10) }
    );
    assert_eq!(
        bad(&[resumed(0, 4, 10), put(5, "a")]),
        Fault::OutsideSnapshot { seqno: Seqno(5), snapshot: None },
        "the marker of another connection is none here"
    );
}

#[test]
fn a_cut_where_none_is_allowed() {
    let events = [from_zero(), marker(0, 9), put(4, "a"), marker(5, 12), put(12, "b")];
    assert_eq!(
        run(StreamOracle::new().forbid_cuts(), &events),
        Err(vec![Fault::SnapshotIncomplete { snapshot: range(0, 9), last: Seqno(4) }])
    );
    run(StreamOracle::new(), &events).unwrap();
}

#[test]
fn a_snapshot_that_is_left_half_way_for_the_next() {
    assert_eq!(
        bad(&[from_zero(), marker(0, 9), put(8, "a"), marker(10, 12), put(12, "b")]),
        Fault::SnapshotIncomplete { snapshot: range(0, 9), last: Seqno(8) }
    );
}

#[test]
fn a_snapshot_that_is_left_half_way_at_the_end_of_the_test() {
    let incomplete = Fault::SnapshotIncomplete { snapshot: range(0, 9), last: Seqno(8) };
    assert_eq!(bad(&[from_zero(), marker(0, 9), put(8, "a")]), incomplete);
    let nothing = Fault::SnapshotIncomplete { snapshot: range(0, 9), last: Seqno(0) };
    assert_eq!(bad(&[from_zero(), marker(0, 9)]), nothing);
}

#[test]
fn a_stream_that_says_it_is_done_half_way() {
    assert_eq!(
        bad(&[accepted(0, 9), marker(0, 9), put(8, "a"), end(EndReason::Ok)]),
        Fault::SnapshotIncomplete { snapshot: range(0, 9), last: Seqno(8) }
    );
}

#[test]
fn a_seqno_that_does_not_rise() {
    for event in [put(4, "b"), put(5, "b"), remove(5, "b"), system(5), advanced(5)] {
        let events = [from_zero(), marker(0, 9), put(5, "a"), event, put(9, "c")];
        assert!(matches!(bad(&events), Fault::NotRising { last: Seqno(5), .. }), "{event:?}");
    }
    assert_eq!(
        bad(&[accepted(5, u64::MAX), marker(5, 9), put(5, "a"), put(9, "b")]),
        Fault::NotRising { seqno: Seqno(5), last: Seqno(5) },
        "the client has it"
    );
    assert_eq!(
        bad(&[accepted(5, u64::MAX), advanced(5), marker(5, 6), put(6, "a")]),
        Fault::NotRising { seqno: Seqno(5), last: Seqno(5) },
        "nor is it news that nothing was there"
    );
}

#[test]
fn a_seqno_outside_its_snapshot() {
    let above = [from_zero(), marker(1, 9), put(10, "a")];
    assert_eq!(
        bad(&above),
        Fault::OutsideSnapshot { seqno: Seqno(10), snapshot: Some(range(1, 9)) }
    );
    let below = [from_zero(), marker(5, 9), put(4, "a"), put(9, "b")];
    assert_eq!(
        bad(&below),
        Fault::OutsideSnapshot { seqno: Seqno(4), snapshot: Some(range(5, 9)) }
    );
}

#[test]
fn a_seqno_with_no_snapshot_open() {
    let none = Fault::OutsideSnapshot { seqno: Seqno(3), snapshot: None };
    assert_eq!(bad(&[from_zero(), put(3, "a")]), none);
    assert_eq!(bad(&[from_zero(), system(3)]), none);
    let complete = [from_zero(), marker(0, 2), put(2, "a"), put(3, "b")];
    assert_eq!(bad(&complete), none);
}

#[test]
fn a_seqno_advanced_past_its_snapshot() {
    assert_eq!(
        bad(&[from_zero(), marker(0, 9), put(8, "a"), advanced(10)]),
        Fault::OutsideSnapshot { seqno: Seqno(10), snapshot: Some(range(0, 9)) }
    );
}

#[test]
fn a_seqno_past_the_streams_end() {
    let past = Fault::PastEnd { seqno: Seqno(6), end: Seqno(5) };
    assert_eq!(bad(&[accepted(0, 5), marker(0, 9), put(6, "a"), end(EndReason::Ok)]), past);
}

#[test]
fn a_key_twice_in_one_snapshot() {
    let twice = Fault::KeyTwice { key: b"a"[..].into(), seqno: Seqno(9), snapshot: range(0, 9) };
    for event in [put(9, "a"), remove(9, "a")] {
        assert_eq!(bad(&[from_zero(), marker(0, 9), put(1, "a"), put(5, "b"), event]), twice);
    }
}

#[test]
fn violations_say_where_and_what() {
    let mut oracle = StreamOracle::new();
    oracle.observe(STREAM, from_zero());
    oracle.observe(StreamKey::with_sid(VbId(9), Sid(2)), put(1, "a"));
    for event in [marker(0, 9), put(5, "a"), put(5, "b")] {
        oracle.observe(STREAM, event);
    }
    let violations = oracle.finish().unwrap_err();
    assert_eq!(
        violations.first[1],
        Violation {
            stream: STREAM,
            event: 5,
            fault: Fault::NotRising { seqno: Seqno(5), last: Seqno(5) },
        }
    );
    assert_eq!(
        violations.to_string(),
        "3 violations\n  \
         event 2, vb 9 sid 2: an event of a stream that was not accepted\n  \
         event 5, vb 7: seqno 5 after 5\n  \
         event 5, vb 7: snapshot 0 to 9 stopped at 5"
    );
}

#[test]
fn violations_are_counted_beyond_those_that_are_kept() {
    let mut oracle = StreamOracle::new();
    for _ in 0..250 {
        oracle.observe(STREAM, put(1, "a"));
    }
    let violations = oracle.finish().unwrap_err();
    assert_eq!((violations.total, violations.first.len()), (250, 100));
    assert!(violations.to_string().ends_with("and 150 more"));
}
