//! What a DCP connection is opened with, and its controls: granted where it is built, else refused.

use super::dcp::{Dcp, from_zero};
use super::requests::set;
use super::running::Running;
use bytes::BytesMut;
use millstream::types::{Opaque, Seqno, VbId};
use millstream::wire::dcp::{
    BufferAck, CloseStream, Control, GetFailoverLog, Mutation, Noop, Open, OpenFlags,
};
use millstream::wire::kv::SelectBucket;
use millstream::wire::{Opcode, Response, Status};

fn open(server: &Running, bits: u32, name: &[u8], value: &[u8]) -> Status {
    let open = Open { flags: OpenFlags(bits), name, value };
    server.client().status(|opaque, out| open.encode(opaque, out))
}

#[test]
fn flags_are_granted_or_refused() {
    let server = Running::start();
    for bits in [0x01, 0x05, 0x09, 0x0d, 0x21, 0x25, 0x41, 0x105, 0x16d ^ 0x08] {
        assert_eq!(open(&server, bits, b"granted", b""), Status::SUCCESS, "{bits:#x}");
    }
    for bits in [0x00, 0x04] {
        let status = open(&server, bits, b"refused", b"");
        assert_eq!(status, Status::NOT_SUPPORTED, "{bits:#x}");
    }
    for bits in [0x03, 0x11, 0x49, 0x81, 0x101, 0x200, 0x201, 0x8000_0001] {
        assert_eq!(open(&server, bits, b"refused", b""), Status::EINVAL, "{bits:#x}");
    }
}

#[test]
fn names_are_text_of_some_length() {
    let server = Running::start();
    assert_eq!(open(&server, 1, &[b'n'; 200], b""), Status::SUCCESS);
    assert_eq!(open(&server, 1, &[b'n'; 201], b""), Status::EINVAL);
    assert_eq!(open(&server, 1, b"", b""), Status::EINVAL);
    assert_eq!(open(&server, 1, b"\xff\xfe", b""), Status::EINVAL);
    assert_eq!(open(&server, 1, b"name", b"{}"), Status::EINVAL);
}

#[test]
fn a_connection_is_opened_once() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "once");
    let again = Open { flags: OpenFlags::PRODUCER, name: b"twice", value: &[] };
    assert_eq!(dcp.status(|o, out| again.encode(o, out)), Status::EINVAL);
    dcp.stream(&from_zero(0));
}

#[test]
fn nothing_of_dcp_goes_before_it_is_opened() {
    let server = Running::start();
    let mut client = server.client();
    let control = Control { key: b"enable_noop", value: b"true" };
    assert_eq!(client.status(|o, out| control.encode(o, out)), Status::EINVAL);
    assert_eq!(client.status(|o, out| from_zero(0).encode(o, out)), Status::EINVAL);
    let close = CloseStream { vb: VbId(0), sid: None };
    assert_eq!(client.status(|o, out| close.encode(o, out)), Status::EINVAL);
    let log = GetFailoverLog { vb: VbId(0) };
    assert_eq!(client.status(|o, out| log.encode(o, out)), Status::EINVAL);
    assert_eq!(client.status(|o, out| Noop.encode(o, out)), Status::EINVAL);
    assert_eq!(client.status(|o, out| BufferAck { bytes: 1 }.encode(o, out)), Status::EINVAL);
}

#[test]
fn controls_are_granted_or_refused() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "controls");
    let cases = [
        ("connection_buffer_size", "20971520", Status::SUCCESS),
        ("connection_buffer_size", "0", Status::SUCCESS),
        ("connection_buffer_size", "many", Status::EINVAL),
        ("connection_buffer_size", "4294967296", Status::EINVAL),
        ("stream_buffer_size", "1", Status::NOT_SUPPORTED),
        ("enable_noop", "true", Status::SUCCESS),
        ("enable_noop", "false", Status::SUCCESS),
        ("set_noop_interval", "180", Status::SUCCESS),
        ("set_noop_interval", "0.5", Status::SUCCESS),
        ("set_noop_interval", "0.01", Status::EINVAL),
        ("set_noop_interval", "soon", Status::EINVAL),
        ("set_priority", "high", Status::SUCCESS),
        ("set_priority", "medium", Status::SUCCESS),
        ("set_priority", "low", Status::SUCCESS),
        ("set_priority", "lowest", Status::EINVAL),
        ("backfill_order", "round-robin", Status::SUCCESS),
        ("backfill_order", "sequential", Status::SUCCESS),
        ("backfill_order", "random", Status::EINVAL),
        ("force_value_compression", "true", Status::EINVAL),
        ("supports_cursor_dropping", "true", Status::SUCCESS),
        ("supports_cursor_dropping_vulcan", "true", Status::SUCCESS),
        ("supports_hifi_MFU", "true", Status::SUCCESS),
        ("send_stream_end_on_client_close_stream", "true", Status::SUCCESS),
        ("enable_expiry_opcode", "true", Status::SUCCESS),
        ("enable_stream_id", "true", Status::SUCCESS),
        ("enable_stream_id", "false", Status::EINVAL),
        ("enable_sync_writes", "true", Status::NOT_SUPPORTED),
        ("consumer_name", "replica", Status::NOT_SUPPORTED),
        ("enable_out_of_order_snapshots", "true", Status::NOT_SUPPORTED),
        ("enable_out_of_order_snapshots", "maybe", Status::EINVAL),
        ("include_deleted_user_xattrs", "true", Status::EINVAL),
        ("v7_dcp_status_codes", "true", Status::SUCCESS),
        ("flatbuffers_system_events", "true", Status::SUCCESS),
        ("flatbuffers_system_events", "false", Status::EINVAL),
        ("change_streams", "true", Status::NOT_SUPPORTED),
        ("max_marker_version", "2.2", Status::NOT_SUPPORTED),
        ("max_marker_version", "9", Status::EINVAL),
        ("cache_transfer", "true", Status::NOT_SUPPORTED),
        ("enable_ext_metadata", "true", Status::EINVAL),
    ];
    for (key, value, status) in cases {
        assert_eq!(dcp.try_control(key, value), status, "{key} = {value}");
    }
    let empty = Control { key: b"enable_noop", value: b"" };
    assert_eq!(dcp.status(|o, out| empty.encode(o, out)), Status::EINVAL);
    let wanted = dcp.try_stream(&from_zero(0)).status();
    assert_eq!(wanted, Status::DCP_STREAM_ID_INVALID, "streams have ids now");
}

#[test]
fn a_refusal_says_what_was_wrong() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "why");
    let control = Control { key: b"change_streams", value: b"true" };
    let frame = dcp.ask(|o, out| control.encode(o, out));
    let context: serde_json::Value = serde_json::from_slice(frame.value()).expect("JSON");
    let why = context["error"]["context"].as_str().expect("text");
    assert!(why.contains("every version"), "{why}");
}

#[test]
fn answers_to_events_are_taken_as_they_come() {
    let server = Running::start();
    let answer = |status| {
        let mut out = BytesMut::new();
        let response = Response {
            opcode: Opcode::DCP_SNAPSHOT_MARKER,
            status,
            opaque: Opaque(1),
            cas: millstream::types::Cas::ZERO,
            datatype: millstream::types::Datatype::RAW,
            extras: &[],
            key: &[],
            value: &[],
        };
        response.encode(&mut out);
        out
    };
    let mut dcp = Dcp::open(&server, "answers");
    for status in [
        Status::SUCCESS,
        Status::NOT_MY_VBUCKET,
        Status::DCP_STREAM_NOT_FOUND,
        Status::OPAQUE_NO_MATCH,
        Status::KEY_EEXISTS,
        Status::KEY_ENOENT,
    ] {
        dcp.send(&answer(status));
    }
    dcp.stream(&from_zero(0));
    dcp.control("v7_dcp_status_codes", "true");
    dcp.send(&answer(Status::KEY_EEXISTS));
    dcp.is_closed();
    let mut dcp = Dcp::open(&server, "answers");
    dcp.send(&answer(Status::EINVAL));
    dcp.is_closed();
    let mut client = server.client();
    client.send(&answer(Status::SUCCESS));
    client.is_closed();
}

/// Whether a connection goes on after its client answered an event so.
fn goes_on(server: &Running, v7: bool, opcode: Opcode, status: Status) -> bool {
    let mut dcp = Dcp::open(server, "answering");
    if v7 {
        dcp.control("v7_dcp_status_codes", "true");
    }
    let mut out = BytesMut::new();
    Response {
        opcode,
        status,
        opaque: Opaque(1),
        cas: millstream::types::Cas::ZERO,
        datatype: millstream::types::Datatype::RAW,
        extras: &[],
        key: &[],
        value: &[],
    }
    .encode(&mut out);
    SelectBucket { bucket: b"default" }.encode(Opaque(2), &mut out);
    dcp.send(&out);
    // A DCP connection does not change its bucket, and says so if it is still there.
    dcp.poll_next().is_some_and(|frame| frame.status() == Status::NOT_SUPPORTED)
}

#[test]
fn an_answer_to_any_event_counts_by_its_status() {
    let server = Running::start();
    let events =
        [0x55, 0x56, 0x57, 0x58, 0x59, 0x5b, 0x5f, 0x60, 0x62, 0x63, 0x64, 0x65].map(Opcode);
    for opcode in events {
        for v7 in [false, true] {
            let end = opcode == Opcode::DCP_STREAM_END;
            let of_sync_writes = [Opcode::DCP_COMMIT, Opcode::DCP_ABORT].contains(&opcode);
            for (status, tolerated) in [
                (Status::SUCCESS, true),
                (Status::NOT_MY_VBUCKET, true),
                (Status::DCP_STREAM_NOT_FOUND, true),
                (Status::OPAQUE_NO_MATCH, true),
                (Status::KEY_ENOENT, end || !v7 && !of_sync_writes),
                (Status::KEY_EEXISTS, !v7),
                (Status::EINVAL, false),
                (Status::ENOMEM, false),
                (Status::ROLLBACK, false),
            ] {
                let went_on = goes_on(&server, v7, opcode, status);
                assert_eq!(went_on, tolerated, "{opcode} {status}, version 7: {v7}");
            }
        }
    }
    // To a no-op, whatever it says: it was read.
    assert!(goes_on(&server, true, Opcode::DCP_NOOP, Status::EINVAL));
}

#[test]
fn commands_of_consumers_are_refused() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "producer");
    for opcode in [Opcode::DCP_ADD_STREAM, Opcode::DCP_FLUSH, Opcode::DCP_SEQNO_ACKNOWLEDGED] {
        let mut out = BytesMut::new();
        let bucket = SelectBucket { bucket: b"x" };
        bucket.encode(Opaque(7), &mut out);
        out[1] = opcode.0;
        dcp.send(&out);
        let frame = dcp.next();
        assert_eq!((frame.opcode(), frame.status()), (opcode, Status::NOT_SUPPORTED));
    }
    dcp.stream(&from_zero(0));
}

/// Clients end the connection when one of these is refused; the page on controls says that nothing follows from them.
#[test]
fn what_a_client_says_that_it_supports_is_taken_and_changes_nothing() {
    let server = Running::start();
    let mut writer = server.client();
    for n in 0..3 {
        writer.store(set(0, format!("key-{n}").as_bytes(), b"value"));
        writer.value(0, b"key-0");
    }
    let said = [
        &[][..],
        &[("supports_hifi_MFU", "true")],
        &[("supports_hifi_MFU", "false"), ("supports_cursor_dropping", "false")],
        &[("supports_cursor_dropping_vulcan", "true"), ("supports_hifi_MFU", "true")],
    ];
    let mut shown = Vec::new();
    for (n, controls) in said.into_iter().enumerate() {
        let mut dcp = Dcp::open(&server, if n % 2 == 0 { "client" } else { "replication:client" });
        for (key, value) in controls {
            dcp.control(key, value);
        }
        dcp.stream(&from_zero(0));
        let marker = dcp.marker();
        let frames = [(); 3].map(|()| dcp.event());
        let mutations = frames.each_ref().map(|frame| Mutation::parse(frame).expect("a document"));
        assert!(mutations.iter().all(|mutation| mutation.nru == 0), "hotness is not counted");
        shown.push((marker, mutations.map(|m| (m.seqno, m.key.to_vec(), m.cas))));
    }
    assert_eq!(shown[0].0.1, Seqno(3));
    assert!(shown.iter().all(|one| *one == shown[0]));
}
