//! DCP_STREAM_REQ and DCP_CLOSE_STREAM.

use super::stream_value::StreamValue;
use crate::producer::CloseOutcome;
use crate::server::call::{Call, Stop};
use crate::server::setup::done;
use crate::server::status::Refused;
use crate::stream::{Refusal, StreamFlags, StreamRequest};
use crate::wire::dcp::{CloseStream, FailoverLogAnswer, RollbackAnswer, StreamReq};
use crate::wire::{Feature, Status};

/// `53` DCP_STREAM_REQ. The failover log is the answer, in front of the stream's first message.
pub(in crate::server) fn stream_request(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = StreamReq::parse(frame)?;
    // As they are agreed on now: some clients say HELLO after they opened the connection.
    let collections = call.peer.has(Feature::COLLECTIONS);
    let uid = call.shared.engine.manifest().uid();
    let producer = call.producer()?;
    producer.set_collections(collections);
    // Whatever is wrong with the value has its place in the order of checks, so that it is passed on as it is.
    let value = (collections || !request.value.is_empty())
        .then(|| StreamValue::parse(request.value).unwrap_or_else(StreamValue::faulty));
    let (sid, purge_seqno) =
        value.as_ref().map_or((None, None), |value| (value.sid, value.purge_seqno));
    let wanted = StreamRequest {
        flags: StreamFlags::from_bits(request.flags.0),
        start: request.start,
        end: request.end,
        uuid: request.uuid,
        snap_start: request.snap_start,
        snap_end: request.snap_end,
        sid,
        filter: value.map(|value| value.filter),
        purge_seqno,
    };
    match producer.stream_request(request.vb, frame.opaque(), &wanted) {
        Ok(log) => FailoverLogAnswer::encode(frame.header(), &log, call.out()),
        Err(Refusal::Rollback { to, .. }) => {
            RollbackAnswer { to }.encode(frame.header(), call.out());
        }
        Err(Refusal::Closed) => return Err(Stop::Close),
        Err(refusal) => return Err(Refused::from(&refusal).seen_in(uid).into()),
    }
    Ok(())
}

/// `52` DCP_CLOSE_STREAM.
pub(in crate::server) fn close_stream(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = CloseStream::parse(call.frame)?;
    let refused = |refusal: &Refusal| Err(Refused::from(refusal).into());
    match call.producer()?.close_stream(request.vb, request.sid) {
        CloseOutcome::Closed => done(call),
        CloseOutcome::NoSuchStream => Err(Status::KEY_ENOENT.into()),
        CloseOutcome::NoSuchStreamId => {
            let why = "no stream of the vbucket has this id";
            Err(Refused::new(Status::DCP_STREAM_ID_INVALID, why).into())
        }
        CloseOutcome::StreamIdRequired => refused(&Refusal::StreamIdRequired),
        CloseOutcome::StreamIdNotEnabled => refused(&Refusal::StreamIdNotEnabled),
    }
}
