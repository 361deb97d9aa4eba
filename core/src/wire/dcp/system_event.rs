//! `5f` a collection or scope came, changed or went.
//!
//! ```text
//!  extras 13: 0 seqno u64 | 8 event u32 | 12 version u8
//!  key: its name; value: by version, 0 = ids, 1 = ids and time to live, 2 = FlatBuffers
//! ```

use super::StreamTag;
use crate::types::{Cas, Datatype, Seqno};
use crate::wire::shape::Shape;
use crate::wire::{FrameRef, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// What happened; unknown numbers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SystemEventKind(pub u32);

impl SystemEventKind {
    /// A collection was made (or flushed).
    pub const CREATE_COLLECTION: Self = Self(0);
    /// A collection was dropped.
    pub const DROP_COLLECTION: Self = Self(1);
    /// A scope was made.
    pub const CREATE_SCOPE: Self = Self(3);
    /// A scope was dropped.
    pub const DROP_SCOPE: Self = Self(4);
    /// A collection was modified; only for clients that read FlatBuffers.
    pub const MODIFY_COLLECTION: Self = Self(5);
}

/// A collection or scope came, changed or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemEvent<'a> {
    /// The stream.
    pub tag: StreamTag,
    /// The place in the vbucket's history.
    pub seqno: Seqno,
    /// What happened.
    pub kind: SystemEventKind,
    /// How the value is laid out.
    pub version: u8,
    /// CAS; 0 from most servers.
    pub cas: Cas,
    /// What the value is made of.
    pub datatype: Datatype,
    /// The name of the collection or scope.
    pub name: &'a [u8],
    /// The value, by version.
    pub value: &'a [u8],
}

impl<'a> SystemEvent<'a> {
    const OPCODE: Opcode = Opcode::DCP_SYSTEM_EVENT;
    const SHAPE: Shape = Shape::of(&[Self::OPCODE])
        .extras(&[EXTRAS])
        .key(0, u8::MAX as usize)
        .value(0, u32::MAX as usize)
        .any_datatype()
        .stream_id();

    /// Appends it.
    ///
    /// # Panics
    /// When the name is longer than its length field can say.
    pub fn encode(&self, out: &mut BytesMut) {
        let lead = self.tag.lead(Self::OPCODE).datatype(self.datatype).cas(self.cas);
        let mut head: [u8; HEAD] = lead.head(self.name.len(), self.value.len());
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u64(self.seqno.get());
        extras.put_u32(self.kind.0);
        extras.put_u8(self.version);
        self.tag.put(out, &head, self.name, self.value);
    }

    /// Bytes on the wire, and against the window.
    #[must_use]
    pub const fn counted_bytes(&self) -> usize {
        self.tag.len(HEAD, self.name, self.value)
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
            kind: SystemEventKind(extras.get_u32()),
            version: extras.get_u8(),
            cas: frame.header().cas,
            datatype: frame.header().datatype,
            name: frame.key(),
            value: frame.value(),
        })
    }
}

const EXTRAS: usize = 8 + 4 + 1;
const HEAD: usize = HEADER_BYTES + EXTRAS;
