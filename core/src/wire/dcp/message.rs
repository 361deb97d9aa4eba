//! Any message of a stream.

use super::{
    Deletion, Expiration, Mutation, OsoSnapshot, SeqnoAdvanced, SetVbucketState, SnapshotMarker,
    StreamEnd, StreamTag, SystemEvent,
};
use crate::wire::{FrameRef, Opcode, WireError};
use bytes::BytesMut;

/// Any message that a server sends on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamMessage<'a> {
    /// A snapshot begins.
    SnapshotMarker(SnapshotMarker),
    /// A document was written.
    Mutation(Mutation<'a>),
    /// A document was deleted.
    Deletion(Deletion<'a>),
    /// A document's time to live ran out.
    Expiration(Expiration<'a>),
    /// A collection or scope came, changed or went.
    SystemEvent(SystemEvent<'a>),
    /// The stream got to a seqno without anything to send for it.
    SeqnoAdvanced(SeqnoAdvanced),
    /// A snapshot in key order begins or ends.
    OsoSnapshot(OsoSnapshot),
    /// Takeover: the vbucket's new state.
    SetVbucketState(SetVbucketState),
    /// The stream is over.
    StreamEnd(StreamEnd),
}

/// Calls the same method on whichever message it is.
macro_rules! each {
    ($self:expr, $message:ident => $do:expr) => {
        match $self {
            StreamMessage::SnapshotMarker($message) => $do,
            StreamMessage::Mutation($message) => $do,
            StreamMessage::Deletion($message) => $do,
            StreamMessage::Expiration($message) => $do,
            StreamMessage::SystemEvent($message) => $do,
            StreamMessage::SeqnoAdvanced($message) => $do,
            StreamMessage::OsoSnapshot($message) => $do,
            StreamMessage::SetVbucketState($message) => $do,
            StreamMessage::StreamEnd($message) => $do,
        }
    };
}

impl<'a> StreamMessage<'a> {
    /// Reads whichever message the frame is.
    ///
    /// # Errors
    /// [`WireError::Opcode`] when it is no message of a stream; otherwise as the message's own `parse`.
    pub fn parse(frame: impl Into<FrameRef<'a>>) -> Result<Self, WireError> {
        let frame = frame.into();
        match frame.header().opcode {
            Opcode::DCP_MUTATION => Mutation::parse(frame).map(Self::Mutation),
            Opcode::DCP_DELETION => Deletion::parse(frame).map(Self::Deletion),
            Opcode::DCP_EXPIRATION => Expiration::parse(frame).map(Self::Expiration),
            Opcode::DCP_SNAPSHOT_MARKER => SnapshotMarker::parse(frame).map(Self::SnapshotMarker),
            Opcode::DCP_SYSTEM_EVENT => SystemEvent::parse(frame).map(Self::SystemEvent),
            Opcode::DCP_SEQNO_ADVANCED => SeqnoAdvanced::parse(frame).map(Self::SeqnoAdvanced),
            Opcode::DCP_OSO_SNAPSHOT => OsoSnapshot::parse(frame).map(Self::OsoSnapshot),
            Opcode::DCP_SET_VBUCKET_STATE => {
                SetVbucketState::parse(frame).map(Self::SetVbucketState)
            }
            Opcode::DCP_STREAM_END => StreamEnd::parse(frame).map(Self::StreamEnd),
            found => Err(WireError::Opcode { found }),
        }
    }

    /// Appends it.
    ///
    /// # Panics
    /// When a key is longer than its length field can say.
    pub fn encode(&self, out: &mut BytesMut) {
        each!(self, message => message.encode(out));
    }

    /// Bytes on the wire, and against the window.
    #[must_use]
    pub const fn counted_bytes(&self) -> usize {
        each!(self, message => message.counted_bytes())
    }

    /// The stream.
    #[must_use]
    pub const fn tag(&self) -> StreamTag {
        each!(self, message => message.tag)
    }
}
