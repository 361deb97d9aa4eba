//! `01`, `02`, `03` and `11`, `12`, `13` write a document.
//!
//! ```text
//!  request: extras 8: 0 flags u32 | 4 expiry u32; key; value; datatype and CAS in the header
//!  answer:  see WriteAnswer
//! ```

use crate::types::{Cas, Datatype, Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// On which condition a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreMode {
    /// Always; with a CAS, if it matches.
    Set,
    /// If it does not exist.
    Add,
    /// If it exists; with a CAS, if that matches too.
    Replace,
}

/// Write a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store<'a> {
    /// On which condition.
    pub mode: StoreMode,
    /// Whether only a failure is answered.
    pub quiet: bool,
    /// The vbucket.
    pub vb: VbId,
    /// The CAS that it must have now, or 0 for any.
    pub cas: Cas,
    /// The writer's own 32 bits.
    pub flags: u32,
    /// When it expires: 0 never, up to 30 days relative, above that seconds since 1970.
    pub expiry: u32,
    /// What the value is made of.
    pub datatype: Datatype,
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl<'a> Store<'a> {
    pub(super) const SHAPE: Shape = Shape::of(&[
        Opcode::SET,
        Opcode::ADD,
        Opcode::REPLACE,
        Opcode::SETQ,
        Opcode::ADDQ,
        Opcode::REPLACEQ,
    ])
    .extras(&[EXTRAS])
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
            (StoreMode::Set, false) => Opcode::SET,
            (StoreMode::Add, false) => Opcode::ADD,
            (StoreMode::Replace, false) => Opcode::REPLACE,
            (StoreMode::Set, true) => Opcode::SETQ,
            (StoreMode::Add, true) => Opcode::ADDQ,
            (StoreMode::Replace, true) => Opcode::REPLACEQ,
        };
        let lead = Lead::request(opcode, self.vb, opaque).cas(self.cas).datatype(self.datatype);
        let mut head: [u8; HEADER_BYTES + EXTRAS] = lead.head(self.key.len(), self.value.len());
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u32(self.flags);
        extras.put_u32(self.expiry);
        put(out, &head, self.key, self.value);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or an ADD comes with a CAS.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let opcode = frame.opcode();
        let mode = match opcode.loud() {
            Opcode::ADD => StoreMode::Add,
            Opcode::REPLACE => StoreMode::Replace,
            _ => StoreMode::Set,
        };
        if mode == StoreMode::Add && frame.cas() != Cas::ZERO {
            return Err(WireError::CasGiven { opcode, cas: frame.cas() });
        }
        let mut extras = frame.extras();
        Ok(Self {
            mode,
            quiet: opcode.is_quiet(),
            vb: frame.vbucket(),
            cas: frame.cas(),
            flags: extras.get_u32(),
            expiry: extras.get_u32(),
            datatype: frame.datatype(),
            key: frame.key(),
            value: frame.value(),
        })
    }
}

const EXTRAS: usize = 4 + 4;
