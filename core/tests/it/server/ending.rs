//! How connections end: by the client, by the server, by time.

use super::client::Client;
use super::dcp::{Dcp, from_zero};
use super::requests::set;
use super::running::{Running, Wanted};
use bytes::BytesMut;
use millstream::engine::EngineSettings;
use millstream::server::{Secret, User};
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
