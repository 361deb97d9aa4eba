//! How connections end: by the client, by the server, by time.

use super::client::Client;
use super::dcp::{Dcp, from_zero};
use super::requests::set;
use super::running::{Running, Wanted};
use bytes::BytesMut;
use millstream::ErrorKind;
use millstream::engine::{Engine, EngineSettings};
use millstream::server::{Secret, Server, ServerSettings, User};
use millstream::store::MemoryStore;
use millstream::types::{Opaque, Seqno, VbId};
use millstream::wire::kv::Noop;
use millstream::wire::{Opcode, Status};
use std::time::Duration;

#[test]
fn a_server_that_stops_sees_every_client_out() {
    let mut server = Running::start();
    let mut writer = server.client();
    let mut idle = server.client();
    writer.store(set(0, b"key", b"value"));
    let mut dcp = Dcp::open(&server, "streaming");
    dcp.stream(&from_zero(0));
    dcp.documents(Seqno(1));
    assert_eq!(idle.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
    server.stop();
    writer.is_closed();
    idle.is_closed();
    dcp.is_closed();
    assert!(std::net::TcpStream::connect(server.address).is_err(), "nobody listens any more");
    assert!(server.engine.connections().is_empty(), "its streams are gone");
    assert_eq!(server.engine.vbucket(VbId(0)).expect("the engine goes on").high, Seqno(1));
}

#[test]
fn an_engine_that_stops_ends_streams_and_refuses_writes() {
    let server = Running::start();
    let mut client = server.client();
    client.store(set(0, b"key", b"value"));
    let mut dcp = Dcp::open(&server, "streaming");
    dcp.stream(&from_zero(0));
    dcp.documents(Seqno(1));
    server.engine.shutdown();
    dcp.is_closed();
    assert_eq!(client.refused_store(set(0, b"key", b"late")), Status::ETMPFAIL);
    assert_eq!(client.value(0, b"key"), b"value", "reads go on");
}

#[test]
fn whoever_does_not_log_in_is_disconnected() {
    let mut wanted = Wanted::default();
    wanted.server.users = vec![User::new("user", Secret::new("password"))];
    wanted.server.login_timeout = Duration::from_millis(50);
    let server = wanted.start();
    let mut client = server.client();
    assert_eq!(client.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
    client.is_closed();
}

#[test]
fn a_client_that_does_not_answer_noops_is_given_up() {
    let mut engine = EngineSettings::default();
    engine.idle_timeout = Duration::from_millis(300);
    let server = Wanted { engine, ..Wanted::default() }.start();
    let mut silent = Dcp::open(&server, "silent");
    let mut alive = Dcp::open(&server, "alive");
    for dcp in [&mut silent, &mut alive] {
        dcp.control("set_noop_interval", "0.1");
        dcp.control("enable_noop", "true");
    }
    for _ in 0..6 {
        let noop = alive.message();
        assert_eq!(noop.opcode(), Opcode::DCP_NOOP);
        alive.answer_noop(noop.opaque());
    }
    assert_eq!(silent.message().opcode(), Opcode::DCP_NOOP);
    silent.is_closed();
    alive.stream(&from_zero(0));
}

#[test]
fn connections_come_and_go() {
    let server = Running::start();
    for round in 0..50_u32 {
        let mut clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
        for client in &mut clients {
            let mut out = BytesMut::new();
            Noop.encode(Opaque(round), &mut out);
            // Half a message from every other one.
            let len = if round % 2 == 0 { out.len() } else { 7 };
            client.send(&out[..len]);
        }
        let mut dcp = Dcp::open(&server, "again and again");
        dcp.stream(&from_zero(0));
    }
    server.client().store(set(0, b"key", b"value"));
}

#[test]
fn whatever_a_client_sends_proves_that_it_lives() {
    let mut engine = EngineSettings::default();
    engine.idle_timeout = Duration::from_millis(400);
    let server = Wanted { engine, ..Wanted::default() }.start();
    // Its no-ops tell the time; the other one answers none of its own.
    let mut clock = Dcp::open(&server, "clock");
    let mut chatty = Dcp::open(&server, "chatty");
    for dcp in [&mut clock, &mut chatty] {
        dcp.control("set_noop_interval", "0.1");
        dcp.control("enable_noop", "true");
    }
    for round in 0..12 {
        let noop = clock.message();
        assert_eq!(noop.opcode(), Opcode::DCP_NOOP);
        clock.answer_noop(noop.opaque());
        match round % 3 {
            0 => chatty.ack(1),
            1 => drop(chatty.request(|o, out| Noop.encode(o, out))),
            // An answer, to nothing that was asked.
            _ => chatty.answer_noop(Opaque(7)),
        }
    }
    let (mut answers, mut noops) = (0, 0);
    while answers < 4 {
        let frame = chatty.message();
        noops += u32::from(frame.opcode() == Opcode::DCP_NOOP);
        answers += u32::from(frame.header().magic.is_response());
    }
    assert_eq!(noops, 1, "it was not answered");
    // Falls silent.
    while let Some(frame) = chatty.poll_next() {
        assert_eq!(frame.opcode(), Opcode::DCP_NOOP);
    }
}

#[test]
fn an_idle_timeout_may_change_while_connections_are_open() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "open");
    dcp.control("set_noop_interval", "1000");
    dcp.control("enable_noop", "true");
    server.engine.set_idle_timeout(Duration::from_millis(50));
    dcp.is_closed();
}

#[test]
fn clients_that_are_stuck_are_given_up_if_their_names_say_so() {
    let mut wanted = Wanted::default();
    wanted.server.stuck_names = Some("slow:.*|eq_dcpq:listed".into());
    wanted.server.stuck_timeout = Duration::from_millis(400);
    let server = wanted.start();
    let mut writer = server.client();
    for n in 0..50_u32 {
        writer.store(set(0, format!("key-{n}").as_bytes(), b"value"));
    }
    let names = ["slow:one", "listed", "slow:acknowledging", "other", "not slow:one"];
    let mut open: Vec<Dcp> = names.iter().map(|name| Dcp::open(&server, name)).collect();
    for dcp in &mut open {
        dcp.control("connection_buffer_size", "44");
        dcp.stream(&from_zero(0));
        dcp.marker();
    }
    let [one, listed, acknowledging, others @ ..] = &mut open[..] else { unreachable!() };
    // The clock is a connection's no-ops again.
    let mut clock = Dcp::open(&server, "clock");
    clock.control("set_noop_interval", "0.1");
    clock.control("enable_noop", "true");
    for _ in 0..8 {
        let noop = clock.message();
        clock.answer_noop(noop.opaque());
        // Far too little to open the window again.
        acknowledging.ack(1);
    }
    one.is_closed();
    listed.is_closed();
    // The document that the first byte let through.
    assert_eq!(acknowledging.event().opcode(), Opcode::DCP_MUTATION);
    for dcp in others.iter_mut().chain([acknowledging]) {
        assert_eq!(dcp.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
    }
}

#[test]
fn names_of_stuck_clients_are_a_regular_expression() {
    let engine = Engine::open(MemoryStore::new(1)).expect("an engine");
    let mut settings = ServerSettings::default();
    settings.listen = "127.0.0.1:0".parse().expect("an address");
    settings.stuck_names = Some("slow[".into());
    let refused = Server::bind(engine, settings).expect_err("it is none");
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(refused.to_string().contains("\"slow[\""), "{refused}");
}
