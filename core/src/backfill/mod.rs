//! Reading the part of a vbucket's history that is no longer in memory.
//!
//! A connection has a [`BackfillManager`] for each of its [`Lanes`], published in its [`Backfills`]; a stream hands
//! one of them a [`Backfill`] and takes what was read out of an outbox. A manager knows nothing of streams: it fills
//! outboxes.

//!
//! # Orderings
//!
//! Of the files that have no table of their own.
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | counts, bounds of lists, the order of turns, "nobody wants this any more" | Relaxed | none | nothing: statistics, and hints that are looked at again | none |
//! | G1 | who waits for a scan's place, and who leaves one: fence between telling and looking | SeqCst fence | itself | both miss each other: a backfill waits for ever | `backfill::full_gate` |

mod exclusive;
mod lanes;
mod manager;
mod outbox;
mod pool;
mod scan;
mod turns;

#[cfg(test)]
mod tests;

#[cfg(millstream_loom)]
pub(crate) use exclusive::Exclusive;
pub(crate) use lanes::Lanes;
pub use manager::BackfillOrder;
pub(crate) use manager::{BackfillCounts, BackfillManager, BackfillSettings};
#[cfg(millstream_loom)]
pub(crate) use outbox::OutboxWriter;
pub(crate) use outbox::{Delivery, OutboxReader, outbox};
pub(crate) use pool::{BackfillPool, PoolGate, PoolQueues};
#[cfg(millstream_loom)]
pub(crate) use pool::{Jobs, WorkerQueue};
pub(crate) use scan::{Backfill, BackfillRequest};
pub(crate) use turns::{Backfills, Drained};
