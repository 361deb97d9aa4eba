//! `00`, `09`, `0c`, `0d` read a document.
//!
//! ```text
//!  request: key
//!  answer:  extras 4: flags u32; key if it was asked for (0c, 0d); value; datatype and CAS in the header
//! ```

use crate::types::{Cas, Datatype, Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::response::answer_head;
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Header, Opcode, Response, WireError};
use bytes::{BufMut, BytesMut};

/// Read a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Get<'a> {
    /// The vbucket.
    pub vb: VbId,
    /// The key.
    pub key: &'a [u8],
    /// Whether the answer shall carry the key.
    pub with_key: bool,
    /// Whether a miss goes without an answer.
    pub quiet: bool,
}

impl<'a> Get<'a> {
    pub(super) const SHAPE: Shape =
        Shape::of(&[Opcode::GET, Opcode::GETQ, Opcode::GETK, Opcode::GETKQ]).doc_key();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let opcode = match (self.with_key, self.quiet) {
            (false, false) => Opcode::GET,
            (false, true) => Opcode::GETQ,
            (true, false) => Opcode::GETK,
            (true, true) => Opcode::GETKQ,
        };
        let lead = Lead::request(opcode, self.vb, opaque);
        put(out, &lead.head::<HEADER_BYTES>(self.key.len(), 0), self.key, &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let opcode = frame.opcode();
        Ok(Self {
            vb: frame.vbucket(),
            key: frame.key(),
            with_key: opcode.loud() == Opcode::GETK,
            quiet: opcode.is_quiet(),
        })
    }
}

/// A document; the answer to [`Get`], [`GetAndTouch`](super::GetAndTouch), [`GetLocked`](super::GetLocked) and
/// [`GetRandomKey`](super::GetRandomKey).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetAnswer<'a> {
    /// Its CAS.
    pub cas: Cas,
    /// The writer's own 32 bits.
    pub flags: u32,
    /// What the value is made of.
    pub datatype: Datatype,
    /// The key if it was asked for, otherwise empty.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl<'a> GetAnswer<'a> {
    const OPCODES: &'static [Opcode] = &[
        Opcode::GET,
        Opcode::GETQ,
        Opcode::GETK,
        Opcode::GETKQ,
        Opcode::GAT,
        Opcode::GATQ,
        Opcode::GET_LOCKED,
        Opcode::GET_RANDOM_KEY,
    ];

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, to: &Header, out: &mut BytesMut) {
        let (key, value) = (self.key, self.value);
        let mut head: [u8; HEADER_BYTES + EXTRAS] =
            answer_head(to, self.cas, self.datatype, key.len(), value.len());
        (&mut head[HEADER_BYTES..]).put_u32(self.flags);
        put(out, &head, key, value);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused (01: no such document), or the flags are missing.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        let answer = Response::accept(frame, Self::OPCODES)?;
        let flags = answer.exact_extras::<{ EXTRAS }>(&[EXTRAS])?;
        Ok(Self {
            cas: answer.cas,
            flags: u32::from_be_bytes(*flags),
            datatype: answer.datatype,
            key: answer.key,
            value: answer.value,
        })
    }
}

const EXTRAS: usize = 4;
