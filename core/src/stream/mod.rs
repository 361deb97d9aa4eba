//! One stream of one vbucket: its state word, the checks of a request for it, and what it sends next.
#![forbid(unsafe_code)]

mod active;
mod event;
mod filter;
mod purge;
mod request;
mod run;
mod turn;
mod values;
mod word;

#[cfg(test)]
mod tests;

pub(crate) use active::{ActiveStream, StreamRange};
pub use event::{Event, Layout, Sink, SnapshotFlags, StreamName};
pub(crate) use filter::StreamFilter;
pub(crate) use purge::PurgeTest;
pub use request::*;
pub(crate) use turn::{Next, Sent, StreamContext, StreamSent};
pub(crate) use values::ValueRoom;
pub use values::Values;
pub use word::{Advanced, Claimed, Killed, StreamState, StreamWord};
