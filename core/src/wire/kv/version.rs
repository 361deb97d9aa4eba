//! `0b` the server's version. Answer: value: text that starts with `X.Y.Z`.

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put_bare};
use crate::wire::shape::Shape;
use crate::wire::{Frame, Opcode, WireError};
use bytes::BytesMut;

/// Asks for the server's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version;

impl Version {
    const OPCODE: Opcode = Opcode::VERSION;
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
