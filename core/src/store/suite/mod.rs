//! The contract of [`Store`](crate::store::Store), as named checks that run over any store.
//!
//! Whoever writes a store gives the suite a [`Maker`], and asserts on what it reports:
//!
//! ```
//! use millstream::store::suite::{self, Maker, Size};
//! use millstream::store::{MemoryStore, Store};
//!
//! struct Memory;
//!
//! impl Maker for Memory {
//!     fn make(&mut self, vbuckets: u32) -> millstream::Result<Box<dyn Store>> {
//!         Ok(Box::new(MemoryStore::new(vbuckets)))
//!     }
//!
//!     fn reopen(&mut self, _: Box<dyn Store>) -> Option<millstream::Result<Box<dyn Store>>> {
//!         None // It keeps nothing.
//!     }
//! }
//!
//! let report = suite::run(&mut Memory);
//! assert!(report.is_kept(), "{report}");
//!
//! let tally = suite::random(&mut Memory, 1, Size { sequences: 5, steps: 40 });
//! assert!(tally.is_ok(), "{tally:?}");
//! ```
//!
//! [`run`] goes through the promises one by one, each on a new store. [`random`] does random things and compares
//! everything that it sees with a model that forgets nothing. What neither can see from outside is the store's own
//! to test: how much it keeps on disk and in memory, and what a power cut leaves.

mod basics;
mod check;
pub(super) mod dice;
mod history;
mod model;
mod open_scan;
mod random;
mod runs;
mod sample;
mod scans;
mod walk;

pub use check::{Maker, Report, run};
pub use random::{Size, Tally, random};
