//! `07`, `17` close the connection. `07` is answered first.

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put_bare};
use crate::wire::shape::Shape;
use crate::wire::{Frame, Opcode, WireError};
use bytes::BytesMut;

/// Close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quit {
    /// Whether it goes without an answer.
    pub quiet: bool,
}

impl Quit {
    pub(super) const SHAPE: Shape = Shape::of(&[Opcode::QUIT, Opcode::QUITQ]);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let opcode = if self.quiet { Opcode::QUITQ } else { Opcode::QUIT };
        put_bare(out, Lead::request(opcode, VbId::ZERO, opaque));
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it has any content.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { quiet: frame.opcode().is_quiet() })
    }
}
