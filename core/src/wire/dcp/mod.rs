//! DCP: one file per message.
//!
//! | client to server | server to client |
//! |---|---|
//! | [`Open`], [`Control`], [`StreamReq`], [`CloseStream`], [`GetFailoverLog`], [`BufferAck`], answer to [`Noop`] | [`SnapshotMarker`], [`Mutation`], [`Deletion`], [`Expiration`], [`SystemEvent`], [`SeqnoAdvanced`], [`OsoSnapshot`], [`SetVbucketState`], [`StreamEnd`], [`Noop`] |
//!
//! Messages of a stream carry a [`StreamTag`]; any of them is a [`StreamMessage`]. `counted_bytes` is what a
//! message takes from the flow-control window.

mod buffer_ack;
mod close_stream;
mod commands;
mod control;
mod deletion;
mod expiration;
mod failover_log;
mod message;
mod mutation;
mod noop;
mod open;
mod oso_snapshot;
mod seqno_advanced;
mod set_vbucket_state;
mod snapshot_marker;
mod stream_end;
mod stream_req;
mod system_event;
mod tag;

pub use buffer_ack::BufferAck;
pub use close_stream::CloseStream;
pub(super) use commands::COMMANDS;
pub use control::Control;
pub use deletion::Deletion;
pub use expiration::Expiration;
pub use failover_log::{FailoverLogAnswer, GetFailoverLog};
pub use message::StreamMessage;
pub use mutation::Mutation;
pub use noop::{Noop, NoopAnswer};
pub use open::{Open, OpenFlags};
pub use oso_snapshot::OsoSnapshot;
pub use seqno_advanced::SeqnoAdvanced;
pub use set_vbucket_state::SetVbucketState;
pub use snapshot_marker::{MarkerExtension, MarkerFlags, SnapshotMarker};
pub use stream_end::StreamEnd;
pub use stream_req::{RollbackAnswer, StreamFlags, StreamReq};
pub use system_event::{SystemEvent, SystemEventKind};
pub use tag::StreamTag;
