//! Bytes that may be held at once. Promise: every byte that was lent is given back once, and a
//! reader that found the budget full is told when enough of it has drained.
//!
//! # State
//!
//! | bits | field | meaning |
//! |---|---|---|
//! | 0..63 | used | bytes lent and not yet given back |
//! | 63 | full | the limit was reached, and `used` has not been at the mark since |
//!
//! ```text
//!             take: used ≥ limit
//!    open --------------------------> full
//!      ^                                |
//!      +--------------------------------+
//!        give back: used ≤ mark, then `on_drained` by the one whose exchange cleared the bit
//! ```
//! The mark is the limit less the share of it that has to drain.
//!
//! # Invariants
//! - I1. `used` is the sum of all permits (test `budget::permits_sum_up`; asserted when bytes are
//!   given back).
//! - I2. If nobody holds more than `mark` and no exchange is under way, the bit is clear; so a
//!   reader that sees it is followed by an `on_drained` (test `budget::nobody_sleeps_for_ever`).
//! - I3. `on_drained` is called once for each time that the bit was set and cleared (test
//!   `budget::one_drain_for_each_time_full`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `take`, `try_take` | any thread | everything | lock-free: an exchange fails only if another took effect |
//! | `Permit::give_back`, drop of a permit | its holder | everything | lock-free, as above; wait-free while not full |
//! | `is_full`, `used` | any thread | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | B1 | exchange of `take`, `try_take` | Acquire | B2 | who takes what was given back works beside the giver | `budget::made_room` |
//! | B2 | subtraction of what is given back | Release | B1, B4 | as B1 | `budget::made_room` |
//! | B3 | clearing of the bit | Relaxed | none | nothing: every change of the word is an exchange, so that it carries on what B2 published | `budget::handed_on` |
//! | B4 | load of `is_full`, `used` | Acquire | B2 | who finds the budget open finds undone what its givers did | `budget::handed_on` |
//! | B5 | first load of a loop, and failure of an exchange | Relaxed | none | nothing: the exchange confirms it, and a refusal publishes nothing | `budget::full_vs_drained` |
//!
//! A reader that sleeps on the budget registers with its waker first and asks `is_full` again then.
//! That needs no fence here if both registering and waking change one and the same word of the
//! waker, as they do in an atomic waker.
//!
//! # Reclamation
//! Each permit holds a reference to the budget. `on_drained` runs on the giver's thread, which may
//! be in a `drop`: it wakes somebody and does nothing else.
//!
//! # Not promised
//! That `used` stays below the limit: the last item may be larger than what is left.

use core::fmt;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering};

const FULL: u64 = 1 << 63;

/// Bytes that are lent to those who read ahead, up to a limit.
pub struct Budget {
    word: AtomicU64,
    limit: u64,
    mark: u64,
    on_drained: Box<dyn Fn() + Send + Sync>,
}

/// Bytes lent by a [`Budget`]; dropping it gives back what is left of them.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    /// A budget of `limit` bytes, at least 1, which is open again when `drain_percent` of the limit
    /// has drained after it was full; `on_drained` is called then.
    ///
    /// # Panics
    /// If `drain_percent` is above 100.
    pub fn new(
        limit: u64,
        drain_percent: u64,
        on_drained: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        assert!(drain_percent <= 100, "no more than all of a budget can drain");
        let limit = limit.clamp(1, FULL - 1);
        let drains = u128::from(limit) * u128::from(drain_percent) / 100;
        // At least one byte has to drain, or a full budget would be open at the same time.
        let drains = u64::try_from(drains).expect("a share of the limit").max(1);
        let on_drained = Box::new(on_drained);
        Arc::new(Self { word: AtomicU64::new(0), limit, mark: limit - drains, on_drained })
    }

    /// Takes `bytes`, full or not. For what was read already and cannot be read again; ask
    /// [`is_full`](Budget::is_full) before reading.
    pub fn take(budget: &Arc<Self>, bytes: u64) -> Permit {
        budget.lend(bytes, true);
        Permit { budget: Arc::clone(budget), bytes }
    }

    /// Takes `bytes` unless the budget is full. What was not full before takes an item of any size.
    #[must_use]
    pub fn try_take(budget: &Arc<Self>, bytes: u64) -> Option<Permit> {
        budget.lend(bytes, false).then(|| Permit { budget: Arc::clone(budget), bytes })
    }

    /// Whether nothing may be read before some of the budget has drained.
    #[must_use]
    pub fn is_full(&self) -> bool {
        // B4 Acquire: pairs with B2.
        self.word.load(Ordering::Acquire) & FULL != 0
    }

    /// Bytes that are lent now.
    #[must_use]
    pub fn used(&self) -> u64 {
        // B4 Acquire: pairs with B2.
        self.word.load(Ordering::Acquire) & !FULL
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    fn lend(&self, bytes: u64, even_if_full: bool) -> bool {
        // B5 Relaxed: the exchange confirms it.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & FULL != 0 && !even_if_full {
                return false;
            }
            let used = (word & !FULL) + bytes;
            assert!(used < FULL, "{used} bytes cannot be held at once");
            let full = if used >= self.limit { FULL } else { word & FULL };
            // B1 Acquire: count and bit in one; pairs with B2. B5 Relaxed: tried again.
            match self.word.compare_exchange(
                word,
                used | full,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    fn give_back(&self, bytes: u64) {
        // B2 Release: pairs with B1, B4.
        let before = self.word.fetch_sub(bytes, Ordering::Release);
        debug_assert!(before & !FULL >= bytes, "I1: {bytes} bytes given back of {before:#x}");
        let mut word = before - bytes;
        // Ends: another exchange that took effect has either cleared the bit, or taken what its own
        // giver looks at again.
        while word & FULL != 0 && word & !FULL <= self.mark {
            let open = word & !FULL;
            // B3 Relaxed: an exchange, after our B2. B5 Relaxed: tried again.
            match self.word.compare_exchange(word, open, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return (self.on_drained)(),
                Err(now) => word = now,
            }
        }
    }
}

impl Permit {
    /// Gives back a part.
    ///
    /// # Panics
    /// If it is more than what is left.
    pub fn give_back(&mut self, bytes: u64) {
        assert!(bytes <= self.bytes, "{bytes} bytes given back of {} lent", self.bytes);
        self.bytes -= bytes;
        if bytes > 0 {
            self.budget.give_back(bytes);
        }
    }

    /// Bytes that it still holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Parts with `bytes` of it, to be given back on their own.
    ///
    /// # Panics
    /// If it is more than what is left.
    pub fn split(&mut self, bytes: u64) -> Permit {
        assert!(bytes <= self.bytes, "{bytes} bytes split off {} lent", self.bytes);
        self.bytes -= bytes;
        Permit { budget: Arc::clone(&self.budget), bytes }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.give_back(self.bytes);
        }
    }
}

#[cfg(millstream_census)]
impl Drop for Budget {
    fn drop(&mut self) {
        crate::census::budget_ends(self.used());
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("used", &self.used())
            .field("full", &self.is_full())
            .field("limit", &self.limit)
            .field("mark", &self.mark)
            .finish_non_exhaustive()
    }
}
