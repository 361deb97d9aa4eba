//! `5e` change a setting of the connection. Key: its name; value: what to set it to.

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::BytesMut;

/// Change a setting of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control<'a> {
    /// The setting.
    pub key: &'a [u8],
    /// Its value, as text.
    pub value: &'a [u8],
}

impl<'a> Control<'a> {
    const OPCODE: Opcode = Opcode::DCP_CONTROL;
    const TEXT_BYTES_MAX: usize = 1024;
    pub(super) const SHAPE: Shape =
        Shape::of(&[Self::OPCODE]).key(1, Self::TEXT_BYTES_MAX).value(1, Self::TEXT_BYTES_MAX);

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        let head: [u8; HEADER_BYTES] = lead.head(self.key.len(), self.value.len());
        put(out, &head, self.key, self.value);
    }

    /// Reads it. Whether there is such a setting is for the connection to say.
    ///
    /// # Errors
    /// When key or value is empty or longer than 1024 bytes, or there are extras.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { key: frame.key(), value: frame.value() })
    }
}
