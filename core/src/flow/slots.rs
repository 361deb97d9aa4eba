//! Things that may exist at once, counted one by one. Promise: never more than the limit, and each
//! place that was taken is given back once.
//!
//! # State
//! One word: how many places are taken.
//!
//! # Invariants
//! - I1. `taken ≤ limit` (test `slots::never_more_than_the_limit`).
//! - I2. `taken` is the number of permits (test `slots::never_more_than_the_limit`; asserted when
//!   one is dropped).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `try_take` | any thread | everything | lock-free: an exchange fails only if another took effect |
//! | drop of a permit | its holder | everything | wait-free |
//! | `taken`, `free` | any thread | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | P1 | take a place | Acquire | P2 | who takes a place works beside the one who just left it | `slots::handed_on` |
//! | P2 | leave a place | Release | P1, P3 | as P1 | `slots::handed_on` |
//! | P3 | `taken`, `free`, first load and failures of the loop | Acquire | P2 | as P1, for one who only looks | `slots::handed_on` |
//!
//! # Reclamation
//! Each permit holds a reference to the slots.
//!
//! # Not promised
//! That somebody is told when a place becomes free: who waits for one registers, fences, and looks
//! again; who leaves one fences, and then looks who waits.

use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicUsize, Ordering};

/// Places for a limited number of things.
#[derive(Debug)]
pub struct Slots {
    taken: AtomicUsize,
    limit: usize,
}

/// A place taken from [`Slots`]; dropping it gives the place back.
#[derive(Debug)]
#[must_use]
pub struct SlotPermit {
    slots: Arc<Slots>,
}

impl Slots {
    /// `limit` places, all of them free.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), limit })
    }

    /// Takes a place, if one is free.
    #[must_use]
    pub fn try_take(slots: &Arc<Self>) -> Option<SlotPermit> {
        // P3 Acquire: the exchange confirms it.
        let mut taken = slots.taken.load(Ordering::Acquire);
        while taken < slots.limit {
            let more = taken + 1;
            // P1 Acquire, P3 Acquire: pairs with P2.
            match slots.taken.compare_exchange(taken, more, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => {
                    return Some(SlotPermit { slots: Arc::clone(slots) });
                }
                Err(now) => taken = now,
            }
        }
        None
    }

    /// Places that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        // P3 Acquire: pairs with P2.
        self.taken.load(Ordering::Acquire)
    }

    /// Places that are free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.limit - self.taken()
    }

    /// All places.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

#[cfg(millstream_census)]
impl Drop for Slots {
    fn drop(&mut self) {
        crate::census::budget_ends(self.taken() as u64);
    }
}

impl Drop for SlotPermit {
    fn drop(&mut self) {
        // P2 Release: pairs with P1.
        let before = self.slots.taken.fetch_sub(1, Ordering::Release);
        debug_assert!(before > 0, "I2: a place was given back twice");
    }
}
