//! What a stream request asks for, and whether it is granted.
//!
//! [`check`] looks at a [`StreamRequest`] and at the [`Facts`] of connection and vbucket, in the
//! order that clients rely on, and answers with the stream to make ([`Accepted`]) or the first
//! thing that is in the way ([`Refusal`]). It is pure: who calls it holds the facts still while it
//! looks, or looks again.

mod check;
mod facts;
mod filter;
mod flags;
mod refusal;
#[cfg(test)]
mod tests;

pub use check::{Accepted, check};
pub use facts::{Built, ConnectionFacts, Facts, FilterHigh, Memory, StreamRequest, VbFacts};
pub use filter::{FilterFault, FilterKind, RawFilter, resolve};
pub use flags::StreamFlags;
pub use refusal::Refusal;
