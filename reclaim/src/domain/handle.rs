//! The handle of a domain. Promise: the pool of borrowed readers ends with the last domain in the embedder's hands.
//!
//! # State
//!
//! | word | meaning |
//! |---|---|
//! | `Shared::handles` | domains that the embedder holds (counted); readers and pins hold uncounted ones |
//!
//! Every handle, counted or not, owns a share of the domain's memory. A pooled reader is owned by that memory and
//! owns a share of it; the count is what breaks this circle.
//!
//! # Invariants
//! - I1. Only a counted handle lends pooled readers, and each counted handle that finds itself the last one drains
//!   the pool; so no pooled reader outlives the counted handles (test `the_last_domain_empties_the_pool`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `clone`, `drop` | any thread | everything | wait-free; the last drop empties the pool |
//! | `publish`, `admit`, `stats`, `stalled` | any thread | everything | wait-free, `stats` and `stalled` linear in the readers |
//! | `reader` | any thread | everything | lock-free: registers a participant |
//! | `borrow`, `flush_idle` | any thread | everything | lock-free, see `reader/pool.rs` |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | `clone`: add to `handles` | Relaxed | none | nothing: only the way down orders, and a handle that is made while the pool is drained drains it again | none |
//! | O2 | `drop`: subtract from `handles` | AcqRel | itself | the last handle does not see readers that others gave back, and leaks them | `domain::drained_by_last_handle` |
//!
//! # Reclamation
//! The last handle of any kind frees the collector, which runs what is left; destructors then run on that thread.
//!
//! # Not promised
//! Exact admission: callers that pass at the same moment may exceed the limit by their number.

use super::{DomainStats, Shared, Stalled};
use crate::cell::Published;
use crate::reader::{PooledReader, Reader};
use crate::reaper::Reaper;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use core::fmt;
use core::time::Duration;

/// Settings of a [`Domain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainConfig {
    /// Retired values and plain allocations that may await reclamation; at this number [`Domain::admit`] refuses.
    /// Bounds memory when a reader stalls: garbage is at most this, what is live, and one for each concurrent caller.
    pub garbage_max: u64,
    /// Values that one [`Reaper::reap`] destroys at most. Bounds the time of one housekeeping tick.
    pub reap_max: usize,
}

impl Default for DomainConfig {
    fn default() -> Self {
        Self { garbage_max: 65_536, reap_max: 1024 }
    }
}

/// Why something new was refused: too much awaits reclamation, so some reader or the reaper is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlogged {
    /// What awaits reclamation.
    pub pending: u64,
    /// The domain's limit, [`DomainConfig::garbage_max`].
    pub limit: u64,
}

impl fmt::Display for Backlogged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pending, limit } = self;
        write!(f, "{pending} retired values await reclamation, the limit is {limit}")
    }
}

impl std::error::Error for Backlogged {}

/// A reclamation domain: values published in it are reclaimed when every reader that entered before their
/// retirement has left. Cheap to clone; clones are the same domain.
pub struct Domain {
    shared: Arc<Shared>,
    counted: bool,
}

impl Domain {
    /// A new domain, and the one reaper that runs its destructors.
    #[must_use]
    pub fn new(config: DomainConfig) -> (Self, Reaper) {
        let shared = Arc::new(Shared::new(config));
        let reaper = Reaper::new(Arc::clone(&shared));
        (Self::counted(shared), reaper)
    }

    fn counted(shared: Arc<Shared>) -> Self {
        // O1 Relaxed: only the way down to zero orders anything.
        shared.handles.fetch_add(1, Ordering::Relaxed);
        Self { shared, counted: true }
    }

    /// The same domain for a reader to hold.
    fn uncounted(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), counted: false }
    }

    /// Registers a reader of one's own: for a worker thread. `label` names it when it stalls.
    ///
    /// Each reader costs about 2 KiB and makes every reclamation step a little longer: keep one for each thread that
    /// works all the time, and let others [`borrow`](Self::borrow).
    #[must_use]
    pub fn reader(&self, label: &'static str) -> Reader {
        Reader::register(self.uncounted(), label)
    }

    /// Borrows a pooled reader: for a thread that enters now and then.
    #[must_use]
    pub fn borrow(&self, label: &'static str) -> PooledReader<'_> {
        if self.counted {
            PooledReader::take(self, label)
        } else {
            PooledReader::temporary(self, label)
        }
    }

    /// Hands over the plain allocations that wait, up to 64 each, with pooled readers that nobody has borrowed: for a
    /// housekeeping tick, so that a domain at rest keeps no garbage. Readers of one's own hand theirs over as they go
    /// on, or are dropped.
    pub fn flush_idle(&self) {
        // Only a counted handle lends pooled readers.
        if self.counted && self.shared.garbage.plain_pending() > 0 {
            PooledReader::flush_idle(self);
        }
    }

    /// Publishes a value.
    ///
    /// # Errors
    /// When too much awaits reclamation, see [`admit`](Self::admit). The value is dropped here.
    pub fn publish<T: Send + Sync + 'static>(&self, value: T) -> Result<Published<T>, Backlogged> {
        self.admit()?;
        Ok(Published::new(value, Arc::clone(&self.shared.garbage)))
    }

    /// Whether something that will become garbage may be made now. Retiring is never refused.
    ///
    /// # Errors
    /// When [`DomainConfig::garbage_max`] values await reclamation.
    pub fn admit(&self) -> Result<(), Backlogged> {
        self.admit_beyond(0)
    }

    /// The same, for what must go on for a while at the limit: so many more may wait.
    ///
    /// # Errors
    /// When [`DomainConfig::garbage_max`] and `reserve` values await reclamation.
    pub fn admit_beyond(&self, reserve: u64) -> Result<(), Backlogged> {
        self.shared.garbage.admit(self.shared.config.garbage_max.saturating_add(reserve))
    }

    /// Counters, each read by itself.
    #[must_use]
    pub fn stats(&self) -> DomainStats {
        let (readers, pinned) = self.shared.places.count();
        self.shared.garbage.stats(readers, pinned)
    }

    /// Readers that have been inside one pin for at least `age`, as far as the reaper's ticks have seen. An age of
    /// zero names every reader that is inside.
    #[must_use]
    pub fn stalled(&self, age: Duration) -> Vec<Stalled> {
        self.shared.places.stalled(age, &self.shared.clock)
    }

    /// What is freed with the last handle.
    #[cfg(test)]
    pub(super) fn memory(&self) -> std::sync::Weak<Shared> {
        Arc::downgrade(&self.shared)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Clone for Domain {
    fn clone(&self) -> Self {
        Self::counted(Arc::clone(&self.shared))
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // O2 AcqRel: the last one sees every reader that was given back before; pairs with itself.
        if self.counted && self.shared.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.pool.drain();
        }
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}
