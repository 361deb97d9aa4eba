//! Millstream: ordered, resumable, back-pressured change streams over a store, which any thread may close at any
//! instant.
#![deny(unsafe_code)]

/// A named point at which a race test may hold a thread; nothing at all outside of the crate's own tests.
macro_rules! gate {
    ($point:ident) => {
        #[cfg(test)]
        $crate::races::pass($crate::races::Point::$point);
    };
}

mod backfill;
#[cfg(millstream_census)]
pub mod census;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
pub mod collections;
mod conn;
pub mod engine;
pub mod error;
pub mod failover;
pub mod flow;
mod guarded;
mod index;
pub mod limits;
pub mod log;
#[cfg(millstream_loom)]
pub mod model;
pub mod partition;
pub mod producer;
#[cfg(test)]
mod races;
pub mod ready;
#[cfg(feature = "server")]
pub mod server;
mod snappy;
pub mod store;
pub mod stream;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(any(feature = "client", feature = "server"))]
mod tls;
pub mod types;
pub mod wire;

pub use engine::{Engine, EngineBuilder, EngineSettings};
pub use error::{Error, ErrorKind, Result};
