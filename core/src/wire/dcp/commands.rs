//! The rows of [`commands`](crate::wire::commands) for what a producer takes.

use super::{BufferAck, CloseStream, Control, GetFailoverLog, Noop, Open, StreamReq};
use crate::wire::shape::Shape;

/// What a producer takes.
pub(in crate::wire) const COMMANDS: &[&Shape] = &[
    &BufferAck::SHAPE,
    &CloseStream::SHAPE,
    &Control::SHAPE,
    &GetFailoverLog::SHAPE,
    &Noop::SHAPE,
    &Open::SHAPE,
    &StreamReq::SHAPE,
];
