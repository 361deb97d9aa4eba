use super::scene::{
    STREAM, accepted, advanced, end, from_zero, good, marker, put, remove, resumed, system,
};
use crate::testing::oracle::{Event, Report, StreamKey, StreamOracle};
use crate::types::{Cas, DocKind, EndReason, Seqno, Sid, VbId};

#[test]
fn nothing_is_in_order() {
    assert_eq!(StreamOracle::new().finish(), Ok(Report::default()));
    good(&[from_zero()]);
}

#[test]
fn snapshots_one_after_the_other() {
    let expired = Event::Document {
        seqno: Seqno(14),
        key: b"c",
        value: b"",
        cas: Cas(1),
        flags: 0,
        kind: DocKind::Expired,
    };
    let report = good(&[
        from_zero(),
        marker(0, 9),
        put(2, "a"),
        remove(7, "b"),
        put(9, "c"),
        marker(10, 14),
        system(11),
        put(12, "a"),
        expired,
        end(EndReason::Closed),
    ]);
    assert_eq!(
        report,
        Report {
            events: 10,
            accepted: 1,
            ended: 1,
            markers: 2,
            mutations: 3,
            deletions: 1,
            expirations: 1,
            system_events: 1,
            ..Report::default()
        }
    );
    assert_eq!(report.documents(), 5);
}

#[test]
fn the_first_marker_may_start_at_what_the_client_has() {
    good(&[accepted(5, u64::MAX), marker(5, 6), put(6, "a")]);
    good(&[accepted(5, u64::MAX), marker(6, 6), put(6, "a")]);
    good(&[accepted(5, u64::MAX), marker(9, 9), put(9, "a")]);
}

#[test]
fn a_seqno_advanced_completes_a_snapshot_and_stands_for_one() {
    let report = good(&[
        from_zero(),
        marker(0, 9),
        put(2, "a"),
        advanced(5),
        advanced(9),
        advanced(20),
        marker(21, 22),
        put(22, "a"),
    ]);
    assert_eq!(report.seqnos_advanced, 3);
}

#[test]
fn a_snapshot_may_be_cut_by_a_longer_one() {
    let report = good(&[
        from_zero(),
        marker(0, 10),
        put(3, "a"),
        put(5, "b"),
        marker(6, 20),
        put(8, "c"),
        put(15, "a"),
        // And that one as well, by one that starts after a gap and ends where it did.
        marker(18, 20),
        put(20, "a"),
    ]);
    assert_eq!(report.cuts, 2);
}

#[test]
fn a_marker_may_allow_a_key_twice() {
    let history = Event::Marker { start: Seqno(1), end: Seqno(2), flags: 0x30 };
    good(&[from_zero(), history, put(1, "a"), put(2, "a")]);
}

#[test]
fn a_stream_may_end_at_its_end_inside_a_snapshot_that_goes_beyond() {
    good(&[accepted(0, 5), marker(0, 10), put(4, "a"), end(EndReason::Ok)]);
    good(&[accepted(0, 5), marker(0, 5), put(5, "a"), end(EndReason::Ok)]);
    good(&[accepted(5, 5), end(EndReason::Ok)]);
}

#[test]
fn a_stream_may_end_anywhere_for_another_reason() {
    for reason in [EndReason::Closed, EndReason::StateChanged, EndReason::BackfillFailed] {
        good(&[from_zero(), marker(0, 10), put(4, "a"), end(reason)]);
        good(&[from_zero(), marker(0, 10), end(reason)]);
    }
}

#[test]
fn a_stream_may_come_again_after_its_end() {
    let report = good(&[
        from_zero(),
        marker(0, 10),
        put(4, "a"),
        end(EndReason::StateChanged),
        accepted(4, u64::MAX),
        marker(4, 10),
        put(10, "a"),
        end(EndReason::Closed),
        from_zero(),
        marker(0, 3),
        put(3, "a"),
    ]);
    assert_eq!((report.accepted, report.ended), (3, 2));
}

#[test]
fn a_client_in_the_middle_of_a_snapshot_is_taken_to_its_end() {
    for (start, end) in [(4, 10), (5, 10), (4, 20), (8, 20)] {
        let events = [resumed(0, 4, 10), marker(start, end), put(9, "a"), put(end, "b")];
        let report = good(&events);
        assert_eq!(report.cuts, 0, "it was the client that left it");
    }
    good(&[resumed(0, 4, 10), advanced(10), marker(11, 12), put(12, "a")]);
    good(&[resumed(0, 4, 10), marker(4, 10), put(10, "a"), marker(11, 12), put(12, "a")]);
}

#[test]
fn streams_do_not_disturb_each_other() {
    let others = [
        StreamKey::of(VbId(8)),
        StreamKey::with_sid(VbId(7), Sid(1)),
        StreamKey::with_sid(VbId(7), Sid(2)),
    ];
    let mut oracle = StreamOracle::new();
    for event in [from_zero(), marker(0, 2), put(1, "a"), put(2, "b")] {
        for stream in others.into_iter().chain([STREAM]) {
            oracle.observe(stream, event);
        }
    }
    oracle.observe(others[1], end(EndReason::Closed));
    oracle.observe(others[2], marker(3, 3));
    oracle.observe(others[2], put(3, "a"));
    assert_eq!(oracle.report().events, 19);
    assert_eq!(oracle.violations().total, 0);
    oracle.finish().unwrap();
}

#[test]
fn a_lost_connection_may_leave_snapshots_half_way() {
    let mut oracle = StreamOracle::new();
    for event in [from_zero(), marker(0, 10), put(4, "a")] {
        oracle.observe(STREAM, event);
    }
    oracle.disconnected();
    // The next connection of the client.
    for event in [accepted(4, u64::MAX), marker(4, 10), put(10, "b")] {
        oracle.observe(STREAM, event);
    }
    oracle.finish().unwrap();
}
