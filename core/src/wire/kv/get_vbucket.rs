//! `3e` the state of a vbucket.
//!
//! ```text
//!  answer: value 4: state u32 (1 active, 2 replica, 3 pending, 4 dead)
//! ```

use crate::types::{Cas, Datatype, Opaque, VbId, VbState};
use crate::wire::layout::{Lead, put, put_bare};
use crate::wire::response::answer_head;
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Header, Opcode, Response, WireError};
use bytes::BytesMut;

/// Asks for the state of a vbucket. Answer: [`GetVbucketAnswer`], or 07 no such vbucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetVbucket {
    /// The vbucket.
    pub vb: VbId,
}

impl GetVbucket {
    const OPCODE: Opcode = Opcode::GET_VBUCKET;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        put_bare(out, Lead::request(Self::OPCODE, self.vb, opaque));
    }

    /// Reads it.
    ///
    /// # Errors
    /// When there is more than a header.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { vb: frame.vbucket() })
    }
}

/// The state of a vbucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetVbucketAnswer {
    /// The state.
    pub state: VbState,
}

impl GetVbucketAnswer {
    const OPCODE: Opcode = Opcode::GET_VBUCKET;

    /// Appends it.
    pub fn encode(&self, to: &Header, out: &mut BytesMut) {
        let head: [u8; HEADER_BYTES] = answer_head(to, Cas::ZERO, Datatype::RAW, 0, STATE_BYTES);
        put(out, &head, &[], &(self.state as u32).to_be_bytes());
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused, or there is no such state.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        let opcode = Self::OPCODE;
        let answer = Response::accept(frame, &[opcode])?;
        let state = answer.value.try_into().ok().map(u32::from_be_bytes);
        let state = state.and_then(VbState::from_u32);
        let state = state.ok_or(WireError::Content { opcode, what: "no state of a vbucket" })?;
        Ok(Self { state })
    }
}

const STATE_BYTES: usize = 4;
