//! Reading the part of a vbucket's history that is no longer in memory.
//!
//! A connection has one [`BackfillManager`], published in its [`Backfills`]; a stream hands it a [`Backfill`] and takes
//! what was read out of an outbox. The manager knows nothing of streams: it fills outboxes.

mod exclusive;
mod manager;
mod outbox;
mod pool;
mod scan;
mod turns;

#[cfg(test)]
mod tests;

pub use manager::BackfillOrder;
pub(crate) use manager::{BackfillCounts, BackfillManager, BackfillSettings};
pub(crate) use outbox::{Delivery, OutboxReader, outbox};
pub(crate) use pool::{BackfillPool, PoolGate, PoolQueues};
pub(crate) use scan::{Backfill, BackfillRequest};
pub(crate) use turns::{Backfills, Drained};
