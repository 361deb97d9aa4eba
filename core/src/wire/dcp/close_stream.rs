//! `52` close a stream. Nothing in it; a stream id travels in the framing extras.

use crate::types::{Opaque, Sid, VbId};
use crate::wire::layout::{Lead, put, put_with_stream_id};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::BytesMut;

/// Close a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseStream {
    /// Its vbucket.
    pub vb: VbId,
    /// Its stream id, if it was given one.
    pub sid: Option<Sid>,
}

impl CloseStream {
    const OPCODE: Opcode = Opcode::DCP_CLOSE_STREAM;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]).stream_id();

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let head: [u8; HEADER_BYTES] = Lead::request(Self::OPCODE, self.vb, opaque).head(0, 0);
        match self.sid {
            None => put(out, &head, &[], &[]),
            Some(sid) => put_with_stream_id(out, &head, sid, &[], &[]),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it has any content, or the stream id is malformed.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { vb: frame.vbucket(), sid: frame.stream_id()? })
    }
}
