//! `91` how far a vbucket is in memory and on disk.
//!
//! ```text
//!  request: value 8: vbucket uuid u64
//!  answer:  value 27: 0 u8 = 0 | 1 vbucket u16 | 3 uuid u64 | 11 persisted u64 | 19 current u64
//!           value 43: 0 u8 = 1 | the same         | 27 the uuid that was asked for u64 | 35 its last seqno u64
//! ```

use crate::types::{Cas, Datatype, Opaque, Seqno, VbId, VbUuid};
use crate::wire::layout::{Lead, put};
use crate::wire::response::answer_head;
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Header, Opcode, Response, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// Asks how far a vbucket is in memory and on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObserveSeqno {
    /// The vbucket.
    pub vb: VbId,
    /// The branch of history that the client knows.
    pub uuid: VbUuid,
}

impl ObserveSeqno {
    const OPCODE: Opcode = Opcode::OBSERVE_SEQNO;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]).value(8, 8);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let head: [u8; HEADER_BYTES] = Lead::request(Self::OPCODE, self.vb, opaque).head(0, 8);
        put(out, &head, &[], &self.uuid.get().to_be_bytes());
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { vb: frame.vbucket(), uuid: VbUuid(frame.value().get_u64()) })
    }
}

/// How far a vbucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObserveSeqnoAnswer {
    /// The vbucket.
    pub vb: VbId,
    /// Its branch of history now.
    pub uuid: VbUuid,
    /// The last seqno on disk.
    pub persisted: Seqno,
    /// The last seqno in memory.
    pub current: Seqno,
    /// Where the branch that was asked for ended, if it is not the one of now.
    pub failover: Option<Failover>,
}

/// The end of a branch of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failover {
    /// The branch.
    pub uuid: VbUuid,
    /// The last seqno that it shares with the one that replaced it.
    pub last_seqno: Seqno,
}

impl ObserveSeqnoAnswer {
    /// Appends it.
    pub fn encode(&self, to: &Header, out: &mut BytesMut) {
        let mut value = [0; LONG];
        let mut room = value.as_mut_slice();
        room.put_u8(u8::from(self.failover.is_some()));
        room.put_u16(self.vb.get());
        room.put_u64(self.uuid.get());
        room.put_u64(self.persisted.get());
        room.put_u64(self.current.get());
        let mut len = SHORT;
        if let Some(failover) = self.failover {
            room.put_u64(failover.uuid.get());
            room.put_u64(failover.last_seqno.get());
            len = LONG;
        }
        let head: [u8; HEADER_BYTES] = answer_head(to, Cas::ZERO, Datatype::RAW, 0, len);
        put(out, &head, &[], &value[..len]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused, or the value has neither of the two layouts.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        let answer = Response::accept(frame, &[ObserveSeqno::OPCODE])?;
        let mut value = answer.value;
        let long = match (value.first(), value.len()) {
            (Some(0), SHORT) => false,
            (Some(1), LONG) => true,
            _ => {
                let what = "the answer has neither of its two layouts";
                return Err(WireError::Content { opcode: answer.opcode, what });
            }
        };
        value.advance(1);
        Ok(Self {
            vb: VbId(value.get_u16()),
            uuid: VbUuid(value.get_u64()),
            persisted: Seqno(value.get_u64()),
            current: Seqno(value.get_u64()),
            failover: long.then(|| Failover {
                uuid: VbUuid(value.get_u64()),
                last_seqno: Seqno(value.get_u64()),
            }),
        })
    }
}

const SHORT: usize = 1 + 2 + 8 + 8 + 8;
const LONG: usize = SHORT + 8 + 8;
