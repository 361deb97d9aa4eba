//! What Millstream asks of a store, and the stores that it brings.
//!
//! A store keeps, for each vbucket, its documents in two orders (by key: the newest version; by seqno: the
//! history, each key once), its failover log and its state. [`Store`] is the contract, [`MemoryStore`] the
//! model that defines it, [`EmbeddedStore`] the default.
#![forbid(unsafe_code)]

mod checks;
mod contract;
#[cfg(feature = "embedded")]
mod embedded;
mod identity;
mod memory;
mod pins;
mod shared;
mod slab;
#[cfg(any(test, feature = "testing"))]
pub mod suite;

pub use contract::{
    Batch, Durability, Persisted, PurgeCut, PurgePage, Record, Scan, Slice, SliceBudget, Start,
    Store, VbBatch,
};
#[cfg(feature = "embedded")]
pub use embedded::{EmbeddedOptions, EmbeddedStore};
pub use identity::random_identity;
pub use memory::MemoryStore;
pub(crate) use slab::Slab;
