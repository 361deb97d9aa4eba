//! Memory is full: writes and new streams are told to come again, and both go on when it is not.

use super::dcp::{Dcp, from_zero};
use super::gated::{Gate, gated_store};
use super::requests::set;
use super::running::{Running, Wanted};
use millstream::engine::Engine;
use millstream::types::{VbId, VbUuid};
use millstream::wire::Status;
use millstream::wire::dcp::StreamReq;
use std::time::Duration;

/// A server whose memory is full, since nothing can be persisted.
fn full(gate: &Gate) -> Running {
    let mut wanted = Wanted::default();
    wanted.engine.memory_bytes = 1024 * 1024;
    wanted.server.memory_timeout = Duration::from_millis(1);
    let store = gated_store(4, gate);
    let engine = Engine::builder(store).settings(wanted.engine).open().expect("an engine");
    let server = Running::over(engine, wanted.server);
    gate.shut();
    let mut client = server.client();
    let value = vec![b'v'; 64 * 1024];
    let mut statuses = (0_u32..).map(|n| {
        let (vb, key) = ((n % 4) as u16, format!("key-{n}"));
        client.status(|opaque, out| set(vb, key.as_bytes(), &value).encode(opaque, out))
    });
    let refused = statuses.find(|status| *status != Status::SUCCESS);
    assert_eq!(refused, Some(Status::ETMPFAIL));
    server
}

#[test]
fn a_stream_request_is_told_to_come_again_and_is_granted_when_memory_is_free() {
    let gate = Gate::default();
    let server = full(&gate);
    let mut dcp = Dcp::open(&server, "short");
    assert_eq!(dcp.try_stream(&from_zero(0)).status(), Status::ETMPFAIL);
    // Of what else is wrong with it a request is told first.
    assert_eq!(dcp.try_stream(&from_zero(9)).status(), Status::NOT_MY_VBUCKET);
    let elsewhere = StreamReq { start: from_zero(0).end, uuid: VbUuid(1), ..from_zero(0) };
    assert_eq!(dcp.try_stream(&elsewhere).status(), Status::ERANGE);
    gate.open();
    while dcp.try_stream(&from_zero(0)).status() == Status::ETMPFAIL {}
    let high = server.engine.vbucket(VbId(0)).expect("it exists").high;
    assert!(!dcp.documents(high).is_empty());
}

#[test]
fn a_stream_request_is_refused_for_good_when_keys_alone_fill_memory() {
    let mut wanted = Wanted::default();
    wanted.engine.memory_bytes = 1024 * 1024;
    wanted.server.memory_timeout = Duration::from_millis(1);
    let server = wanted.start();
    let (mut client, mut dcp) = (server.client(), Dcp::open(&server, "exhausted"));
    let mut keys = 0..200_000_u32;
    loop {
        for n in keys.by_ref().take(64) {
            let (vb, key) = ((n % 3) as u16, format!("key-{n}"));
            // Refused now and then, until what is persisted has left memory; the key stays.
            client.status(|opaque, out| set(vb, key.as_bytes(), b"").encode(opaque, out));
        }
        assert!(!keys.is_empty(), "memory is never full of keys");
        match dcp.try_stream(&from_zero(3)).status() {
            Status::SUCCESS => dcp.close_silently(3),
            Status::ETMPFAIL => {}
            status => break assert_eq!(status, Status::ENOMEM),
        }
    }
}
