//! The connections of an engine: what threads share about each, and the published roster of all.
#![forbid(unsafe_code)]

mod connection;
mod map;
mod report;
mod roster;

#[cfg(test)]
mod tests;

pub(crate) use connection::{Connection, ConnectionParts};
pub(crate) use map::ConnectionMap;
pub use report::ConnectionSettings;
pub(crate) use report::{Report, Turn};
