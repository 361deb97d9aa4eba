//! `0a` nothing, with an answer: everything before it has been dealt with once that comes.

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put_bare};
use crate::wire::shape::Shape;
use crate::wire::{Frame, Opcode, WireError};
use bytes::BytesMut;

/// Nothing, with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noop;

impl Noop {
    const OPCODE: Opcode = Opcode::NOOP;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        put_bare(out, Lead::request(Self::OPCODE, VbId::ZERO, opaque));
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it has any content.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame).map(|()| Self)
    }
}
