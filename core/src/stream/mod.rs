//! One stream of one vbucket: its state word, the checks of a request for it, and what it sends next.

mod active;
mod event;
mod request;
mod word;

#[cfg(test)]
mod tests;

pub(crate) use active::{ActiveStream, Next, Sent, StreamContext, StreamRange};
pub use event::{Event, Layout, Sink, SnapshotFlags, StreamName};
pub use request::*;
pub use word::{Advanced, Claimed, Killed, StreamState, StreamWord};
