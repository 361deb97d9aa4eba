//! A cell that holds a value until one caller retires it. Promise: exactly one caller wins the teardown, nobody waits
//! for it, and the value's destructor runs after every reader that saw it has left.
//!
//! # State
//!
//! ```text
//!           replace, update              retire
//! LIVE(v1) -----------------> LIVE(v2) ---------> RETIRED          (terminal: the cell stays empty)
//!    |  value taken out: handed to the epoch       |
//!    +---------------------------------------------+
//! ```
//! | word | meaning |
//! |---|---|
//! | `cell` | the value, or empty once retired; decides everything |
//! | `retired` | set by the winner after its exchange; for observers without a pin |
//!
//! # Invariants
//! - I1. A cell that became empty stays empty: `replace` and `update` exchange a value that they saw, never the empty
//!   cell (model `published::replace_vs_retire`).
//! - I2. A value is taken out once, by the exchange that removed it (model `published::two_closers_one_reader`, drop
//!   counts everywhere).
//! - I3. Every reference to a value other than the cell's is given back inside the pin under which it was made:
//!   readers hold [`Live`]s, which borrow pins; writers hold helper references of arc-swap inside theirs. So after
//!   the grace period the reaper is sole owner (asserted at each reclamation; `held` is 0 in every model).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `get` | pinned thread | everything | wait-free (arc-swap: fast slots, else helped by writers) |
//! | `retire` | pinned thread | everything | lock-free: one exchange, then a walk over the threads' debts; never waits for a reader |
//! | `replace`, `update`, `update_past_limit` | pinned thread | everything | lock-free: a compare-and-swap fails only when another succeeded |
//! | `is_retired` | any thread | everything | wait-free |
//! | drop | owner | nothing (`&mut self`) | lock-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | `retired`, store | Release | O2 | an observer that goes by the flag may still find the value | `published::flag_follows` |
//! | O2 | `retired`, load | Acquire | O1 | as O1 | `published::flag_follows` |
//! | none | inside arc-swap: load, swap, compare-and-swap | SeqCst | each other | use after free | `arc_swap::*` |
//!
//! # Reclamation
//! The value that an exchange took out is handed to the epoch by the thread whose exchange it was. A cell that is
//! dropped unretired hands its value to the reaper at once: `&mut self` proves that no [`Live`] is left.
//!
//! # Not promised
//! That `is_retired` turns true at the instant of the exchange: the decision is what `get` sees.

use super::Live;
use crate::domain::Backlogged;
use crate::reader::Pin;
use crate::reaper::{Garbage, Retired};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, SwapOption};
use core::fmt;

/// A published value; see the module and [`Domain::publish`](crate::Domain::publish).
pub struct Published<T: Send + Sync + 'static> {
    cell: SwapOption<T>,
    retired: AtomicBool,
    garbage: Arc<Garbage>,
}

/// Why a value was not replaced. The new value is dropped in the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The cell was retired, which is for ever.
    Closed,
    /// Too much awaits reclamation; see [`Domain::admit`](crate::Domain::admit).
    Backlogged(Backlogged),
}

impl From<Backlogged> for ReplaceError {
    fn from(backlogged: Backlogged) -> Self {
        Self::Backlogged(backlogged)
    }
}

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the cell is retired"),
            Self::Backlogged(backlogged) => backlogged.fmt(f),
        }
    }
}

impl std::error::Error for ReplaceError {}

impl<T: Send + Sync + 'static> Published<T> {
    pub(crate) fn new(value: T, garbage: Arc<Garbage>) -> Self {
        let cell = SwapOption::from(Some(Arc::new(value)));
        Self { cell, retired: AtomicBool::new(false), garbage }
    }

    /// The value, or `None` once the cell is retired.
    #[inline]
    pub fn get<'p>(&'p self, pin: &'p Pin<'_>) -> Option<Live<'p, T>> {
        self.check_domain(pin);
        Live::new(self.cell.load(), pin)
    }

    /// Takes the value out for ever. True for exactly one caller. Never blocks, never runs the value's destructor.
    pub fn retire(&self, pin: &Pin<'_>) -> bool {
        self.check_domain(pin);
        let Some(value) = self.cell.swap(None) else {
            return false;
        };
        // O1 Release: the cell is empty before it is said to be; pairs with O2.
        self.retired.store(true, Ordering::Release);
        pin.hand_over(Retired::shared(value));
        true
    }

    /// Puts another value in the place of the current one, which is retired.
    ///
    /// # Errors
    /// [`ReplaceError::Closed`] when the cell is retired, [`ReplaceError::Backlogged`] at the domain's limit.
    pub fn replace(&self, value: T, pin: &Pin<'_>) -> Result<(), ReplaceError> {
        self.check_domain(pin);
        pin.domain().admit()?;
        let value = Arc::new(value);
        // Ends when our exchange succeeds or the cell is empty; it fails only when another's succeeded.
        loop {
            let current = self.get(pin).ok_or(ReplaceError::Closed)?;
            if self.exchange(current, &value, pin) {
                return Ok(());
            }
        }
    }

    /// Replaces the value by one that is made of it, or leaves it when `edit` gives `None`. Whether it was replaced.
    /// `edit` runs again when another writer was faster; what it made in vain is dropped in the caller.
    ///
    /// # Errors
    /// As [`replace`](Self::replace).
    pub fn update(
        &self,
        pin: &Pin<'_>,
        edit: impl FnMut(&T) -> Option<T>,
    ) -> Result<bool, ReplaceError> {
        pin.domain().admit()?;
        self.update_past_limit(pin, edit)
    }

    /// [`update`](Self::update) that the domain's limit does not refuse: for teardown, which lets go of something and
    /// must get through however much awaits reclamation.
    ///
    /// # Errors
    /// [`ReplaceError::Closed`] when the cell is retired.
    pub fn update_past_limit(
        &self,
        pin: &Pin<'_>,
        mut edit: impl FnMut(&T) -> Option<T>,
    ) -> Result<bool, ReplaceError> {
        self.check_domain(pin);
        // Ends as in `replace`, or when `edit` declines.
        loop {
            let current = self.get(pin).ok_or(ReplaceError::Closed)?;
            let Some(value) = edit(&current) else {
                return Ok(false);
            };
            if self.exchange(current, &Arc::new(value), pin) {
                return Ok(true);
            }
        }
    }

    /// Whether some caller has retired the cell; see Not promised. For observers without a pin.
    pub fn is_retired(&self) -> bool {
        // O2 Acquire: whoever is told so finds the cell empty; pairs with O1.
        self.retired.load(Ordering::Acquire)
    }

    /// Puts `new` in the place of `current` if that is still there, and hands over what it took out. The caller's
    /// share of `new` ends inside its pin, as I3 asks.
    fn exchange(&self, current: Live<'_, T>, new: &Arc<T>, pin: &Pin<'_>) -> bool {
        let found = self.cell.compare_and_swap(current.guard(), Some(Arc::clone(new)));
        let taken = match (&**current.guard(), &*found) {
            (Some(seen), Some(found)) => Arc::ptr_eq(seen, found),
            _ => false,
        };
        drop(current);
        if taken && let Some(value) = arc_swap::Guard::into_inner(found) {
            pin.hand_over(Retired::shared(value));
        }
        taken
    }

    /// With a pin of another domain references would stay valid, but the grace period would be of the wrong readers.
    #[inline]
    fn check_domain(&self, pin: &Pin<'_>) {
        debug_assert!(
            Arc::ptr_eq(&self.garbage, &pin.domain().shared().garbage),
            "a cell is used under a pin of its own domain"
        );
    }
}

impl<T: Send + Sync + 'static> Drop for Published<T> {
    fn drop(&mut self) {
        if let Some(value) = self.cell.swap(None) {
            self.garbage.retire_unread(Retired::shared(value));
        }
    }
}

impl<T: Send + Sync + 'static> fmt::Debug for Published<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published").field("retired", &self.is_retired()).finish_non_exhaustive()
    }
}
