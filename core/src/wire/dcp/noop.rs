//! `5c` is the other side alive? Nothing in it, and nothing in the answer.

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put_bare};
use crate::wire::shape::Shape;
use crate::wire::{Frame, Magic, Opcode, Response, Status, WireError};
use bytes::BytesMut;

/// Is the other side alive? Not counted against the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noop;

impl Noop {
    const OPCODE: Opcode = Opcode::DCP_NOOP;
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

/// The answer to a [`Noop`], with the same opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoopAnswer;

impl NoopAnswer {
    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        put_bare(out, Lead::new(Magic::RESPONSE, Noop::OPCODE, Status::SUCCESS.0, opaque));
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, or the other side refused.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Response::accept(frame, &[Noop::OPCODE]).map(|_| Self)
    }
}
