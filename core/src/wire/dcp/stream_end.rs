//! `55` a stream is over.
//!
//! ```text
//!  extras 4: reason u32
//! ```

use super::StreamTag;
use crate::types::EndReason;
use crate::wire::shape::Shape;
use crate::wire::{FrameRef, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// A stream is over; nothing of it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// The stream.
    pub tag: StreamTag,
    /// The number of the reason; [`EndReason::from_u32`] names it.
    pub reason: u32,
}

impl StreamEnd {
    const OPCODE: Opcode = Opcode::DCP_STREAM_END;
    const SHAPE: Shape = Shape::of(&[Self::OPCODE]).extras(&[EXTRAS]).stream_id();

    /// The end of a stream for this reason.
    #[must_use]
    pub const fn new(tag: StreamTag, reason: EndReason) -> Self {
        Self { tag, reason: reason as u32 }
    }

    /// Appends it.
    pub fn encode(&self, out: &mut BytesMut) {
        let mut head: [u8; HEAD] = self.tag.lead(Self::OPCODE).head(0, 0);
        (&mut head[HEADER_BYTES..]).put_u32(self.reason);
        self.tag.put(out, &head, &[], &[]);
    }

    /// Bytes on the wire, and against the window.
    #[must_use]
    pub const fn counted_bytes(&self) -> usize {
        self.tag.len(HEAD, &[], &[])
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or the stream id is malformed.
    pub fn parse<'a>(frame: impl Into<FrameRef<'a>>) -> Result<Self, WireError> {
        let frame = frame.into();
        Self::SHAPE.check(frame)?;
        Ok(Self { tag: StreamTag::parse(frame)?, reason: frame.extras().get_u32() })
    }
}

const EXTRAS: usize = 4;
const HEAD: usize = HEADER_BYTES + EXTRAS;
