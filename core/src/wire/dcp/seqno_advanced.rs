//! `64` the stream got to a seqno without anything to send for it.
//!
//! ```text
//!  extras 8: seqno u64
//! ```

use super::StreamTag;
use crate::types::Seqno;
use crate::wire::shape::Shape;
use crate::wire::{FrameRef, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// The stream got to a seqno without anything to send for it (its filter let nothing through).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeqnoAdvanced {
    /// The stream.
    pub tag: StreamTag,
    /// Where it is now.
    pub seqno: Seqno,
}

impl SeqnoAdvanced {
    const OPCODE: Opcode = Opcode::DCP_SEQNO_ADVANCED;
    const SHAPE: Shape = Shape::of(&[Self::OPCODE]).extras(&[EXTRAS]).stream_id();

    /// Appends it.
    #[inline]
    pub fn encode(&self, out: &mut BytesMut) {
        let mut head: [u8; HEAD] = self.tag.lead(Self::OPCODE).head(0, 0);
        (&mut head[HEADER_BYTES..]).put_u64(self.seqno.get());
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
        Ok(Self { tag: StreamTag::parse(frame)?, seqno: Seqno(frame.extras().get_u64()) })
    }
}

const EXTRAS: usize = 8;
const HEAD: usize = HEADER_BYTES + EXTRAS;
