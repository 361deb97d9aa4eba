//! One vbucket: its history in memory (log and by-key index), its state and failover log, and who waits for its next
//! write.

mod change;
mod history;
mod pressure;
mod vbucket;
mod write;

#[cfg(test)]
mod tests;

pub use change::{Change, Decision, Doc, Found, UpdateError, Written};
pub(crate) use pressure::Pressure;
pub(crate) use vbucket::{Partition, PartitionSettings, VbInfo};
