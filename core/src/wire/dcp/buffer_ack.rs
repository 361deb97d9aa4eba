//! `5d` flow control: bytes that were handled.
//!
//! ```text
//!  extras 4: bytes u32
//! ```
//! No answer unless it is malformed.

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// The client handled so many counted bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferAck {
    /// How many.
    pub bytes: u32,
}

impl BufferAck {
    const OPCODE: Opcode = Opcode::DCP_BUFFER_ACK;
    // Some clients acknowledge with the stream id of the stream that they handled.
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]).extras(&[EXTRAS]).stream_id();

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        let mut head: [u8; HEADER_BYTES + EXTRAS] = lead.head(0, 0);
        (&mut head[HEADER_BYTES..]).put_u32(self.bytes);
        put(out, &head, &[], &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { bytes: frame.extras().get_u32() })
    }
}

const EXTRAS: usize = 4;
