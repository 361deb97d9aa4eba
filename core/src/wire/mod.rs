//! The memcached binary protocol and DCP, as bytes: no sockets, no time, no tasks.
//!
//! - [`FrameReader`] cuts what was received into [`Frame`]s; a malformed one is refused on its [`Header`], by a table
//!   with a row for each command that a server takes.
//! - Each message is a struct of its own in [`kv`] or [`dcp`], in a file of its own, which draws its bytes. `parse`
//!   checks a frame by the rules of the command; `encode` appends the message to a buffer, without anything
//!   in between. The same struct serves both sides of a connection.
//! - Answers are [`Response`]s, or structs named `…Answer` where they have fixed parts.
//! - Numbers that are not in our tables ([`Opcode`], [`Status`], [`Feature`]) are kept as they came.
//!
//! Everything is big-endian.
#![forbid(unsafe_code)]

mod collection;
mod commands;
pub mod dcp;
mod error;
mod feature;
mod flags;
mod frame;
mod header;
pub mod kv;
mod layout;
mod opcode;
mod read;
mod response;
mod shape;
mod status;
mod vbucket;

#[cfg(test)]
mod tests;

pub use collection::CollectionId;
pub use error::WireError;
pub use feature::{Feature, FeatureSet};
pub use frame::{Frame, FrameInfos, FrameRef};
pub use header::{Aftermath, FrameLimits, HEADER_BYTES, Header, Magic};
pub use opcode::Opcode;
pub use read::{FrameReader, MalformedFrame};
pub use response::Response;
pub use status::Status;
pub use vbucket::vbucket_of;
