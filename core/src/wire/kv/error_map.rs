//! `fe` what the status numbers mean.
//!
//! ```text
//!  request: value 2: newest version that the client reads, u16; answer: value: JSON
//! ```

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BytesMut};

/// Asks what the status numbers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetErrorMap {
    /// The newest version of the map that the client reads.
    pub version: u16,
}

impl GetErrorMap {
    const OPCODE: Opcode = Opcode::GET_ERROR_MAP;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]).value(2, 2);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let head: [u8; HEADER_BYTES] = Lead::request(Self::OPCODE, VbId::ZERO, opaque).head(0, 2);
        put(out, &head, &[], &self.version.to_be_bytes());
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { version: frame.value().get_u16() })
    }
}
