//! `20`, `21`, `22` authenticate.
//!
//! ```text
//!  20 list:  request: nothing; answer: value: names with one space between
//!  21 auth:  request: key: mechanism, value: its first data; answer: 00, 20 wrong, or 21 and the server's data
//!  22 step:  as 21, for what follows
//! ```

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put, put_bare};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::BytesMut;
use core::fmt;

/// Asks for the names of the mechanisms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaslListMechs;

impl SaslListMechs {
    const OPCODE: Opcode = Opcode::SASL_LIST_MECHS;
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

/// One step of authentication, the first or a later one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslAuth<'a> {
    /// Whether it is the first.
    pub first: bool,
    /// The name of the mechanism.
    pub mechanism: &'a [u8],
    /// The mechanism's own data; for PLAIN: NUL, user, NUL, password.
    pub data: &'a [u8],
}

impl<'a> SaslAuth<'a> {
    const MECHANISM_BYTES_MAX: usize = 64;
    const DATA_BYTES_MAX: usize = 8 * 1024;
    pub(super) const SHAPE: Shape = Shape::of(&[Opcode::SASL_AUTH, Opcode::SASL_STEP])
        .key(1, Self::MECHANISM_BYTES_MAX)
        .value(0, Self::DATA_BYTES_MAX);

    /// Appends it.
    ///
    /// # Panics
    /// When the mechanism is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let opcode = if self.first { Opcode::SASL_AUTH } else { Opcode::SASL_STEP };
        let lead = Lead::request(opcode, VbId::ZERO, opaque);
        let head: [u8; HEADER_BYTES] = lead.head(self.mechanism.len(), self.data.len());
        put(out, &head, self.mechanism, self.data);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let first = frame.opcode() == Opcode::SASL_AUTH;
        Ok(Self { first, mechanism: frame.key(), data: frame.value() })
    }
}

/// Without the data, which may hold a password.
impl fmt::Debug for SaslAuth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mechanism = String::from_utf8_lossy(self.mechanism);
        f.debug_struct("SaslAuth")
            .field("first", &self.first)
            .field("mechanism", &mechanism)
            .finish_non_exhaustive()
    }
}
