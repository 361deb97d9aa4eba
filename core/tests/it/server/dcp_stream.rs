//! Streams from their request to their end.

use super::dcp::{Dcp, from_zero};
use super::requests::{delete, set};
use super::running::Running;
use millstream::types::{Datatype, EndReason, Seqno, VbId, VbState, VbUuid};
use millstream::wire::dcp::{
    CloseStream, FailoverLogAnswer, GetFailoverLog, Mutation, OpenFlags, RollbackAnswer,
    StreamFlags, StreamMessage, StreamReq,
};
use millstream::wire::kv::{Hello, Store};
use millstream::wire::{Feature, FeatureSet, Frame, Opcode, Status};

/// Writes so many documents to a vbucket.
fn write(server: &Running, vb: u16, count: u32) {
    let mut client = server.client();
    for n in 0..count {
        let (key, value) = (format!("key-{n}"), format!("value-{n}"));
        client.store(set(vb, key.as_bytes(), value.as_bytes()));
    }
}

fn mutation(frame: &Frame) -> Mutation<'_> {
    match StreamMessage::parse(frame) {
        Ok(StreamMessage::Mutation(mutation)) => mutation,
        other => panic!("a mutation, not {other:?}"),
    }
}

#[test]
fn what_is_written_is_streamed_then_and_afterwards() {
    let server = Running::start();
    write(&server, 3, 10);
    let mut dcp = Dcp::open(&server, "first");
    let (_, log) = dcp.stream(&from_zero(3));
    assert_eq!(log, server.engine.failover_log(VbId(3)).expect("it exists"));
    let documents = dcp.documents(Seqno(10));
    assert_eq!(documents.len(), 10);
    assert_eq!(documents[9], (b"key-9".to_vec(), b"value-9".to_vec()));
    let mut writer = server.client();
    for n in 11..20 {
        writer.store(set(3, b"more", b"1"));
        assert_eq!(dcp.documents(Seqno(n)).len(), 1);
    }
    assert_eq!(dcp.verdict().mutations, 19);
}

#[test]
fn events_carry_the_opaque_of_their_stream_and_all_of_the_document() {
    let server = Running::start();
    let mut writer = server.client();
    let hello = Hello { agent: b"", features: FeatureSet::of(&[Feature::JSON]) };
    assert_eq!(writer.status(|o, out| hello.encode(o, out)), Status::SUCCESS);
    let document = Store {
        flags: 0x0102_0304,
        expiry: 4_000_000_000,
        datatype: Datatype::JSON,
        ..set(9, b"key", b"{}")
    };
    let cas = writer.store(document);
    for json in [false, true] {
        let mut dcp = Dcp::open(&server, "opaque");
        if json {
            assert_eq!(dcp.status(|o, out| hello.encode(o, out)), Status::SUCCESS);
        }
        let (opaque, _) = dcp.stream(&from_zero(9));
        assert_eq!(dcp.event().opaque(), opaque, "the marker");
        let frame = dcp.event();
        let got = mutation(&frame);
        assert_eq!((frame.opaque(), frame.vbucket()), (opaque, VbId(9)));
        assert_eq!((got.cas, got.flags, got.expiry), (cas, 0x0102_0304, 4_000_000_000));
        assert_eq!((got.key, got.value, got.rev.0), (&b"key"[..], &b"{}"[..], 1));
        let datatype = if json { Datatype::JSON } else { Datatype::RAW };
        assert_eq!(got.datatype, datatype, "as it was agreed on");
        dcp.verdict();
    }
}

#[test]
fn deletions_look_as_it_was_agreed() {
    let server = Running::start();
    let mut writer = server.client();
    writer.store(set(0, b"deleted", b"1"));
    writer.status(|o, out| delete(0, b"deleted").encode(o, out));
    writer.store(Store { expiry: 1_000_000_000, ..set(0, b"expired", b"1") });
    assert!(!writer.has(0, b"expired"));
    let timed = OpenFlags::PRODUCER.with(OpenFlags::INCLUDE_DELETE_TIMES);
    let cases = [
        (OpenFlags::PRODUCER, false, [(Opcode::DCP_DELETION, 18), (Opcode::DCP_DELETION, 18)]),
        (OpenFlags::PRODUCER, true, [(Opcode::DCP_DELETION, 18), (Opcode::DCP_DELETION, 18)]),
        (timed, false, [(Opcode::DCP_DELETION, 21), (Opcode::DCP_DELETION, 21)]),
        (timed, true, [(Opcode::DCP_DELETION, 21), (Opcode::DCP_EXPIRATION, 20)]),
    ];
    for (flags, expirations, expected) in cases {
        let mut dcp = Dcp::open_with(&server, "deletions", flags);
        if expirations {
            dcp.control("enable_expiry_opcode", "true");
        }
        dcp.stream(&from_zero(0));
        dcp.marker();
        let got = [(); 2].map(|()| dcp.event()).map(|frame| (frame.opcode(), frame.extras().len()));
        assert_eq!(got, expected, "{flags:?} {expirations}");
        dcp.verdict();
    }
}

#[test]
fn a_stream_ends_where_it_was_asked_to() {
    let server = Running::start();
    write(&server, 1, 10);
    let mut dcp = Dcp::open(&server, "bounded");
    dcp.stream(&StreamReq { end: Seqno(4), ..from_zero(1) });
    assert_eq!(dcp.documents(Seqno::MAX).len(), 4);
    let to_latest = StreamReq { flags: StreamFlags::TO_LATEST, ..from_zero(1) };
    dcp.stream(&to_latest);
    assert_eq!(dcp.documents(Seqno::MAX).len(), 10);
    dcp.stream(&StreamReq { end: Seqno(10), ..from_zero(1) });
    assert_eq!(dcp.documents(Seqno::MAX).len(), 10);
    let report = dcp.verdict();
    assert_eq!((report.accepted, report.ended), (3, 3));
}

#[test]
fn a_stream_with_nothing_to_send_is_granted_and_ends() {
    let server = Running::start();
    write(&server, 1, 3);
    let mut dcp = Dcp::open(&server, "nothing");
    dcp.stream(&StreamReq { end: Seqno(0), ..from_zero(0) });
    assert_eq!(dcp.end(), EndReason::Ok);
    let uuid = server.engine.failover_log(VbId(1)).expect("it exists")[0].uuid;
    let at_end = |seqno: u64| StreamReq {
        start: Seqno(seqno),
        end: Seqno(seqno),
        uuid,
        snap_start: Seqno(seqno),
        snap_end: Seqno(seqno),
        ..from_zero(1)
    };
    for seqno in [1, 3] {
        dcp.stream(&at_end(seqno));
        assert_eq!(dcp.end(), EndReason::Ok);
    }
    let from_latest = StreamReq { flags: StreamFlags::FROM_LATEST, ..from_zero(1) };
    dcp.request_streams(&[from_latest]);
    assert_eq!(dcp.client_status(), Status::SUCCESS);
    dcp.is_silent();
}

#[test]
fn a_stream_goes_on_where_the_client_was() {
    let server = Running::start();
    write(&server, 1, 10);
    let mut dcp = Dcp::open(&server, "resume");
    let (_, log) = dcp.stream(&from_zero(1));
    let (snap_start, snap_end) = dcp.marker();
    for seqno in 1..=6 {
        assert_eq!(mutation(&dcp.event()).seqno, Seqno(seqno));
    }
    drop(dcp);
    let mut dcp = Dcp::open(&server, "resume");
    let uuid = log[0].uuid;
    let request = StreamReq { start: Seqno(6), uuid, snap_start, snap_end, ..from_zero(1) };
    dcp.stream(&request);
    let documents = dcp.documents(Seqno(10));
    assert_eq!(
        documents.iter().map(|(key, _)| &**key).collect::<Vec<_>>(),
        [b"key-6", b"key-7", b"key-8", b"key-9"]
    );
    dcp.verdict();
}

#[test]
fn a_client_of_another_history_is_sent_back() {
    let server = Running::start();
    write(&server, 1, 10);
    let uuid = server.engine.failover_log(VbId(1)).expect("it exists")[0].uuid;
    let mut dcp = Dcp::open(&server, "rollback");
    let at = |start: u64, uuid| StreamReq {
        start: Seqno(start),
        uuid,
        snap_start: Seqno(start),
        snap_end: Seqno(start),
        ..from_zero(1)
    };
    let frame = dcp.try_stream(&at(5, VbUuid(1)));
    assert_eq!((frame.status(), frame.value().len()), (Status::ROLLBACK, 8));
    assert!(frame.extras().is_empty() && frame.key().is_empty());
    let rollback = RollbackAnswer::parse(&frame).expect("a seqno").expect("a rollback");
    assert_eq!(rollback.to, Seqno(0), "an unknown branch");
    let frame = dcp.try_stream(&at(400, uuid));
    let rollback = RollbackAnswer::parse(&frame).expect("a seqno").expect("a rollback");
    assert_eq!(rollback.to, Seqno(10), "ahead of the server");
    dcp.stream(&at(10, uuid));
}

#[test]
fn requests_are_checked_in_their_order() {
    let server = Running::start();
    write(&server, 1, 10);
    server.engine.set_vbucket_state(VbId(2), VbState::Replica).expect("it exists");
    server.engine.set_vbucket_state(VbId(3), VbState::Pending).expect("it exists");
    let mut dcp = Dcp::open(&server, "checks");
    let flags = |bits| StreamReq { flags: StreamFlags(bits), ..from_zero(1) };
    let cases = [
        ("unknown flags", flags(0x400), Status::EINVAL),
        ("no value", flags(0x08), Status::EINVAL),
        ("takeover", flags(0x01), Status::NOT_SUPPORTED),
        ("cache transfer", flags(0x100), Status::NOT_SUPPORTED),
        ("value", StreamReq { value: b"{}", ..from_zero(1) }, Status::EINVAL),
        ("no such vbucket", from_zero(99), Status::NOT_MY_VBUCKET),
        ("pending", from_zero(3), Status::NOT_MY_VBUCKET),
        ("replica", StreamReq { vb: VbId(2), ..flags(0x10) }, Status::NOT_MY_VBUCKET),
        (
            "start above end",
            StreamReq { start: Seqno(2), end: Seqno(1), ..from_zero(1) },
            Status::ERANGE,
        ),
        ("outside", StreamReq { start: Seqno(2), ..from_zero(1) }, Status::ERANGE),
    ];
    for (what, request, status) in cases {
        let frame = dcp.try_stream(&request);
        assert_eq!(frame.status(), status, "{what}");
        let explained = status != Status::NOT_MY_VBUCKET;
        assert_eq!(!frame.value().is_empty(), explained, "{what}");
    }
    dcp.stream(&from_zero(2));
    assert_eq!(dcp.try_stream(&from_zero(2)).status(), Status::KEY_EEXISTS);
    // Sees what it asked for all the same.
    dcp.stream(&StreamReq { flags: StreamFlags::IGNORE_PURGED_TOMBSTONES, ..from_zero(1) });
    assert_eq!(dcp.documents(Seqno(10)).len(), 10);
}

#[test]
fn streams_with_attributes_need_noops() {
    let server = Running::start();
    write(&server, 1, 2);
    let flags = OpenFlags::PRODUCER.with(OpenFlags::INCLUDE_XATTRS);
    let mut dcp = Dcp::open_with(&server, "attributes", flags);
    assert_eq!(dcp.try_stream(&from_zero(1)).status(), Status::NOT_SUPPORTED);
    dcp.control("enable_noop", "true");
    dcp.stream(&from_zero(1));
    assert_eq!(dcp.documents(Seqno(2)).len(), 2);
}

#[test]
fn a_closed_stream_says_so_if_it_was_asked_to() {
    let server = Running::start();
    write(&server, 1, 2);
    let close = |vb| CloseStream { vb: VbId(vb), sid: None };
    let mut dcp = Dcp::open(&server, "close");
    let status = dcp.status(|o, out| close(1).encode(o, out));
    assert_eq!(status, Status::KEY_ENOENT, "there is none yet");
    dcp.stream(&from_zero(1));
    dcp.documents(Seqno(2));
    dcp.close_silently(1);
    dcp.is_silent();
    let status = dcp.status(|o, out| close(1).encode(o, out));
    assert_eq!(status, Status::KEY_ENOENT, "it is closed");
    dcp.control("send_stream_end_on_client_close_stream", "true");
    dcp.stream(&from_zero(1));
    dcp.documents(Seqno(2));
    let opaque = dcp.request(|o, out| close(1).encode(o, out));
    let frame = dcp.message();
    assert_eq!((frame.opaque(), frame.status()), (opaque, Status::SUCCESS));
    assert_eq!(dcp.end(), EndReason::Closed);
    let with_sid = CloseStream { vb: VbId(1), sid: Some(5.into()) };
    let status = dcp.status(|o, out| with_sid.encode(o, out));
    assert_eq!(status, Status::DCP_STREAM_ID_INVALID);
    dcp.stream(&from_zero(1));
    dcp.documents(Seqno(2));
}

#[test]
fn a_vbucket_that_changes_ends_its_streams() {
    let server = Running::start();
    write(&server, 1, 2);
    let mut dcp = Dcp::open(&server, "state");
    dcp.stream(&from_zero(1));
    dcp.documents(Seqno(2));
    server.engine.set_vbucket_state(VbId(1), VbState::Dead).expect("it exists");
    assert_eq!(dcp.end(), EndReason::StateChanged);
    assert_eq!(dcp.try_stream(&from_zero(1)).status(), Status::NOT_MY_VBUCKET);
}

#[test]
fn the_failover_log_is_told_newest_first() {
    let server = Running::start();
    write(&server, 1, 2);
    for state in [VbState::Replica, VbState::Active] {
        server.engine.set_vbucket_state(VbId(1), state).expect("it exists");
    }
    let mut dcp = Dcp::open(&server, "log");
    let frame = dcp.ask(|o, out| GetFailoverLog { vb: VbId(1) }.encode(o, out));
    let entries = FailoverLogAnswer::parse(&frame).expect("a log").entries;
    assert_eq!(entries, server.engine.failover_log(VbId(1)).expect("it exists"));
    assert_eq!((entries.len(), entries[0].seqno), (2, Seqno(2)));
    let nowhere = GetFailoverLog { vb: VbId(99) };
    assert_eq!(dcp.status(|o, out| nowhere.encode(o, out)), Status::NOT_MY_VBUCKET);
}

#[test]
fn many_vbuckets_are_streamed_at_once() {
    let server = Running::start();
    for vb in 0..16 {
        write(&server, vb, 200);
    }
    let mut dcp = Dcp::open(&server, "all");
    let requests: Vec<_> =
        (0..16).map(|vb| StreamReq { end: Seqno(200), ..from_zero(vb) }).collect();
    dcp.request_streams(&requests);
    let mut ended = 0;
    while ended < 16 {
        let frame = dcp.message();
        ended += u32::from(frame.opcode() == Opcode::DCP_STREAM_END);
    }
    let report = dcp.verdict();
    assert_eq!((report.accepted, report.mutations), (16, 16 * 200));
}
