//! `3d` give a vbucket a state.
//!
//! ```text
//!  extras 1: state u8 (1 active, 2 replica, 3 pending, 4 dead)
//!  extras 4: state u32, as older clients send it
//!  value:    JSON about synchronous replication, or nothing
//! ```

use crate::types::{Datatype, Opaque, VbId, VbState};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::BytesMut;

/// Give a vbucket a state. Answer: 00, 04 no such state, 07 no such vbucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetVbucket<'a> {
    /// The vbucket.
    pub vb: VbId,
    /// The state.
    pub state: VbState,
    /// A JSON object that says more, or nothing.
    pub value: &'a [u8],
}

impl<'a> SetVbucket<'a> {
    const OPCODE: Opcode = Opcode::SET_VBUCKET;
    const VALUE_BYTES_MAX: usize = 64 * 1024;
    pub(super) const SHAPE: Shape =
        Shape::of(&[Self::OPCODE]).extras(&[1, 4]).value(0, Self::VALUE_BYTES_MAX).json();

    /// Appends it, with the state in one byte.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let json = if self.value.is_empty() { Datatype::RAW } else { Datatype::JSON };
        let lead = Lead::request(Self::OPCODE, self.vb, opaque).datatype(json);
        let mut head: [u8; HEADER_BYTES + 1] = lead.head(0, self.value.len());
        head[HEADER_BYTES] = self.state as u8;
        put(out, &head, &[], self.value);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or there is no such state.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        // One byte, or four of which the shape knows that they are there.
        let number = frame.extras().iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let state = VbState::from_u32(number)
            .ok_or(WireError::Content { opcode: Self::OPCODE, what: "no such vbucket state" })?;
        Ok(Self { vb: frame.vbucket(), state, value: frame.value() })
    }
}
