//! A value that one thread at a time may use, and for which nobody waits: who comes second is told so.
//!
//! # State
//!
//! | word | meaning |
//! |---|---|
//! | `taken` | a [`Claim`] exists |
//!
//! # Invariants
//! - I1. At most one [`Claim`] of a value exists (model `exclusive::two_claims`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `claim` | any thread | everything | wait-free; may answer `None` |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | X1 | `claim` | Acquire | X2 | the value is used before its last user was done | `exclusive::two_claims` |
//! | X2 | end of a claim | Release | X1 | as X1 | `exclusive::two_claims` |
//!
//! # Reclamation
//! None: the value is a plain field.
//!
//! # Not promised
//! Fairness; a refused caller must have another way to make itself heard.
#![expect(unsafe_code, reason = "the claim proves exclusive use of the cell")]

use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use millstream_reclaim::sync::UnsafeCell;
use millstream_reclaim::sync::atomic::{AtomicBool, Ordering};

/// A value and who uses it.
#[derive(Debug)]
pub(crate) struct Exclusive<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: by I1 only one thread at a time reaches the value, so it must be `Send`; the claim's orderings hand it
// over.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// The value, unless somebody else has it.
    pub(crate) fn claim(&self) -> Option<Claim<'_, T>> {
        // X1 Acquire: after the last user; pairs with X2. Who is refused writes nothing.
        let free = self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        free.is_ok().then(|| Claim { of: self, value: PhantomData })
    }
}

/// Exclusive use of a value, given back on drop.
#[derive(Debug)]
pub(crate) struct Claim<'a, T> {
    of: &'a Exclusive<T>,
    /// What a claim gives access to, and so whether it may be sent or shared: it is shared only if the value may be.
    value: PhantomData<&'a mut T>,
}

impl<T> Deref for Claim<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        let value = self.of.value.with(|value| value);
        // SAFETY: by I1 this claim is the only way to the value.
        unsafe { &*value }
    }
}

impl<T> DerefMut for Claim<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        let value = self.of.value.with_mut(|value| value);
        // SAFETY: by I1 this claim is the only way to the value, and it is borrowed mutably.
        unsafe { &mut *value }
    }
}

impl<T> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        // X2 Release: the next user sees what we did; pairs with X1.
        self.of.taken.store(false, Ordering::Release);
    }
}
