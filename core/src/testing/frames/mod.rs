//! Frames that nobody should trust: valid ones, ways to damage them, and what has to hold whatever comes.
//!
//! Each of the functions [`codec`], [`kv`], [`stream_request`] and [`client`] takes any bytes and panics when
//! something breaks. Fuzzers call them, the corpus is replayed through them, and generated frames go the same way.
//!
//! | function | what the bytes are | what they reach |
//! |---|---|---|
//! | [`codec`] | messages in either direction | the reader, every parser, every encoder of what was parsed |
//! | [`kv`] | what a client sends, on a connection in one of several states | a server's whole dispatch, over an engine |
//! | [`stream_request`] | extras and value of one request | the request's checks, then the stream |
//! | [`client`] | what a server sends behind an honest bootstrap | the DCP client and the key-value client |

#[cfg(all(feature = "client", feature = "server"))]
mod client;
mod codec;
mod damage;
mod everything;
mod random;
mod seeds;
#[cfg(feature = "server")]
mod served;
#[cfg(test)]
mod tests;

#[cfg(all(feature = "client", feature = "server"))]
pub use client::{Recording, client};
pub use codec::codec;
pub use damage::Generator;
pub(crate) use everything::parse_with_everything;
pub use random::Random;
pub use seeds::{Seed, answers, requests, stream_messages};
#[cfg(feature = "server")]
pub use served::{Served, Talk, kv, stream_request};
