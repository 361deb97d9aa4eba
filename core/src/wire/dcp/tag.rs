//! What every message of a stream has in common.

use crate::types::{Opaque, Sid, VbId};
use crate::wire::layout::{Lead, STREAM_ID_BYTES, put, put_with_stream_id};
use crate::wire::{FrameRef, Opcode, WireError};
use bytes::BytesMut;

/// Which stream a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamTag {
    /// The opaque of the stream request.
    pub opaque: Opaque,
    /// The vbucket.
    pub vb: VbId,
    /// The stream id, if the stream was given one.
    pub sid: Option<Sid>,
}

impl StreamTag {
    /// A tag without a stream id.
    #[must_use]
    pub const fn new(opaque: Opaque, vb: VbId) -> Self {
        Self { opaque, vb, sid: None }
    }

    #[inline]
    pub(super) fn lead(self, opcode: Opcode) -> Lead {
        Lead::request(opcode, self.vb, self.opaque)
    }

    /// Appends a message; the stream id goes in front of the extras.
    #[inline]
    pub(super) fn put(self, out: &mut BytesMut, head: &[u8], key: &[u8], value: &[u8]) {
        match self.sid {
            None => put(out, head, key, value),
            Some(sid) => put_with_stream_id(out, head, sid, key, value),
        }
    }

    /// Bytes of a message with a head of `head` bytes.
    #[inline]
    pub(super) const fn len(self, head: usize, key: &[u8], value: &[u8]) -> usize {
        let sid = if self.sid.is_some() { STREAM_ID_BYTES } else { 0 };
        head + sid + key.len() + value.len()
    }

    #[inline]
    pub(super) fn parse<'a>(frame: impl Into<FrameRef<'a>>) -> Result<Self, WireError> {
        let frame = frame.into();
        let header = frame.header();
        Ok(Self { opaque: header.opaque, vb: header.vbucket(), sid: frame.stream_id()? })
    }
}
