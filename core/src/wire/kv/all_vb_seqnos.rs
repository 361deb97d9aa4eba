//! `48` the high seqno of every vbucket.
//!
//! ```text
//!  request: extras 0, or 4: state u32, or 8: 0 state u32 | 4 collection u32
//!  answer:  value: entries of 10 bytes: 0 vbucket u16 | 2 seqno u64
//! ```

use crate::types::{Cas, Datatype, Opaque, Seqno, VbId, VbState};
use crate::wire::layout::{Lead, put};
use crate::wire::response::answer_head;
use crate::wire::shape::Shape;
use crate::wire::{CollectionId, Frame, HEADER_BYTES, Header, Opcode, Response, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// Asks for the high seqno of every vbucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetAllVbSeqnos {
    /// Only vbuckets in this state; `None`: in any but dead.
    pub state: Option<VbState>,
    /// The seqnos of the last change to this collection.
    pub collection: Option<CollectionId>,
}

impl GetAllVbSeqnos {
    const OPCODE: Opcode = Opcode::GET_ALL_VB_SEQNOS;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]).extras(&[0, STATE, BOTH]);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        let state = self.state.map_or(0, |state| state as u32);
        let mut extras = [0; BOTH];
        let mut room = extras.as_mut_slice();
        room.put_u32(state);
        room.put_u32(self.collection.unwrap_or_default().0);
        let len = match (self.state, self.collection) {
            (None, None) => 0,
            (Some(_), None) => STATE,
            (_, Some(_)) => BOTH,
        };
        let head: [u8; HEADER_BYTES] = lead.dynamic_head(len, 0, 0);
        put(out, &head, &extras[..len], &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or there is no such state.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let mut extras = frame.extras();
        let state = match extras.try_get_u32() {
            Err(_) | Ok(0) => None,
            Ok(n) => Some(VbState::from_u32(n).ok_or(WireError::Content {
                opcode: Self::OPCODE,
                what: "no such vbucket state",
            })?),
        };
        Ok(Self { state, collection: extras.try_get_u32().ok().map(CollectionId) })
    }
}

/// The high seqnos of vbuckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllVbSeqnosAnswer {
    /// Each vbucket with its high seqno.
    pub entries: Vec<(VbId, Seqno)>,
}

impl AllVbSeqnosAnswer {
    /// Appends an answer with these entries.
    pub fn encode(
        to: &Header,
        entries: impl ExactSizeIterator<Item = (VbId, Seqno)>,
        out: &mut BytesMut,
    ) {
        let len = entries.len() * ENTRY;
        let head: [u8; HEADER_BYTES] = answer_head(to, Cas::ZERO, Datatype::RAW, 0, len);
        out.reserve(HEADER_BYTES + len);
        out.extend_from_slice(&head);
        for (vb, seqno) in entries {
            out.put_u16(vb.get());
            out.put_u64(seqno.get());
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused, or the value is not made of entries.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        let answer = Response::accept(frame, &[GetAllVbSeqnos::OPCODE])?;
        let (entries, rest) = answer.value.as_chunks::<{ ENTRY }>();
        if !rest.is_empty() {
            let what = "the seqnos are not entries of 10 bytes";
            return Err(WireError::Content { opcode: answer.opcode, what });
        }
        let read = |entry: &[u8; ENTRY]| {
            let mut entry = entry.as_slice();
            (VbId(entry.get_u16()), Seqno(entry.get_u64()))
        };
        Ok(Self { entries: entries.iter().map(read).collect() })
    }
}

const STATE: usize = 4;
const BOTH: usize = STATE + 4;
const ENTRY: usize = 2 + 8;
