//! `53` open a stream.
//!
//! ```text
//!  extras 48: 0 flags u32 | 4 reserved u32 | 8 start u64 | 16 end u64 | 24 vbucket uuid u64
//!             | 32 snapshot start u64 | 40 snapshot end u64
//!  value: nothing, or a JSON object (filter, stream id, purge seqno)
//!  answer: 00 and the failover log, or 23 and value 8: seqno u64 to go back to, or another status
//! ```

use crate::types::{Opaque, Seqno, VbId, VbUuid};
use crate::wire::flags::flags;
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Header, Opcode, Response, Status, WireError};
use bytes::{Buf, BufMut, BytesMut};

flags! {
    /// How a stream starts and ends.
    StreamFlags {
        /// Hand the vbucket over at the end.
        TAKEOVER = 0x01;
        /// End at what is on disk now.
        DISK_ONLY = 0x02;
        /// End at the seqno that is the latest now.
        TO_LATEST = 0x04;
        /// Of the past; refused.
        NO_VALUE = 0x08;
        /// Refuse unless the vbucket is active.
        ACTIVE_VB_ONLY = 0x10;
        /// Check the vbucket uuid even if the start is 0.
        STRICT_VB_UUID = 0x20;
        /// Start at the seqno that is the latest now.
        FROM_LATEST = 0x40;
        /// Do not roll back because tombstones were purged.
        IGNORE_PURGED_TOMBSTONES = 0x80;
        /// Start with what is in memory.
        CACHE_TRANSFER = 0x100;
    }
}

/// Open a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamReq<'a> {
    /// The vbucket.
    pub vb: VbId,
    /// How it starts and ends.
    pub flags: StreamFlags,
    /// The last seqno that the client has.
    pub start: Seqno,
    /// Where the stream ends; [`Seqno::MAX`] for never.
    pub end: Seqno,
    /// The branch of history that `start` belongs to; 0 if unknown.
    pub uuid: VbUuid,
    /// Start of the snapshot that `start` belongs to.
    pub snap_start: Seqno,
    /// End of that snapshot.
    pub snap_end: Seqno,
    /// Filter and options, as JSON; may be empty.
    pub value: &'a [u8],
}

impl<'a> StreamReq<'a> {
    const OPCODE: Opcode = Opcode::DCP_STREAM_REQ;
    /// A filter that names thousands of collections fits.
    const VALUE_BYTES_MAX: usize = 1024 * 1024;
    pub(super) const SHAPE: Shape =
        Shape::of(&[Self::OPCODE]).extras(&[EXTRAS]).value(0, Self::VALUE_BYTES_MAX).json();

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, self.vb, opaque);
        let mut head: [u8; HEADER_BYTES + EXTRAS] = lead.head(0, self.value.len());
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u32(self.flags.0);
        extras.put_u32(0);
        extras.put_u64(self.start.get());
        extras.put_u64(self.end.get());
        extras.put_u64(self.uuid.get());
        extras.put_u64(self.snap_start.get());
        extras.put_u64(self.snap_end.get());
        put(out, &head, &[], self.value);
    }

    /// Reads it. Whether the range makes sense is for the producer to say: it has a status of its own.
    ///
    /// # Errors
    /// When a part does not have its length, or the flags are unknown or exclude each other.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let mut extras = frame.extras();
        let flags = StreamFlags(extras.get_u32());
        if let Some(what) = contradiction(flags) {
            return Err(WireError::Flags { opcode: Self::OPCODE, flags: flags.0, what });
        }
        let _reserved = extras.get_u32();
        Ok(Self {
            vb: frame.vbucket(),
            flags,
            start: Seqno(extras.get_u64()),
            end: Seqno(extras.get_u64()),
            uuid: VbUuid(extras.get_u64()),
            snap_start: Seqno(extras.get_u64()),
            snap_end: Seqno(extras.get_u64()),
            value: frame.value(),
        })
    }
}

fn contradiction(flags: StreamFlags) -> Option<&'static str> {
    const WITH_CACHE_TRANSFER: StreamFlags =
        StreamFlags::CACHE_TRANSFER.with(StreamFlags::TAKEOVER).with(StreamFlags::ACTIVE_VB_ONLY);
    if flags.0 & !StreamFlags::KNOWN.0 != 0 {
        return Some("unknown flags");
    }
    if flags.contains(StreamFlags::NO_VALUE) {
        return Some("values are left out by DCP_OPEN, not by a stream");
    }
    if flags.contains(StreamFlags::CACHE_TRANSFER) && flags.0 & !WITH_CACHE_TRANSFER.0 != 0 {
        return Some("cache transfer goes with takeover and active-only, with nothing else");
    }
    None
}

/// The answer that sends the client back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollbackAnswer {
    /// Where to.
    pub to: Seqno,
}

impl RollbackAnswer {
    /// Appends it.
    pub fn encode(&self, request: &Header, out: &mut BytesMut) {
        let seqno = self.to.get().to_be_bytes();
        Response { value: &seqno, ..Response::to(request, Status::ROLLBACK) }.encode(out);
    }

    /// Reads it, if the frame is one.
    ///
    /// # Errors
    /// When it has the status but not a seqno.
    pub fn parse(frame: &Frame) -> Result<Option<Self>, WireError> {
        let opcode = frame.opcode();
        let is_one = opcode == Opcode::DCP_STREAM_REQ
            && frame.header().magic.is_response()
            && frame.status() == Status::ROLLBACK;
        if !is_one {
            return Ok(None);
        }
        match <[u8; 8]>::try_from(frame.value()) {
            Ok(seqno) => Ok(Some(Self { to: Seqno(u64::from_be_bytes(seqno)) })),
            Err(_) => Err(WireError::Content { opcode, what: "the rollback is not 8 bytes long" }),
        }
    }
}

const EXTRAS: usize = 4 + 4 + 8 * 5;
