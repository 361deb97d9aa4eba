//! `5b` takeover: the vbucket's new state.
//!
//! ```text
//!  extras 1: state u8 (1 active, 2 replica, 3 pending, 4 dead)
//! ```

use super::StreamTag;
use crate::types::VbState;
use crate::wire::shape::Shape;
use crate::wire::{FrameRef, HEADER_BYTES, Opcode, WireError};
use bytes::BytesMut;

/// Takeover: the receiver gives the vbucket this state, and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetVbucketState {
    /// The stream.
    pub tag: StreamTag,
    /// The state.
    pub state: VbState,
}

impl SetVbucketState {
    const OPCODE: Opcode = Opcode::DCP_SET_VBUCKET_STATE;
    const SHAPE: Shape = Shape::of(&[Self::OPCODE]).extras(&[EXTRAS]).stream_id();

    /// Appends it.
    pub fn encode(&self, out: &mut BytesMut) {
        let mut head: [u8; HEAD] = self.tag.lead(Self::OPCODE).head(0, 0);
        head[HEADER_BYTES] = self.state as u8;
        self.tag.put(out, &head, &[], &[]);
    }

    /// Bytes on the wire, and against the window of a server; see [`Opcode::is_counted`] for clients.
    #[must_use]
    pub const fn counted_bytes(&self) -> usize {
        self.tag.len(HEAD, &[], &[])
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, the state is unknown, or the stream id is malformed.
    pub fn parse<'a>(frame: impl Into<FrameRef<'a>>) -> Result<Self, WireError> {
        let frame = frame.into();
        Self::SHAPE.check(frame)?;
        let state = VbState::from_u32(u32::from(frame.extras()[0]))
            .ok_or(WireError::Content { opcode: Self::OPCODE, what: "no such vbucket state" })?;
        Ok(Self { tag: StreamTag::parse(frame)?, state })
    }
}

const EXTRAS: usize = 1;
const HEAD: usize = HEADER_BYTES + EXTRAS;
