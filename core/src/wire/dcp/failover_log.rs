//! `54` the failover log of a vbucket; its answer is also that of a granted stream request (`53`).
//!
//! ```text
//!  request: nothing
//!  answer:  value: entries of 16 bytes, newest first: 0 vbucket uuid u64 | 8 seqno u64
//! ```

use crate::types::{Cas, Datatype, FailoverEntry, Opaque, Seqno, VbId, VbUuid};
use crate::wire::layout::{Lead, put_bare};
use crate::wire::response::answer_head;
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Header, Opcode, Response, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// Asks for the failover log of a vbucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetFailoverLog {
    /// The vbucket.
    pub vb: VbId,
}

impl GetFailoverLog {
    const OPCODE: Opcode = Opcode::DCP_GET_FAILOVER_LOG;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        put_bare(out, Lead::request(Self::OPCODE, self.vb, opaque));
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it has any content.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { vb: frame.vbucket() })
    }
}

/// A failover log, newest entry first, as the answer to [`GetFailoverLog`] or to a granted
/// [`StreamReq`](super::StreamReq).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverLogAnswer {
    /// The entries.
    pub entries: Vec<FailoverEntry>,
}

impl FailoverLogAnswer {
    /// Appends an answer with these entries.
    pub fn encode(to: &Header, entries: &[FailoverEntry], out: &mut BytesMut) {
        let len = entries.len() * ENTRY;
        let head: [u8; HEADER_BYTES] = answer_head(to, Cas::ZERO, Datatype::RAW, 0, len);
        out.reserve(HEADER_BYTES + len);
        out.extend_from_slice(&head);
        for entry in entries {
            out.put_u64(entry.uuid.get());
            out.put_u64(entry.seqno.get());
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused, the value is not made of entries, there is none, or one
    /// has no uuid.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        let opcodes = [GetFailoverLog::OPCODE, Opcode::DCP_STREAM_REQ];
        let answer = Response::accept(frame, &opcodes)?;
        let wrong = |what| WireError::Content { opcode: answer.opcode, what };
        let (entries, rest) = answer.value.as_chunks::<{ ENTRY }>();
        if !rest.is_empty() {
            return Err(wrong("the failover log is not made of 16-byte entries"));
        }
        if entries.is_empty() {
            return Err(wrong("the failover log is empty"));
        }
        let read = |entry: &[u8; ENTRY]| {
            let mut entry = entry.as_slice();
            FailoverEntry { uuid: VbUuid(entry.get_u64()), seqno: Seqno(entry.get_u64()) }
        };
        let entries: Vec<_> = entries.iter().map(read).collect();
        if entries.iter().any(|entry| entry.uuid == VbUuid::ZERO) {
            return Err(wrong("the failover log has an entry without a uuid"));
        }
        Ok(Self { entries })
    }
}

const ENTRY: usize = 8 + 8;
