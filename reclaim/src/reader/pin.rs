//! Being inside: a pin, and what may be handed over to the epoch under it. Promise: an allocation that was unlinked
//! before it was handed over is not freed while any pin lasts that could have seen it.
//!
//! # State
//! None of its own: the participant's epoch word (crossbeam-epoch) and the reader's place (`place.rs`).
//!
//! # Invariants
//! - I1. What is handed over was unlinked before: a pin that begins later cannot find it (the caller's duty).
//! - I2. Nothing a collecting thread runs has a destructor of the embedder's: closures push a node that was prepared
//!   before (retired values) or give memory back (plain ones) (test `destructors_run_on_the_reaper_alone`).
//! - I3. A closure owns a share of the garbage, never of the collector: no circle through the collector's own queue
//!   (leak check of every model).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `Reader::pin`, drop | the reader's holder | everything | wait-free but for every 128th pin, which collects (lock-free) |
//! | `retire` | pinned thread | everything | lock-free; allocates one node |
//! | `free` | pinned thread | everything | lock-free; allocates nothing |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | none | inside crossbeam-epoch | pin: SeqCst fence; unpin: Release | advance: SeqCst fence, Acquire fence | use after free | `epoch::pinned_reader_vs_retirer` |
//!
//! # Reclamation
//! `retire` flushes: the closure must not wait in the bag of a participant that does not pin again. `free` does not:
//! what waits there is bounded memory, 64 allocations for each reader. [`Domain::flush_idle`] sends for it.
//!
//! # Not promised
//! When: a pin that is never dropped holds everything. See [`Domain::stalled`].
#![expect(unsafe_code, reason = "allocations are handed over by pointer")]

use super::Reader;
use crate::domain::Domain;
use crate::list::Prepared;
use crate::reaper::Retired;
use crate::sync::Arc;
use core::fmt;
use core::mem::needs_drop;
use crossbeam_epoch::Guard;

/// Plain allocations between two counts: the counters are shared, so they are not touched for each.
const PLAIN_BATCH: u64 = 32;

/// Proof of being inside: values read under it stay until it is dropped. Not `Send`: it ends on its thread and before
/// any `.await` of a future that may move.
pub struct Pin<'r> {
    /// First: the participant leaves before the quiescer is told.
    guard: Guard,
    leave: Leave<'r>,
}

impl<'r> Pin<'r> {
    #[inline]
    pub(super) fn enter(reader: &'r Reader) -> Self {
        Self { guard: reader.guard(), leave: Leave { reader } }
    }

    /// The domain it belongs to.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        self.leave.reader.domain()
    }

    /// Hands over a value that was unlinked: the reaper runs its destructor after the grace period.
    ///
    /// Readers may still look at the value, but none may write to it without an `UnsafeCell`, and not while this
    /// call takes the box; where they may, use [`retire_raw`](Self::retire_raw).
    pub fn retire<T: Send + 'static>(&self, unlinked: Box<T>) {
        // SAFETY: the box was its owner.
        unsafe { self.retire_raw(Box::into_raw(unlinked)) };
    }

    /// As [`retire`](Self::retire), for a value that readers reach, or write to, by pointer meanwhile.
    ///
    /// # Safety
    /// - `unlinked` came from [`Box::into_raw`] and nobody else frees it.
    /// - A pin that begins after this call cannot reach it.
    pub unsafe fn retire_raw<T: Send + 'static>(&self, unlinked: *mut T) {
        // SAFETY: the caller's promise is the one asked for.
        self.hand_over(unsafe { Retired::boxed(unlinked) });
    }

    /// Hands over memory that was unlinked and has no destructor: any thread gives it back after the grace period.
    /// Cheaper than [`retire`](Self::retire), and it does not count for quiescence.
    pub fn free<T: Send + 'static>(&self, unlinked: Box<T>) {
        // SAFETY: the box was its owner.
        unsafe { self.free_raw(Box::into_raw(unlinked)) };
    }

    /// As [`free`](Self::free), for memory that readers reach, or write to, by pointer meanwhile.
    ///
    /// # Safety
    /// As for [`retire_raw`](Self::retire_raw).
    pub unsafe fn free_raw<T: Send + 'static>(&self, unlinked: *mut T) {
        const {
            assert!(!needs_drop::<T>(), "a value with a destructor is retired");
        };
        let plain = Plain(unlinked);
        self.guard.defer(move || plain.give_back());
        self.count_plain();
    }

    /// Sees to it that what was handed over here does not wait for more.
    pub(crate) fn flush(&self) {
        self.guard.flush();
    }

    /// Defers the hand-over to the reaper until after the grace period.
    pub(crate) fn hand_over(&self, retired: Retired) {
        let garbage = Arc::clone(&self.domain().shared().garbage);
        garbage.count_retired();
        let node = Prepared::new(retired);
        self.guard.defer(move || garbage.push(node));
        self.flush();
    }

    /// Counts plain allocations by the batch: as pending now, as freed when the closure behind them runs.
    fn count_plain(&self) {
        let plain = self.leave.reader.plain();
        plain.set(plain.get() + 1);
        if plain.get() == PLAIN_BATCH {
            plain.set(0);
            let garbage = Arc::clone(&self.domain().shared().garbage);
            garbage.count_plain(PLAIN_BATCH);
            self.guard.defer(move || garbage.count_plain_freed(PLAIN_BATCH));
        }
    }
}

impl fmt::Debug for Pin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pin").field("reader", &self.leave.reader.label()).finish()
    }
}

/// What follows the participant's leaving.
struct Leave<'r> {
    reader: &'r Reader,
}

impl Drop for Leave<'_> {
    #[inline]
    fn drop(&mut self) {
        self.reader.left();
    }
}

/// Memory on its way back.
struct Plain<T>(*mut T);

// SAFETY:
// - `T: Send`: the memory is given back by another thread.
// - By `free_raw`'s contract nobody else frees it.
unsafe impl<T: Send> Send for Plain<T> {}

impl<T> Plain<T> {
    fn give_back(self) {
        // SAFETY: by `free_raw`'s contract the pointer owns a box, and by I1 and the epoch no reader is left.
        drop(unsafe { Box::from_raw(self.0) });
    }
}
