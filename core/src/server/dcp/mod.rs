//! DCP commands, and the messages of streams on their way to the client.

mod answers;
mod control;
mod failover;
mod open;
mod sink;
mod stream;
mod stream_value;

pub(super) use answers::answer;
pub(super) use control::{buffer_ack, control, noop};
pub(super) use failover::get_failover_log;
pub(super) use open::open;
pub(super) use sink::OutputSink;
pub(super) use stream::{close_stream, stream_request};
