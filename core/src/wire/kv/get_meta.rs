//! `a0`, `a1` a document's version, without its value; of a tombstone too.
//!
//! ```text
//!  request: extras 0, or 1: 1 or 2 = layout of the answer; key
//!  answer:  extras 20: 0 deleted u32 (1 = tombstone) | 4 flags u32 | 8 expiry u32 | 12 revision u64; CAS in the header
//!           layout 2: one more, 20 datatype
//! ```

use crate::types::{Cas, Datatype, Opaque, RevSeqno, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Header, Opcode, Response, Status, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// Read a document's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetMeta<'a> {
    /// The vbucket.
    pub vb: VbId,
    /// The key.
    pub key: &'a [u8],
    /// Whether the answer shall tell the datatype.
    pub with_datatype: bool,
    /// Whether a miss goes without an answer.
    pub quiet: bool,
}

impl<'a> GetMeta<'a> {
    pub(super) const SHAPE: Shape =
        Shape::of(&[Opcode::GET_META, Opcode::GETQ_META]).extras(&[0, 1]).doc_key();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let opcode = if self.quiet { Opcode::GETQ_META } else { Opcode::GET_META };
        let lead = Lead::request(opcode, self.vb, opaque);
        let mut head: [u8; HEADER_BYTES + 1] = lead.head(self.key.len(), 0);
        head[HEADER_BYTES] = if self.with_datatype { 2 } else { 1 };
        put(out, &head, self.key, &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or it asks for another layout than 1 and 2.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let opcode = frame.opcode();
        let with_datatype = match frame.extras() {
            [] | [1] => false,
            [2] => true,
            _ => return Err(WireError::Content { opcode, what: "the layout is neither 1 nor 2" }),
        };
        let (vb, key, quiet) = (frame.vbucket(), frame.key(), opcode.is_quiet());
        Ok(Self { vb, key, with_datatype, quiet })
    }
}

/// A document's version; the answer to [`GetMeta`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetMetaAnswer {
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// The writer's own 32 bits.
    pub flags: u32,
    /// When it expires, in seconds since 1970, or 0; of a tombstone, when it was deleted.
    pub expiry: u32,
    /// How often the document was changed.
    pub rev: RevSeqno,
    /// Its CAS.
    pub cas: Cas,
    /// What its value is made of, if it was asked for.
    pub datatype: Option<Datatype>,
}

impl GetMetaAnswer {
    const OPCODES: &'static [Opcode] = &[Opcode::GET_META, Opcode::GETQ_META];

    /// Appends it.
    pub fn encode(&self, to: &Header, out: &mut BytesMut) {
        let mut extras = [0; EXTRAS + 1];
        let mut room = &mut extras[..];
        room.put_u32(self.deleted.into());
        room.put_u32(self.flags);
        room.put_u32(self.expiry);
        room.put_u64(self.rev.0);
        room.put_u8(self.datatype.map_or(0, |datatype| datatype.0));
        let len = if self.datatype.is_some() { EXTRAS + 1 } else { EXTRAS };
        Response::to(to, Status::SUCCESS).extras(&extras[..len]).cas(self.cas).encode(out);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused (01: no such document), or the extras have another length.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        let answer = Response::accept(frame, Self::OPCODES)?;
        let (opcode, len, mut extras) = (answer.opcode, answer.extras.len(), answer.extras);
        if !(EXTRAS..=EXTRAS + 1).contains(&len) {
            return Err(WireError::Extras { opcode, len, allowed: &[EXTRAS, EXTRAS + 1] });
        }
        Ok(Self {
            deleted: extras.get_u32() & 1 == 1,
            flags: extras.get_u32(),
            expiry: extras.get_u32(),
            rev: RevSeqno(extras.get_u64()),
            cas: answer.cas,
            datatype: extras.first().map(|&datatype| Datatype(datatype)),
        })
    }
}

const EXTRAS: usize = 4 + 4 + 4 + 8;
