//! A server that answers writes once they are persisted.

use super::client::Client;
use super::dcp::{Dcp, from_zero};
use super::gated::{Gate, gated_store};
use super::requests::{delete, get, set};
use super::running::{Running, Wanted};
use super::stats::stats;
use bytes::BytesMut;
use millstream::Engine;
use millstream::server::AckMode;
use millstream::types::{Opaque, Seqno, VbId};
use millstream::wire::Status;
use millstream::wire::kv::{Noop, ObserveSeqno, ObserveSeqnoAnswer, Store, Touch};

fn start(gate: &Gate) -> Running {
    let engine = Engine::open(gated_store(16, gate)).expect("an engine");
    let mut settings = Wanted::default().server;
    settings.ack = AckMode::Persisted;
    Running::over(engine, settings)
}

#[test]
fn a_write_is_answered_when_it_is_persisted() {
    let gate = Gate::default();
    let server = start(&gate);
    let mut client = server.client();
    client.store(set(0, b"key", b"1"));
    assert_eq!(server.engine.vbucket(VbId(0)).expect("it exists").persisted, Seqno(1));
    gate.shut();
    let opaque = client.request(|opaque, out| set(0, b"key", b"2").encode(opaque, out));
    client.is_silent();
    // Others go on, and see it: it is in memory.
    assert_eq!(server.client().value(0, b"key"), b"2");
    gate.open();
    let frame = client.next();
    assert_eq!((frame.opaque(), frame.status()), (opaque, Status::SUCCESS));
    assert_eq!(server.engine.vbucket(VbId(0)).expect("it exists").persisted, Seqno(2));
}

/// Tools wait for this number to be 0, and it was not told.
#[test]
fn the_statistics_tell_how_much_waits() {
    let gate = Gate::default();
    let engine = Engine::open(gated_store(16, &gate)).expect("an engine");
    let server = Running::over(engine, Wanted::default().server);
    let mut client = server.client();
    let queued = |client: &mut Client| stats(client, "")["ep_queue_size"].clone();
    assert_eq!(queued(&mut client), "0");
    gate.shut();
    for vb in [1, 1, 2] {
        client.store(set(vb, b"key", b"value"));
    }
    assert_eq!(queued(&mut client), "3");
    gate.open();
    server.persist(VbId(1), Seqno(2));
    server.persist(VbId(2), Seqno(1));
    assert_eq!(queued(&mut client), "0");
}

#[test]
fn answers_keep_their_order_and_what_came_before_does_not_wait() {
    let gate = Gate::default();
    let server = start(&gate);
    let mut client = server.client();
    client.store(set(1, b"old", b"0"));
    gate.shut();
    let mut out = BytesMut::new();
    get(1, b"old").encode(Opaque(1), &mut out);
    set(1, b"new", b"1").encode(Opaque(2), &mut out);
    get(1, b"new").encode(Opaque(3), &mut out);
    set(2, b"new", b"2").encode(Opaque(4), &mut out);
    Store { quiet: true, ..set(3, b"new", b"3") }.encode(Opaque(5), &mut out);
    delete(1, b"none").encode(Opaque(6), &mut out);
    delete(1, b"new").encode(Opaque(7), &mut out);
    Noop.encode(Opaque(8), &mut out);
    client.send(&out);
    assert_eq!(client.next().opaque(), Opaque(1), "it was answered before the first write");
    client.is_silent();
    gate.open();
    let told: Vec<_> = (0..6).map(|_| client.next()).map(|f| (f.opaque().0, f.status())).collect();
    let expected = [
        (2, Status::SUCCESS),
        (3, Status::SUCCESS),
        (4, Status::SUCCESS),
        (6, Status::KEY_ENOENT),
        (7, Status::SUCCESS),
        (8, Status::SUCCESS),
    ];
    assert_eq!(told, expected);
    for (vb, seqno) in [(1, 3), (2, 1), (3, 1)] {
        let stats = server.engine.vbucket(VbId(vb)).expect("it exists");
        assert_eq!(stats.persisted, Seqno(seqno), "vb {vb}: a quiet write too");
    }
}

#[test]
fn writes_behind_a_commit_share_the_next_one() {
    let gate = Gate::default();
    let server = start(&gate);
    let mut client = server.client();
    gate.shut();
    let keys: Vec<String> = (0..400).map(|n| format!("key-{n}")).collect();
    for batch in keys.chunks(100) {
        let mut out = BytesMut::new();
        for key in batch {
            let opaque = client.opaque();
            set(opaque.0 as u16 % 16, key.as_bytes(), b"1").encode(opaque, &mut out);
        }
        client.send(&out);
        client.is_silent();
    }
    let before = gate.commits();
    gate.open();
    for opaque in 1..=400 {
        assert_eq!(client.next().opaque(), Opaque(opaque));
    }
    let commits = gate.commits() - before;
    assert!(commits <= 8, "400 writes in {commits} commits");
}

#[test]
fn a_stream_on_the_same_connection_keeps_its_place() {
    let gate = Gate::default();
    let server = start(&gate);
    let mut dcp = Dcp::open(&server, "writes too");
    dcp.stream(&from_zero(4));
    gate.shut();
    dcp.request(|opaque, out| set(4, b"key", b"1").encode(opaque, out));
    dcp.is_silent();
    gate.open();
    assert!(dcp.message().header().magic.is_response());
    assert_eq!(dcp.documents(Seqno(1)).len(), 1);
    dcp.verdict();
}

#[test]
fn persistence_can_be_observed() {
    let gate = Gate::default();
    let engine = Engine::open(gated_store(16, &gate)).expect("an engine");
    let server = Running::over(engine, Wanted::default().server);
    let mut client = server.client();
    gate.shut();
    client.store(set(7, b"key", b"1"));
    let uuid = server.engine.failover_log(VbId(7)).expect("it exists")[0].uuid;
    let mut observe = |uuid| {
        let frame = client.ask(|o, out| ObserveSeqno { vb: VbId(7), uuid }.encode(o, out));
        ObserveSeqnoAnswer::parse(&frame).expect("an answer")
    };
    let expected = ObserveSeqnoAnswer {
        vb: VbId(7),
        uuid,
        persisted: Seqno(0),
        current: Seqno(1),
        failover: None,
    };
    assert_eq!(observe(uuid), expected);
    gate.open();
    while observe(uuid).persisted < Seqno(1) {
        std::thread::yield_now();
    }
}

#[test]
fn writes_that_will_never_be_persisted_are_not_answered() {
    let gate = Gate::default();
    let mut server = start(&gate);
    let mut client = server.client();
    client.store(set(0, b"key", b"1"));
    gate.shut();
    client.request(|opaque, out| set(0, b"key", b"2").encode(opaque, out));
    client.is_silent();
    // The server gives up waiting for the store when it stops; the client is not told that the write is safe.
    server.stop();
    client.is_closed();
    gate.open();
}

#[test]
fn a_touch_that_changes_nothing_waits_for_the_version_it_found() {
    let gate = Gate::default();
    let server = start(&gate);
    let (mut writer, mut toucher) = (server.client(), server.client());
    gate.shut();
    let written = writer.request(|opaque, out| set(0, b"key", b"1").encode(opaque, out));
    // Others see it before it is persisted.
    let unchanged = Touch { vb: VbId(0), key: b"key", expiry: 0 };
    writer.is_silent();
    assert_eq!(server.client().value(0, b"key"), b"1");
    let touched = toucher.request(|opaque, out| unchanged.encode(opaque, out));
    toucher.is_silent();
    gate.open();
    let frame = toucher.next();
    assert_eq!((frame.opaque(), frame.status()), (touched, Status::SUCCESS));
    assert_eq!(server.engine.vbucket(VbId(0)).expect("it exists").persisted, Seqno(1));
    assert_eq!(writer.next().opaque(), written);
}
