//! One vbucket: its history in memory (log and by-key index), its state and failover log, and who waits for its next
//! write.
#![forbid(unsafe_code)]

//!
//! # Orderings
//!
//! Of the files that have no table of their own.
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | bytes in memory, as writers see them | Relaxed | none | nothing: an estimate that the flusher puts right | none |

mod change;
mod history;
mod lock;
mod pressure;
mod taken_back;
mod vbucket;
mod write;

#[cfg(test)]
mod tests;

pub use crate::index::Lock;
pub use change::{Change, Decision, Doc, Found, Origin, UpdateError, Written};
pub(crate) use history::History;
pub use lock::LockError;
pub(crate) use pressure::{Pressure, Room};
pub(crate) use vbucket::{Partition, PartitionSettings, VbInfo};
pub(crate) use write::{Asked, Told};
