//! Millstream: ordered, resumable, back-pressured change streams over a store, which any thread may close at any instant.
#![deny(unsafe_code)]

mod backfill;
mod conn;
pub mod engine;
pub mod error;
pub mod failover;
pub mod flow;
mod index;
pub mod limits;
pub mod log;
pub mod partition;
pub mod producer;
pub mod ready;
pub mod store;
pub mod stream;
pub mod types;
pub mod wire;

pub use engine::{Engine, EngineBuilder, EngineSettings};
pub use error::{Error, ErrorKind, Result};
