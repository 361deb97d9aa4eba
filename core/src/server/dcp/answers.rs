//! What clients answer to the messages that they are sent.

use crate::server::call::{Call, Stop};
use crate::wire::{Opcode, Status};

/// An answer. A client that answers an event with a refusal we cannot make sense of has lost track of its streams:
/// the connection ends.
pub(in crate::server) fn answer(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let Some(producer) = &mut call.peer.dcp else { return Err(Stop::Close) };
    if frame.opcode() == Opcode::DCP_NOOP {
        // One that comes too late has done no harm.
        let _ = producer.noop_answered(frame.opaque());
        return Ok(());
    }
    let old_statuses = !producer.controls().v7_status_codes();
    if is_tolerated(frame.opcode(), frame.status(), old_statuses) {
        return Ok(());
    }
    let (opcode, status) = (frame.opcode(), frame.status());
    tracing::info!(name = producer.name(), %opcode, %status, "a client refused a message of its stream");
    Err(Stop::Close)
}

/// Whether a stream goes on, or has ended anyway, when its client answers with this.
pub(super) fn is_tolerated(opcode: Opcode, status: Status, old_statuses: bool) -> bool {
    match status {
        Status::SUCCESS
        | Status::NOT_MY_VBUCKET
        | Status::DCP_STREAM_NOT_FOUND
        | Status::OPAQUE_NO_MATCH => true,
        Status::KEY_ENOENT => match opcode {
            Opcode::DCP_STREAM_END => true,
            // Whoever has lost what a sync write was prepared for has lost more than a stream.
            Opcode::DCP_COMMIT | Opcode::DCP_ABORT => false,
            _ => old_statuses,
        },
        Status::KEY_EEXISTS => old_statuses,
        _ => false,
    }
}
