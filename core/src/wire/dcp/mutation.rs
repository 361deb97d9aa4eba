//! `57` a document was written.
//!
//! ```text
//!  extras 31: 0 seqno u64 | 8 rev u64 | 16 flags u32 | 20 expiry u32 | 24 lock time u32 | 28 u16 = 0 | 30 nru u8
//!  key, value
//! ```

use super::StreamTag;
use crate::types::{Cas, Datatype, RevSeqno, Seqno};
use crate::wire::shape::Shape;
use crate::wire::{FrameRef, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// A document was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutation<'a> {
    /// The stream.
    pub tag: StreamTag,
    /// The place in the vbucket's history.
    pub seqno: Seqno,
    /// How often the document was changed.
    pub rev: RevSeqno,
    /// The document's CAS.
    pub cas: Cas,
    /// The writer's own 32 bits.
    pub flags: u32,
    /// When it expires, in seconds since 1970; 0: never.
    pub expiry: u32,
    /// Until when it is locked; 0: it is not.
    pub lock_time: u32,
    /// How hot the document is, from 0 to 3.
    pub nru: u8,
    /// What the value is made of.
    pub datatype: Datatype,
    /// The key, with its collection id if the connection has collections.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl<'a> Mutation<'a> {
    const OPCODE: Opcode = Opcode::DCP_MUTATION;
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
        extras.put_u32(self.flags);
        extras.put_u32(self.expiry);
        extras.put_u32(self.lock_time);
        extras.put_u16(0);
        extras.put_u8(self.nru);
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
        let (seqno, rev) = (Seqno(extras.get_u64()), RevSeqno(extras.get_u64()));
        let (flags, expiry, lock_time) = (extras.get_u32(), extras.get_u32(), extras.get_u32());
        let _meta_len = extras.get_u16();
        Ok(Self {
            tag: StreamTag::parse(frame)?,
            seqno,
            rev,
            cas: frame.header().cas,
            flags,
            expiry,
            lock_time,
            nru: extras.get_u8(),
            datatype: frame.header().datatype,
            key: frame.key(),
            value: frame.value(),
        })
    }
}

const EXTRAS: usize = 8 + 8 + 4 + 4 + 4 + 2 + 1;
const HEAD: usize = HEADER_BYTES + EXTRAS;
