//! `50` make this a DCP connection.
//!
//! ```text
//!  extras 8: 0 seqno u32 (ignored) | 4 flags u32
//!  key: the connection's name; value: a JSON object, for consumers only
//! ```

use crate::limits::CONNECTION_NAME_BYTES_MAX;
use crate::types::{Opaque, VbId};
use crate::wire::flags::flags;
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

flags! {
    /// What the connection is for.
    OpenFlags {
        /// The server shall be a producer; without it, a consumer.
        PRODUCER = 0x01;
        /// Send extended attributes.
        INCLUDE_XATTRS = 0x04;
        /// Send keys and meta data only.
        NO_VALUE = 0x08;
        /// Send delete times.
        INCLUDE_DELETE_TIMES = 0x20;
        /// As [`OpenFlags::NO_VALUE`], with the datatype that the value has.
        NO_VALUE_WITH_DATATYPE = 0x40;
        /// Keep the user's extended attributes in deletions.
        INCLUDE_DELETED_USER_XATTRS = 0x100;
        /// Leave tombstones out of a first backfill that starts at 0.
        SKIP_DELETES_IN_INITIAL_BACKFILL = 0x200;
    }
}

/// Make this a DCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// What it is for.
    pub flags: OpenFlags,
    /// Its name, unique on the server: an older connection with the same name is closed.
    pub name: &'a [u8],
    /// Settings of a consumer, as JSON; always empty for a producer.
    pub value: &'a [u8],
}

impl<'a> Open<'a> {
    const OPCODE: Opcode = Opcode::DCP_OPEN;
    const VALUE_BYTES_MAX: usize = 4096;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE])
        .extras(&[EXTRAS])
        .key(1, CONNECTION_NAME_BYTES_MAX)
        .value(0, Self::VALUE_BYTES_MAX)
        .json();

    /// Appends it.
    ///
    /// # Panics
    /// When the name is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        let mut head: [u8; HEADER_BYTES + EXTRAS] = lead.head(self.name.len(), self.value.len());
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u32(0);
        extras.put_u32(self.flags.0);
        put(out, &head, self.name, self.value);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or the flags are unknown or exclude each other.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let mut extras = frame.extras();
        let _seqno = extras.get_u32();
        let open =
            Self { flags: OpenFlags(extras.get_u32()), name: frame.key(), value: frame.value() };
        match open.contradiction() {
            Some(what) => Err(WireError::Flags { opcode: Self::OPCODE, flags: open.flags.0, what }),
            None => Ok(open),
        }
    }

    fn contradiction(&self) -> Option<&'static str> {
        let flags = self.flags;
        if flags.0 & !OpenFlags::KNOWN.0 != 0 {
            return Some("unknown flags");
        }
        if flags.contains(OpenFlags::NO_VALUE | OpenFlags::NO_VALUE_WITH_DATATYPE) {
            return Some("the two ways to leave values out exclude each other");
        }
        if flags.contains(OpenFlags::INCLUDE_DELETED_USER_XATTRS)
            && !flags.contains(OpenFlags::INCLUDE_XATTRS)
        {
            return Some("deleted attributes need attributes");
        }
        if flags.contains(OpenFlags::SKIP_DELETES_IN_INITIAL_BACKFILL)
            && !flags.contains(OpenFlags::PRODUCER)
        {
            return Some("only a producer can skip deletions");
        }
        if flags.contains(OpenFlags::PRODUCER) && !self.value.is_empty() {
            return Some("a producer takes no value");
        }
        None
    }
}

const EXTRAS: usize = 4 + 4;
