//! Commands that steer a DCP connection.

use crate::producer;
use crate::server::call::{Call, Stop};
use crate::server::setup::done;
use crate::wire::dcp::{BufferAck, Control, Noop};

/// `5e` DCP_CONTROL.
pub(in crate::server) fn control(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = Control::parse(frame)?;
    let producer = call.producer()?;
    producer.control(producer::Control::parse(request.key, request.value)?)?;
    done(call)
}

/// `5d` DCP_BUFFER_ACK: answered only if it is malformed.
pub(in crate::server) fn buffer_ack(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = BufferAck::parse(call.frame)?;
    let producer = call.producer()?;
    let over = producer.ack(u64::from(request.bytes));
    if over > 0 {
        tracing::debug!(
            name = producer.name(),
            over,
            "a client acknowledged more than it was sent"
        );
    }
    Ok(())
}

/// `5c` DCP_NOOP, asked by the client.
pub(in crate::server) fn noop(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    Noop::parse(call.frame)?;
    call.producer()?;
    done(call)
}
