//! What a producer does not take is refused, and costs neither the connection nor its streams.

use super::dcp::{Dcp, from_zero};
use super::requests::set;
use super::running::Running;
use millstream::testing::frames::Seed;
use millstream::types::Seqno;
use millstream::wire::{Opcode, Status};

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
