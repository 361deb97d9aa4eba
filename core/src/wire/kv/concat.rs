//! `0e`, `0f`, `19`, `1a` add bytes to a value. Key, value; CAS in the header. Answer: see `WriteAnswer`.

use crate::types::{Cas, Datatype, Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::BytesMut;

/// At which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConcatMode {
    /// Behind the value.
    Append,
    /// In front of it.
    Prepend,
}

/// Add bytes to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concat<'a> {
    /// At which end.
    pub mode: ConcatMode,
    /// Whether only a failure is answered.
    pub quiet: bool,
    /// The vbucket.
    pub vb: VbId,
    /// The CAS that the document must have now, or 0 for any.
    pub cas: Cas,
    /// What the bytes are made of: plain, or compressed.
    pub datatype: Datatype,
    /// The key.
    pub key: &'a [u8],
    /// The bytes.
    pub value: &'a [u8],
}

impl<'a> Concat<'a> {
    pub(super) const SHAPE: Shape =
        Shape::of(&[Opcode::APPEND, Opcode::PREPEND, Opcode::APPENDQ, Opcode::PREPENDQ])
            .doc_key()
            .doc_value()
            .any_datatype()
            .preserve_expiry();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let opcode = match (self.mode, self.quiet) {
            (ConcatMode::Append, false) => Opcode::APPEND,
            (ConcatMode::Prepend, false) => Opcode::PREPEND,
            (ConcatMode::Append, true) => Opcode::APPENDQ,
            (ConcatMode::Prepend, true) => Opcode::PREPENDQ,
        };
        let lead = Lead::request(opcode, self.vb, opaque).cas(self.cas).datatype(self.datatype);
        let head: [u8; HEADER_BYTES] = lead.head(self.key.len(), self.value.len());
        put(out, &head, self.key, self.value);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let opcode = frame.opcode();
        let append = opcode.loud() == Opcode::APPEND;
        Ok(Self {
            mode: if append { ConcatMode::Append } else { ConcatMode::Prepend },
            quiet: opcode.is_quiet(),
            vb: frame.vbucket(),
            cas: frame.cas(),
            datatype: frame.datatype(),
            key: frame.key(),
            value: frame.value(),
        })
    }
}
