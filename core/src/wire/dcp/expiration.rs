//! `59` a document's time to live ran out.
//!
//! ```text
//!  extras 20: 0 seqno u64 | 8 rev u64 | 16 delete time u32
//!  key, value (extended attributes that outlive the document; mostly empty)
//! ```

use super::StreamTag;
use crate::types::{Cas, Datatype, RevSeqno, Seqno};
use crate::wire::shape::Shape;
use crate::wire::{FrameRef, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// A document's time to live ran out; only for connections that asked for expirations and delete times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiration<'a> {
    /// The stream.
    pub tag: StreamTag,
    /// The place in the vbucket's history.
    pub seqno: Seqno,
    /// How often the document was changed.
    pub rev: RevSeqno,
    /// The tombstone's CAS.
    pub cas: Cas,
    /// When it was deleted, in seconds since 1970.
    pub delete_time: u32,
    /// What the value is made of.
    pub datatype: Datatype,
    /// The key, with its collection id if the connection has collections.
    pub key: &'a [u8],
    /// What is left of the value.
    pub value: &'a [u8],
}

impl<'a> Expiration<'a> {
    const OPCODE: Opcode = Opcode::DCP_EXPIRATION;
    const SHAPE: Shape = Shape::of(&[Self::OPCODE])
        .extras(&[EXTRAS])
        .doc_key()
        .value(0, u32::MAX as usize)
        .any_datatype()
        .stream_id();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    #[inline]
    pub fn encode(&self, out: &mut BytesMut) {
        let lead = self.tag.lead(Self::OPCODE).datatype(self.datatype).cas(self.cas);
        let mut head: [u8; HEAD] = lead.head(self.key.len(), self.value.len());
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u64(self.seqno.get());
        extras.put_u64(self.rev.get());
        extras.put_u32(self.delete_time);
        self.tag.put(out, &head, self.key, self.value);
    }

    /// Bytes on the wire, and against the window.
    #[inline]
    #[must_use]
    pub const fn counted_bytes(&self) -> usize {
        self.tag.len(HEAD, self.key, self.value)
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or the stream id is malformed.
    #[inline]
    pub fn parse(frame: impl Into<FrameRef<'a>>) -> Result<Self, WireError> {
        let frame = frame.into();
        Self::SHAPE.check(frame)?;
        let mut extras = frame.extras();
        Ok(Self {
            tag: StreamTag::parse(frame)?,
            seqno: Seqno(extras.get_u64()),
            rev: RevSeqno(extras.get_u64()),
            cas: frame.header().cas,
            delete_time: extras.get_u32(),
            datatype: frame.header().datatype,
            key: frame.key(),
            value: frame.value(),
        })
    }
}

const EXTRAS: usize = 8 + 8 + 4;
const HEAD: usize = HEADER_BYTES + EXTRAS;
