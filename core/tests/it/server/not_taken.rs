//! What a producer does not take is refused, and costs neither the connection nor its streams.

use super::dcp::{Dcp, from_zero};
use super::gated::{Gate, GatedStore};
use super::requests::set;
use super::running::{Running, Wanted};
use millstream::engine::Engine;
use millstream::testing::frames::Seed;
use millstream::types::{Seqno, VbId};
use millstream::wire::{Opcode, Status};
use std::time::Duration;

/// Commands of consumers, of takeovers, of sync writes, of snapshots in key order and of cache transfers.
const NOT_TAKEN: [u8; 10] = [0x51, 0x5a, 0x5b, 0x60, 0x61, 0x62, 0x63, 0x65, 0x66, 0x67];
/// Messages that only a producer sends.
const OF_PRODUCERS: [Opcode; 7] = [
    Opcode::DCP_STREAM_END,
    Opcode::DCP_SNAPSHOT_MARKER,
    Opcode::DCP_MUTATION,
    Opcode::DCP_DELETION,
    Opcode::DCP_EXPIRATION,
    Opcode::DCP_SYSTEM_EVENT,
    Opcode::DCP_SEQNO_ADVANCED,
];

#[test]
fn commands_that_a_producer_does_not_take_are_refused() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "refused");
    dcp.stream(&from_zero(3));
    let mut plain = server.client();
    let all = NOT_TAKEN.map(Opcode).into_iter().chain(OF_PRODUCERS);
    for opcode in all {
        let request = Seed::request(opcode, &[], b"", b"").bytes();
        dcp.send(&request);
        let frame = dcp.message();
        assert_eq!((frame.opcode(), frame.status()), (opcode, Status::NOT_SUPPORTED));
        plain.send(&request);
        let frame = plain.next();
        assert_eq!((frame.opcode(), frame.status()), (opcode, Status::EINVAL), "no DCP connection");
    }
    plain.store(set(3, b"key", b"value"));
    assert_eq!(dcp.documents(Seqno(1)), [(b"key".to_vec(), b"value".to_vec())]);
}

#[test]
fn who_asks_for_a_stream_when_memory_is_short_is_told_to_come_again() {
    let mut wanted = Wanted::default();
    wanted.engine.memory_bytes = 256 * 1024;
    wanted.server.memory_timeout = Duration::from_millis(20);
    let gate = Gate::default();
    let engine = Engine::builder(GatedStore::new(16, &gate)).settings(wanted.engine);
    let server = Running::over(engine.open().expect("an engine"), wanted.server);
    let mut dcp = Dcp::open(&server, "short");
    gate.shut();
    let mut client = server.client();
    let value = vec![b'v'; 8 * 1024];
    let mut written = 0_u32;
    let refused = loop {
        let key = format!("key {written}");
        let store = set(3, key.as_bytes(), &value);
        match client.status(|opaque, out| store.encode(opaque, out)) {
            Status::SUCCESS => written += 1,
            other => break other,
        }
        assert!(written < 1000, "memory is never full");
    };
    assert_eq!(refused, Status::ETMPFAIL);
    assert_eq!(dcp.try_stream(&from_zero(3)).status(), Status::ETMPFAIL);
    gate.open();
    // As soon as it is persisted there is room again.
    while server.engine.vbucket(VbId(3)).is_some_and(|vb| vb.persisted < vb.high) {
        std::thread::yield_now();
    }
    let granted = loop {
        match dcp.try_stream(&from_zero(3)).status() {
            Status::ETMPFAIL => std::thread::yield_now(),
            other => break other,
        }
    };
    assert_eq!(granted, Status::SUCCESS);
    assert_eq!(dcp.documents(Seqno(written.into())).len(), written as usize);
}
