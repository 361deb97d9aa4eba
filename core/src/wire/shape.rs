//! What the parts of a command may be: the table row that its header, and then its parser, is checked by.

use super::{FrameInfos, FrameRef, Header, Opcode, WireError};
use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::types::Datatype;

/// Lengths and datatypes that a command takes. Begins as "nothing at all"; each method allows something.
pub(super) struct Shape {
    opcodes: &'static [Opcode],
    extras: &'static [usize],
    key: (usize, usize),
    value: (usize, usize),
    datatypes: u8,
    infos: &'static [u16],
}

/// Bytes of the longest collection id in front of a key.
const COLLECTION_BYTES_MAX: usize = 5;
/// Longest document key with its collection id; also what fits in a flexible header.
pub(super) const DOC_KEY_BYTES_MAX: usize = KEY_BYTES_MAX + COLLECTION_BYTES_MAX;
const _: () = assert!(DOC_KEY_BYTES_MAX <= u8::MAX as usize);

impl Shape {
    /// A command without extras, key and value.
    pub(super) const fn of(opcodes: &'static [Opcode]) -> Self {
        Self { opcodes, extras: &[0], key: (0, 0), value: (0, 0), datatypes: 0, infos: &[] }
    }

    pub(super) const fn extras(mut self, lengths: &'static [usize]) -> Self {
        self.extras = lengths;
        self
    }

    pub(super) const fn key(mut self, min: usize, max: usize) -> Self {
        self.key = (min, max);
        self
    }

    /// A document's key; 250 bytes are the limit without the collection id, which only the connection knows
    /// to be there or not.
    pub(super) const fn doc_key(self) -> Self {
        self.key(1, DOC_KEY_BYTES_MAX)
    }

    pub(super) const fn value(mut self, min: usize, max: usize) -> Self {
        self.value = (min, max);
        self
    }

    pub(super) const fn doc_value(self) -> Self {
        self.value(0, VALUE_BYTES_MAX)
    }

    pub(super) const fn json(mut self) -> Self {
        self.datatypes |= Datatype::JSON.0;
        self
    }

    pub(super) const fn any_datatype(mut self) -> Self {
        self.datatypes = Datatype::JSON.0 | Datatype::SNAPPY.0 | Datatype::XATTR.0;
        self
    }

    /// May carry a stream id; its parser reads it.
    pub(super) const fn stream_id(mut self) -> Self {
        self.infos = &[FrameInfos::STREAM_ID];
        self
    }

    /// May ask to keep the document's expiry; its handler reads that. Not to be made durable: a parser whose caller
    /// did not look would make such a write weaker than it was meant to be.
    pub(super) const fn preserve_expiry(mut self) -> Self {
        self.infos = &[FrameInfos::PRESERVE_EXPIRY];
        self
    }

    /// The commands that have it.
    pub(super) const fn opcodes(&self) -> &'static [Opcode] {
        self.opcodes
    }

    /// Checks a message against the shape.
    #[inline]
    pub(super) fn check<'a>(&self, frame: impl Into<FrameRef<'a>>) -> Result<(), WireError> {
        let frame = frame.into();
        self.check_header(frame.header())?;
        for info in frame.frame_infos() {
            let (id, _) = info?;
            if id == FrameInfos::DURABILITY && self.infos.contains(&FrameInfos::PRESERVE_EXPIRY) {
                return Err(WireError::Durability);
            }
            if !self.infos.contains(&id) {
                return Err(WireError::FrameInfo { id });
            }
        }
        Ok(())
    }

    /// Checks what a header, found well-formed, tells of its message.
    #[inline]
    pub(super) fn check_header(&self, header: &Header) -> Result<(), WireError> {
        let opcode = header.opcode;
        if !self.opcodes.contains(&opcode) || !header.magic.is_request() {
            return Err(WireError::Opcode { found: opcode });
        }
        let extras = usize::from(header.extras_len);
        if !self.extras.contains(&extras) {
            return Err(WireError::Extras { opcode, len: extras, allowed: self.extras });
        }
        let (key, (min, max)) = (usize::from(header.key_len), self.key);
        if key < min || key > max {
            return Err(WireError::Key { opcode, len: key, min, max });
        }
        let (value, (min, max)) = (header.value_len(), self.value);
        if value < min {
            return Err(WireError::ValueShort { opcode, len: value, min });
        }
        if value > max {
            return Err(WireError::ValueLong { opcode, len: value, max });
        }
        if header.datatype.0 & !self.datatypes != 0 {
            return Err(WireError::Datatype { opcode, datatype: header.datatype });
        }
        Ok(())
    }
}
