//! Millstream: ordered, resumable, back-pressured change streams over a store, which any thread may close at any
//! instant.
#![deny(unsafe_code)]

mod backfill;
#[cfg(millstream_census)]
pub mod census;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
mod conn;
pub mod engine;
pub mod error;
pub mod failover;
pub mod flow;
mod index;
pub mod limits;
pub mod log;
#[cfg(millstream_loom)]
pub mod model;
pub mod partition;
pub mod producer;
pub mod ready;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
pub mod stream;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod types;
pub mod wire;

pub use engine::{Engine, EngineBuilder, EngineSettings};
pub use error::{Error, ErrorKind, Result};
