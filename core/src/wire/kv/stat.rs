//! `10` statistics.
//!
//! ```text
//!  request: key: the group, or nothing for the general one; value: how it is wanted, as JSON, or nothing
//!  answers: key: name, value: text, one for each; then one with neither
//! ```

use crate::types::{Cas, Datatype, Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::response::answer_head;
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Header, Opcode, Response, WireError};
use bytes::BytesMut;

/// Asks for statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat<'a> {
    /// The group; empty for the general one.
    pub group: &'a [u8],
    /// How it is wanted, as JSON; empty: as usual.
    pub value: &'a [u8],
}

impl<'a> Stat<'a> {
    /// A group as usual.
    #[must_use]
    pub const fn of(group: &'a [u8]) -> Self {
        Self { group, value: &[] }
    }

    const OPCODE: Opcode = Opcode::STAT;
    const GROUP_BYTES_MAX: usize = 250;
    const VALUE_BYTES_MAX: usize = 4096;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE])
        .key(0, Self::GROUP_BYTES_MAX)
        .value(0, Self::VALUE_BYTES_MAX)
        .json();

    /// Appends it.
    ///
    /// # Panics
    /// When the group is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        let head = lead.head::<HEADER_BYTES>(self.group.len(), self.value.len());
        put(out, &head, self.group, self.value);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { group: frame.key(), value: frame.value() })
    }
}

/// One of the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatEntry<'a> {
    /// Its name; empty in the last answer.
    pub name: &'a [u8],
    /// Its value, as text.
    pub value: &'a [u8],
}

impl<'a> StatEntry<'a> {
    /// The answer that ends the list.
    pub const LAST: Self = Self { name: &[], value: &[] };

    /// Appends it.
    ///
    /// # Panics
    /// When the name is longer than its length field can say.
    pub fn encode(&self, to: &Header, out: &mut BytesMut) {
        let head: [u8; HEADER_BYTES] =
            answer_head(to, Cas::ZERO, Datatype::RAW, self.name.len(), self.value.len());
        put(out, &head, self.name, self.value);
    }

    /// Reads it; `None` for the answer that ends the list.
    ///
    /// # Errors
    /// When it is another message, or the server refused.
    pub fn parse(frame: &'a Frame) -> Result<Option<Self>, WireError> {
        let answer = Response::accept(frame, &[Stat::OPCODE])?;
        let entry = Self { name: answer.key, value: answer.value };
        Ok((entry != Self::LAST).then_some(entry))
    }
}
