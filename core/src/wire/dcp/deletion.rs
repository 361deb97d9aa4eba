//! `58` a document was deleted.
//!
//! ```text
//!  extras 18: 0 seqno u64 | 8 rev u64 | 16 u16 = 0                          without delete times
//!  extras 21: 0 seqno u64 | 8 rev u64 | 16 delete time u32 | 20 u8 = 0      with delete times
//!  key, value (extended attributes that outlive the document; mostly empty)
//! ```

use super::StreamTag;
use crate::types::{Cas, Datatype, RevSeqno, Seqno};
use crate::wire::shape::Shape;
use crate::wire::{FrameRef, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// A document was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion<'a> {
    /// The stream.
    pub tag: StreamTag,
    /// The place in the vbucket's history.
    pub seqno: Seqno,
    /// How often the document was changed.
    pub rev: RevSeqno,
    /// The tombstone's CAS.
    pub cas: Cas,
    /// When it was deleted, in seconds since 1970; only for connections with delete times.
    pub delete_time: Option<u32>,
    /// What the value is made of.
    pub datatype: Datatype,
    /// The key, with its collection id if the connection has collections.
    pub key: &'a [u8],
    /// What is left of the value.
    pub value: &'a [u8],
}

impl<'a> Deletion<'a> {
    const OPCODE: Opcode = Opcode::DCP_DELETION;
    const SHAPE: Shape = Shape::of(&[Self::OPCODE])
        .extras(&[EXTRAS_V1, EXTRAS_V2])
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
        let (key_len, value_len) = (self.key.len(), self.value.len());
        if let Some(delete_time) = self.delete_time {
            let mut head: [u8; HEAD_V2] = lead.head(key_len, value_len);
            let mut extras = &mut head[HEADER_BYTES..];
            extras.put_u64(self.seqno.get());
            extras.put_u64(self.rev.get());
            extras.put_u32(delete_time);
            extras.put_u8(0);
            self.tag.put(out, &head, self.key, self.value);
        } else {
            let mut head: [u8; HEAD_V1] = lead.head(key_len, value_len);
            let mut extras = &mut head[HEADER_BYTES..];
            extras.put_u64(self.seqno.get());
            extras.put_u64(self.rev.get());
            extras.put_u16(0);
            self.tag.put(out, &head, self.key, self.value);
        }
    }

    /// Bytes on the wire, and against the window.
    #[inline]
    #[must_use]
    pub const fn counted_bytes(&self) -> usize {
        let head = if self.delete_time.is_some() { HEAD_V2 } else { HEAD_V1 };
        self.tag.len(head, self.key, self.value)
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
        let timed = extras.len() == EXTRAS_V2;
        Ok(Self {
            tag: StreamTag::parse(frame)?,
            seqno: Seqno(extras.get_u64()),
            rev: RevSeqno(extras.get_u64()),
            cas: frame.header().cas,
            delete_time: timed.then(|| extras.get_u32()),
            datatype: frame.header().datatype,
            key: frame.key(),
            value: frame.value(),
        })
    }
}

const EXTRAS_V1: usize = 8 + 8 + 2;
const EXTRAS_V2: usize = 8 + 8 + 4 + 1;
const HEAD_V1: usize = HEADER_BYTES + EXTRAS_V1;
const HEAD_V2: usize = HEADER_BYTES + EXTRAS_V2;
