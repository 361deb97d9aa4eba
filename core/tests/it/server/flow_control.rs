//! The window: never more than it and one message is out; what is not counted flows all the same.

use super::dcp::{Dcp, from_zero};
use super::requests::set;
use super::running::Running;
use bytes::BytesMut;
use millstream::types::{EndReason, Opaque, Seqno, VbId};
use millstream::wire::dcp::{BufferAck, CloseStream};
use millstream::wire::kv::{GetClusterConfig, Noop};
use millstream::wire::{Opcode, Status};

/// Writes documents of a size to vbucket 0.
fn write(server: &Running, count: u32, bytes: usize) {
    let mut client = server.client();
    for n in 0..count {
        let key = format!("key-{n:06}");
        client.store(set(0, key.as_bytes(), &vec![b'v'; bytes]));
    }
}

#[test]
fn a_window_of_one_hundred_lets_one_marker_and_one_mutation_through() {
    let server = Running::start();
    write(&server, 10, 10);
    let mut dcp = Dcp::open(&server, "hundred");
    dcp.control("connection_buffer_size", "100");
    dcp.stream(&from_zero(0));
    let marker = dcp.event();
    assert_eq!((marker.opcode(), marker.wire_len()), (Opcode::DCP_SNAPSHOT_MARKER, 44));
    let mutation = dcp.event();
    assert_eq!((mutation.opcode(), mutation.wire_len()), (Opcode::DCP_MUTATION, 55 + 10 + 10));
    dcp.is_silent();
    dcp.ack(20);
    assert_eq!(dcp.event().opcode(), Opcode::DCP_MUTATION, "99 of 100 are out: one more");
    dcp.is_silent();
}

#[test]
fn without_a_window_all_is_sent() {
    let server = Running::start();
    write(&server, 10, 10);
    let mut dcp = Dcp::open(&server, "off");
    dcp.control("connection_buffer_size", "0");
    dcp.stream(&from_zero(0));
    assert_eq!(dcp.documents(Seqno(10)).len(), 10);
    dcp.verdict();
}

#[test]
fn never_more_than_the_window_and_one_message_is_out() {
    const WINDOW: u64 = 8192;
    const DOCUMENT: u64 = 55 + 10 + 500;
    let server = Running::start();
    write(&server, 2000, 500);
    let mut dcp = Dcp::open(&server, "window");
    dcp.control("connection_buffer_size", "8192");
    dcp.stream(&from_zero(0));
    let (mut documents, mut acked, mut most) = (0, 0, 0);
    while documents < 2000 {
        // Takes what comes until nothing does: the window is shut.
        while dcp.counted - acked < WINDOW && documents < 2000 {
            documents += u32::from(dcp.event().opcode() == Opcode::DCP_MUTATION);
            most = most.max(dcp.counted - acked);
        }
        if documents == 300 || documents == 1500 {
            dcp.is_silent();
        }
        // An odd share, so that the edge is met at every offset.
        let share = (dcp.counted - acked) * 2 / 3;
        dcp.ack(share as u32);
        acked += share;
    }
    assert!(most < WINDOW + DOCUMENT, "{most} bytes were out");
    // Its answer tells that the last acknowledgement was heard.
    assert_eq!(dcp.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
    let stats = &server.engine.connections()[0];
    assert_eq!(stats.bytes_sent, dcp.counted, "both sides count the same");
    assert_eq!(stats.unacked_bytes, dcp.counted - acked);
    dcp.verdict();
}

#[test]
fn a_document_larger_than_the_window_passes() {
    let server = Running::start();
    write(&server, 3, 100_000);
    let mut dcp = Dcp::open(&server, "large");
    dcp.control("connection_buffer_size", "1000");
    dcp.stream(&from_zero(0));
    let mut acked = 0;
    for opcode in [Opcode::DCP_SNAPSHOT_MARKER].into_iter().chain([Opcode::DCP_MUTATION; 3]) {
        assert_eq!(dcp.event().opcode(), opcode);
        let bytes = dcp.counted - acked;
        acked = dcp.counted;
        dcp.ack(bytes as u32);
    }
    dcp.verdict();
}

#[test]
fn answers_and_noops_flow_while_the_window_is_shut() {
    let server = Running::start();
    write(&server, 10, 100);
    let mut dcp = Dcp::open(&server, "shut");
    dcp.control("connection_buffer_size", "100");
    dcp.control("set_noop_interval", "0.1");
    dcp.stream(&from_zero(0));
    dcp.marker();
    assert_eq!(dcp.event().opcode(), Opcode::DCP_MUTATION);
    // Switched on when the window is shut already.
    dcp.control("enable_noop", "true");
    let mut opaques = Vec::new();
    for _ in 0..3 {
        let noop = dcp.message();
        assert_eq!((noop.opcode(), noop.wire_len()), (Opcode::DCP_NOOP, 24));
        opaques.push(noop.opaque().0);
        dcp.answer_noop(noop.opaque());
    }
    assert_eq!(opaques, [10_000_001, 10_000_002, 10_000_003]);
    dcp.control("enable_noop", "false");
    assert_eq!(dcp.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
    let config = GetClusterConfig { known: None };
    assert_eq!(dcp.status(|o, out| config.encode(o, out)), Status::SUCCESS);
    dcp.store(set(3, b"key", b"value"));
    dcp.is_silent();
    dcp.ack(u32::MAX);
    assert_eq!(dcp.event().opcode(), Opcode::DCP_MUTATION, "the window is open again");
}

#[test]
fn an_unanswered_noop_is_the_only_one() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "unanswered");
    dcp.control("set_noop_interval", "0.1");
    dcp.control("enable_noop", "true");
    let noop = dcp.message();
    assert_eq!(noop.opcode(), Opcode::DCP_NOOP);
    dcp.is_silent();
    dcp.is_silent();
    dcp.is_silent();
    dcp.answer_noop(noop.opaque());
    assert_eq!(dcp.message().opcode(), Opcode::DCP_NOOP);
}

#[test]
fn the_window_may_change_at_any_time() {
    let server = Running::start();
    write(&server, 10, 10);
    let mut dcp = Dcp::open(&server, "resized");
    dcp.control("connection_buffer_size", "1");
    dcp.stream(&from_zero(0));
    dcp.marker();
    dcp.is_silent();
    dcp.control("connection_buffer_size", "120");
    assert_eq!(dcp.event().opcode(), Opcode::DCP_MUTATION);
    assert_eq!(dcp.event().opcode(), Opcode::DCP_MUTATION);
    dcp.is_silent();
    dcp.control("connection_buffer_size", "0");
    assert_eq!(dcp.documents(Seqno(10)).len(), 8);
    dcp.verdict();
}

#[test]
fn acknowledgements_count_whatever_they_name() {
    let server = Running::start();
    write(&server, 3, 10);
    let mut dcp = Dcp::open(&server, "any stream");
    dcp.control("connection_buffer_size", "100");
    dcp.control("send_stream_end_on_client_close_stream", "true");
    dcp.stream(&from_zero(0));
    dcp.marker();
    assert_eq!(dcp.event().opcode(), Opcode::DCP_MUTATION);
    let close = CloseStream { vb: VbId(0), sid: None };
    assert_eq!(dcp.status(|o, out| close.encode(o, out)), Status::SUCCESS);
    dcp.is_silent();
    // For a stream that is closed, with a vbucket that there is none of, and too much at that.
    let mut ack = BytesMut::new();
    BufferAck { bytes: 5000 }.encode(Opaque(0), &mut ack);
    ack[6..8].copy_from_slice(&0xfffe_u16.to_be_bytes());
    dcp.send(&ack);
    assert_eq!(dcp.end(), EndReason::Closed);
    let stats = &server.engine.connections()[0];
    assert_eq!((stats.unacked_bytes, stats.total_acked_bytes), (28, 5000));
    // Without a window nothing is counted, and an acknowledgement is no fault.
    dcp.control("connection_buffer_size", "0");
    dcp.ack(77);
    assert_eq!(dcp.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
    let stats = &server.engine.connections()[0];
    assert_eq!((stats.unacked_bytes, stats.total_acked_bytes), (0, 5000));
}
