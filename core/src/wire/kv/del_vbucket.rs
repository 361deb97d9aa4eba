//! `3f` forget the documents of a vbucket that is dead.
//!
//! ```text
//!  value: `async=0` (answer when it is done), or nothing, which means the same
//! ```

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put_bare};
use crate::wire::shape::Shape;
use crate::wire::{Frame, Opcode, WireError};
use bytes::BytesMut;

/// Forget the documents of a vbucket that is dead. Answer: 00, 04 it is not dead, 07 no such vbucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelVbucket {
    /// The vbucket.
    pub vb: VbId,
}

impl DelVbucket {
    const OPCODE: Opcode = Opcode::DEL_VBUCKET;
    const WAIT: &'static [u8] = b"async=0";
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]).value(0, Self::WAIT.len());

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        put_bare(out, Lead::request(Self::OPCODE, self.vb, opaque));
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or the value says something else.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        if !frame.value().is_empty() && frame.value() != Self::WAIT {
            let what = "the value is `async=0` or nothing";
            return Err(WireError::Content { opcode: Self::OPCODE, what });
        }
        Ok(Self { vb: frame.vbucket() })
    }
}
