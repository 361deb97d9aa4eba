//! Retired values whose grace period has passed, and the domain's counters. Promise: what was retired is counted as
//! pending from before it can be destroyed until after it was.
//!
//! # State
//!
//! | word | meaning | written by |
//! |---|---|---|
//! | `ready` | values without readers, in the order of their hand-over | closures of the epoch; dropped cells |
//! | `retired`, `destroyed` | values ever retired, ever destroyed; their difference is pending | retirers; the reaper |
//! | `plain`, `plain_freed` | the same for plain memory, by the batch | pinned threads; collecting threads |
//! | `held`, `held_total`, `panicked` | see [`DomainStats`] | the reaper |
//!
//! # Invariants
//! - I1. `destroyed <= retired` at every instant: a value is counted before it is handed over (test
//!   `pending_never_wraps`, and the model of that name).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `count_retired`, `count_plain`, `count_plain_freed` | any thread | everything | wait-free |
//! | `push`, `retire_unread` | any thread | everything | lock-free |
//! | `take_ready`, `destroy`, `destroy_all` | the reaper; the last handle | everything | wait-free; the destructors' own |
//! | `admit`, `pending`, `stats` | any thread | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | `retired`, `plain`: add | Relaxed | none | nothing: hand-over and list order the value itself; a stale count admits one more | `garbage::pending_never_wraps` |
//! | O2 | `destroyed`, `plain_freed`: add | Release | O3 | pending could wrap: the reader of both sees a destruction without its retirement | `garbage::pending_never_wraps` |
//! | O3 | `destroyed`, `plain_freed`: load, before the other one | Acquire | O2 | as O2 | `garbage::pending_never_wraps` |
//! | O4 | `held`, `held_total`, `panicked` | Relaxed | none | nothing: only the reaper writes them | none |
//!
//! # Reclamation
//! Closures in the collector's queue share it; the last of them, of the cells and of the handles frees it. What is left
//! is run before that, by the last handle: a value that owns a cell owns a share of this, and would keep itself.
//!
//! # Not promised
//! That a cell which outlives its domain, and whose value owns another cell, destroys that value.
//! An order between values that were retired by different threads.

use super::Retired;
use crate::domain::{Backlogged, DomainStats};
use crate::guarded::guarded;
use crate::list::{Batch, Prepared, PushList};
use crate::sync::atomic::{AtomicU64, Ordering};

/// See the module.
pub(crate) struct Garbage {
    ready: PushList<Retired>,
    retired: AtomicU64,
    destroyed: AtomicU64,
    plain: AtomicU64,
    plain_freed: AtomicU64,
    held: AtomicU64,
    held_total: AtomicU64,
    panicked: AtomicU64,
}

impl Garbage {
    pub(crate) fn new() -> Self {
        Self {
            ready: PushList::new(),
            retired: AtomicU64::new(0),
            destroyed: AtomicU64::new(0),
            plain: AtomicU64::new(0),
            plain_freed: AtomicU64::new(0),
            held: AtomicU64::new(0),
            held_total: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
        }
    }

    /// Counts a value that is about to be handed to the epoch.
    pub(crate) fn count_retired(&self) {
        // O1 Relaxed: a count.
        self.retired.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts plain allocations that were handed to the epoch.
    pub(crate) fn count_plain(&self, allocations: u64) {
        // O1 Relaxed: a count.
        self.plain.fetch_add(allocations, Ordering::Relaxed);
    }

    /// Counts plain allocations that were given back.
    pub(crate) fn count_plain_freed(&self, allocations: u64) {
        // O2 Release: after `count_plain`, which the epoch ordered before us; pairs with O3.
        self.plain_freed.fetch_add(allocations, Ordering::Release);
    }

    /// Receives a value after its grace period. Runs on whichever thread collects: neither allocates nor panics.
    pub(crate) fn push(&self, node: Prepared<Retired>) {
        self.ready.push_prepared(node);
    }

    /// Receives a value that no reader can hold.
    pub(crate) fn retire_unread(&self, value: Retired) {
        self.count_retired();
        self.ready.push(value);
    }

    /// Destroys whatever is ready, and what that leaves: nobody reaps any more.
    pub(crate) fn destroy_all(&self) {
        // Ends: each round destroys values, of which there is a finite number.
        loop {
            let mut ready = self.ready.take_all().peekable();
            if ready.peek().is_none() {
                return;
            }
            for value in ready {
                // Held by a leaked reference: leaked with it.
                drop(self.destroy(value));
            }
        }
    }

    pub(super) fn take_ready(&self) -> Batch<Retired> {
        self.ready.take_all()
    }

    /// Runs a destructor. Gives the value back if it has another owner.
    pub(super) fn destroy(&self, value: Retired) -> Result<(), Retired> {
        match guarded(|| value.try_destroy()) {
            Some(Err(held)) => return Err(held),
            Some(Ok(())) => {}
            None => {
                // O4 Relaxed: a count.
                self.panicked.fetch_add(1, Ordering::Relaxed);
            }
        }
        // O2 Release: after `count_retired`, which the hand-over ordered before us; pairs with O3.
        self.destroyed.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Records how many values are held, and how many of them are so for the first time.
    pub(super) fn count_held(&self, now: usize, first_time: u64) {
        // O4 Relaxed: counts.
        self.held.store(now as u64, Ordering::Relaxed);
        // O4 Relaxed: as above.
        self.held_total.fetch_add(first_time, Ordering::Relaxed);
    }

    /// Destructors that panicked.
    pub(super) fn panicked(&self) -> u64 {
        // O4 Relaxed: a count.
        self.panicked.load(Ordering::Relaxed)
    }

    /// Retired and not destroyed.
    pub(crate) fn pending(&self) -> u64 {
        // O3 Acquire: the retirements behind these destructions are visible to the next load; pairs with O2.
        let destroyed = self.destroyed.load(Ordering::Acquire);
        // O1 Relaxed: after O3.
        self.retired.load(Ordering::Relaxed) - destroyed
    }

    /// Handed over as plain memory and not given back, by the batch.
    pub(crate) fn plain_pending(&self) -> u64 {
        // O3 Acquire: as in `pending`.
        let freed = self.plain_freed.load(Ordering::Acquire);
        // O1 Relaxed: after O3.
        self.plain.load(Ordering::Relaxed) - freed
    }

    pub(crate) fn admit(&self, limit: u64) -> Result<(), Backlogged> {
        let pending = self.pending() + self.plain_pending();
        if pending < limit { Ok(()) } else { Err(Backlogged { pending, limit }) }
    }

    pub(crate) fn stats(&self, readers: u64, pinned: u64) -> DomainStats {
        let pending = self.pending();
        DomainStats {
            pending,
            plain_pending: self.plain_pending(),
            // O3 Acquire: as in `pending`.
            plain_freed_total: self.plain_freed.load(Ordering::Acquire),
            // O1 Relaxed: a count.
            retired_total: self.retired.load(Ordering::Relaxed),
            // O3 Acquire: as in `pending`.
            destroyed_total: self.destroyed.load(Ordering::Acquire),
            // O4 Relaxed: a count.
            held: self.held.load(Ordering::Relaxed),
            // O4 Relaxed: a count.
            held_total: self.held_total.load(Ordering::Relaxed),
            panicked_total: self.panicked(),
            readers,
            pinned,
        }
    }
}

impl Drop for Garbage {
    fn drop(&mut self) {
        self.destroy_all();
    }
}
