//! `65` a snapshot in key order begins or ends.
//!
//! ```text
//!  extras 4: u32, 1 = it begins, 2 = it ends
//! ```

use super::StreamTag;
use crate::wire::shape::Shape;
use crate::wire::{FrameRef, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// A snapshot in key order ("out of sequence order") begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OsoSnapshot {
    /// The stream.
    pub tag: StreamTag,
    /// Whether it begins; otherwise it ends.
    pub begins: bool,
}

impl OsoSnapshot {
    const OPCODE: Opcode = Opcode::DCP_OSO_SNAPSHOT;
    const SHAPE: Shape = Shape::of(&[Self::OPCODE]).extras(&[EXTRAS]).stream_id();
    const BEGIN: u32 = 1;
    const END: u32 = 2;

    /// Appends it.
    pub fn encode(&self, out: &mut BytesMut) {
        let mut head: [u8; HEAD] = self.tag.lead(Self::OPCODE).head(0, 0);
        let flags = if self.begins { Self::BEGIN } else { Self::END };
        (&mut head[HEADER_BYTES..]).put_u32(flags);
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
    /// When a part does not have its length, the flags are neither 1 nor 2, or the stream id is malformed.
    pub fn parse<'a>(frame: impl Into<FrameRef<'a>>) -> Result<Self, WireError> {
        let frame = frame.into();
        Self::SHAPE.check(frame)?;
        let begins = match frame.extras().get_u32() {
            Self::BEGIN => true,
            Self::END => false,
            flags => {
                let what = "neither begin nor end";
                return Err(WireError::Flags { opcode: Self::OPCODE, flags, what });
            }
        };
        Ok(Self { tag: StreamTag::parse(frame)?, begins })
    }
}

const EXTRAS: usize = 4;
const HEAD: usize = HEADER_BYTES + EXTRAS;
