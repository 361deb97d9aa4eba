//! `56` a snapshot begins.
//!
//! ```text
//!  1.0  extras 20: 0 start u64 | 8 end u64 | 16 flags u32
//!  2.0  extras  1: 00    value 36: 0 start u64 | 8 end u64 | 16 flags u32 | 20 max visible u64 | 28 high completed
//!  u64 2.1  extras  1: 01    value 44: as 2.0, then 36 timestamp u64 (read, never written)
//!  2.2  extras  1: 02    value 52: as 2.0, then 36 purge u64 | 44 high prepared u64
//! ```

use super::StreamTag;
use crate::types::Seqno;
use crate::wire::flags::flags;
use crate::wire::shape::Shape;
use crate::wire::{FrameRef, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

flags! {
    /// What kind of snapshot it is.
    MarkerFlags {
        /// From memory.
        MEMORY = 0x01;
        /// From disk.
        DISK = 0x02;
        /// A checkpoint of the source begins here.
        CHECKPOINT = 0x04;
        /// An answer is wanted when the snapshot is complete.
        ACK = 0x08;
        /// It shows history: every version, not only the newest.
        HISTORY = 0x10;
        /// A key may come more than once.
        MAY_CONTAIN_DUPLICATES = 0x20;
    }
}

/// A snapshot begins: the messages up to seqno `end` belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotMarker {
    /// The stream.
    pub tag: StreamTag,
    /// Where it starts; of a stream's first snapshot, the seqno that was asked for.
    pub start: Seqno,
    /// Where it ends.
    pub end: Seqno,
    /// What kind of snapshot it is.
    pub flags: MarkerFlags,
    /// What later versions of the marker add.
    pub extension: MarkerExtension,
}

/// What a marker says beyond version 1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarkerExtension {
    /// Nothing: version 1.0.
    None,
    /// Version 2.0.
    V2_0 {
        /// The last seqno that a client without durable writes sees.
        max_visible: Seqno,
        /// The last durable write that is complete; only with [`MarkerFlags::DISK`].
        high_completed: Seqno,
    },
    /// Version 2.2.
    V2_2 {
        /// As in 2.0.
        max_visible: Seqno,
        /// As in 2.0.
        high_completed: Seqno,
        /// The highest seqno of a tombstone that is gone for good.
        purge: Seqno,
        /// The last durable write that was prepared; only with [`MarkerFlags::DISK`].
        high_prepared: Seqno,
    },
}

impl SnapshotMarker {
    const OPCODE: Opcode = Opcode::DCP_SNAPSHOT_MARKER;
    const SHAPE: Shape =
        Shape::of(&[Self::OPCODE]).extras(&[EXTRAS_V1, EXTRAS_V2]).value(0, VALUE_V2_2).stream_id();

    /// Appends it.
    #[inline]
    pub fn encode(&self, out: &mut BytesMut) {
        let lead = self.tag.lead(Self::OPCODE);
        match self.extension {
            MarkerExtension::None => {
                let mut head: [u8; HEAD_V1] = lead.head(0, 0);
                self.put_range(&mut head[HEADER_BYTES..]);
                self.tag.put(out, &head, &[], &[]);
            }
            MarkerExtension::V2_0 { max_visible, high_completed } => {
                let mut head: [u8; HEAD_V2] = lead.head(0, VALUE_V2_0);
                head[HEADER_BYTES] = 0;
                let mut value = [0; VALUE_V2_0];
                let mut rest = self.put_range(&mut value);
                rest.put_u64(max_visible.get());
                rest.put_u64(high_completed.get());
                self.tag.put(out, &head, &[], &value);
            }
            MarkerExtension::V2_2 { max_visible, high_completed, purge, high_prepared } => {
                let mut head: [u8; HEAD_V2] = lead.head(0, VALUE_V2_2);
                head[HEADER_BYTES] = 2;
                let mut value = [0; VALUE_V2_2];
                let mut rest = self.put_range(&mut value);
                rest.put_u64(max_visible.get());
                rest.put_u64(high_completed.get());
                rest.put_u64(purge.get());
                rest.put_u64(high_prepared.get());
                self.tag.put(out, &head, &[], &value);
            }
        }
    }

    /// Bytes on the wire, and against the window.
    #[inline]
    #[must_use]
    pub const fn counted_bytes(&self) -> usize {
        let len = match self.extension {
            MarkerExtension::None => HEAD_V1,
            MarkerExtension::V2_0 { .. } => HEAD_V2 + VALUE_V2_0,
            MarkerExtension::V2_2 { .. } => HEAD_V2 + VALUE_V2_2,
        };
        self.tag.len(len, &[], &[])
    }

    /// Reads it. What version 2.1 adds is left out.
    ///
    /// # Errors
    /// When a part does not have its length, the version is unknown, the snapshot ends before it starts, or
    /// the stream id is malformed.
    pub fn parse<'a>(frame: impl Into<FrameRef<'a>>) -> Result<Self, WireError> {
        let frame = frame.into();
        Self::SHAPE.check(frame)?;
        let (extras, value) = (frame.extras(), frame.value());
        let tag = StreamTag::parse(frame)?;
        let wrong = |what| WireError::Content { opcode: Self::OPCODE, what };
        let (mut body, version) = match *extras {
            [version] => (value, Some(version)),
            _ => (extras, None),
        };
        let expected = match version {
            None => EXTRAS_V1,
            Some(0) => VALUE_V2_0,
            Some(1) => VALUE_V2_1,
            Some(2) => VALUE_V2_2,
            Some(_) => return Err(wrong("the version of the marker is not known")),
        };
        if body.len() != expected || (version.is_none() && !value.is_empty()) {
            return Err(wrong("the value does not have the length of its version"));
        }
        let (start, end) = (Seqno(body.get_u64()), Seqno(body.get_u64()));
        if start > end {
            return Err(wrong("the snapshot ends before it starts"));
        }
        let flags = MarkerFlags(body.get_u32());
        let mut seqno = || Seqno(body.get_u64());
        let extension = match version {
            None => MarkerExtension::None,
            Some(2) => MarkerExtension::V2_2 {
                max_visible: seqno(),
                high_completed: seqno(),
                purge: seqno(),
                high_prepared: seqno(),
            },
            Some(_) => MarkerExtension::V2_0 { max_visible: seqno(), high_completed: seqno() },
        };
        Ok(Self { tag, start, end, flags, extension })
    }

    /// Writes what all versions have, and returns the rest of the room.
    #[inline]
    fn put_range<'b>(&self, mut room: &'b mut [u8]) -> &'b mut [u8] {
        room.put_u64(self.start.get());
        room.put_u64(self.end.get());
        room.put_u32(self.flags.0);
        room
    }
}

const EXTRAS_V1: usize = 8 + 8 + 4;
const EXTRAS_V2: usize = 1;
const HEAD_V1: usize = HEADER_BYTES + EXTRAS_V1;
const HEAD_V2: usize = HEADER_BYTES + EXTRAS_V2;
const VALUE_V2_0: usize = EXTRAS_V1 + 8 + 8;
const VALUE_V2_1: usize = VALUE_V2_0 + 8;
const VALUE_V2_2: usize = VALUE_V2_0 + 8 + 8;
