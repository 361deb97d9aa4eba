//! `b3` forget tombstones of a vbucket.
//!
//! ```text
//!  extras 24:  0 before  u64  seconds since 1970: tombstones that were made before
//!              8 upto    u64  the highest seqno of them; 0: whichever they have
//!             16 all     u8   not 0: every tombstone, whatever the two say
//!             17         u8   0
//!             18 file    u16  not looked at: the vbucket is in the header
//!             20         u32  0
//!  value:      a JSON array of the keys, by which files are encrypted, that shall be used no longer; or nothing
//! ```

use crate::types::{Cas, Datatype, Opaque, Seqno, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// Forget tombstones of a vbucket. Answer when it is done: 00, 07 no such vbucket, 86 some stay for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactDb<'a> {
    /// The vbucket.
    pub vb: VbId,
    /// Those that were made before this time, in seconds since 1970.
    pub before: u64,
    /// Those up to this seqno; 0 for all.
    pub upto: Seqno,
    /// Every tombstone, whatever time and seqno are.
    pub drop_deletes: bool,
    /// A JSON array, or nothing.
    pub value: &'a [u8],
}

impl<'a> CompactDb<'a> {
    const OPCODE: Opcode = Opcode::COMPACT_DB;
    const VALUE_BYTES_MAX: usize = 64 * 1024;
    pub(super) const SHAPE: Shape =
        Shape::of(&[Self::OPCODE]).extras(&[EXTRAS]).value(0, Self::VALUE_BYTES_MAX).json();

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let json = if self.value.is_empty() { Datatype::RAW } else { Datatype::JSON };
        let lead = Lead::request(Self::OPCODE, self.vb, opaque).datatype(json);
        let mut head: [u8; HEADER_BYTES + EXTRAS] = lead.head(0, self.value.len());
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u64(self.before);
        extras.put_u64(self.upto.get());
        extras.put_u8(self.drop_deletes.into());
        put(out, &head, &[], self.value);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, comes with a CAS, has something where nothing may be, or its value is not
    /// marked as JSON.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let opcode = Self::OPCODE;
        if frame.cas() != Cas::ZERO {
            return Err(WireError::CasGiven { opcode, cas: frame.cas() });
        }
        let wrong = |what| WireError::Content { opcode, what };
        let mut extras = frame.extras();
        let (before, upto) = (extras.get_u64(), Seqno(extras.get_u64()));
        let drop_deletes = extras.get_u8() != 0;
        let (pad, _file, tail) = (extras.get_u8(), extras.get_u16(), extras.get_u32());
        if pad != 0 || tail != 0 {
            return Err(wrong("bytes that have no meaning are not 0"));
        }
        let value = frame.value();
        if !value.is_empty() && frame.datatype() != Datatype::JSON {
            return Err(wrong("a value is JSON"));
        }
        Ok(Self { vb: frame.vbucket(), before, upto, drop_deletes, value })
    }
}

const EXTRAS: usize = 24;
