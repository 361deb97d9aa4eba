//! An array that is made when it is first needed, or never: closing it decides. Promise: what a closer found absent
//! stays absent, and what it found made is seen whole.
//!
//! # State
//!
//! ```text
//!   null ---- make ----> an array        for good
//!     \----- close ----> CLOSED          for good
//! ```
//!
//! # Invariants
//! - I1. The pointer leaves null once, for an array of `len` or for `CLOSED` (model `shelf::make_vs_close`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `get`, `close` | any thread | everything | wait-free |
//! | `make` | any thread | everything | wait-free; who comes second drops what it made |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | S1 | `make`: exchange of the pointer | AcqRel | S2, S3 | a reader finds an array before its elements are there | `shelf::make_vs_close` |
//! | S2 | load of the pointer | Acquire | S1 | the same, from the other side | `shelf::make_vs_close` |
//! | S3 | `close`: exchange of the pointer | AcqRel | S1 | the same, for a closer that came second | `shelf::make_vs_close` |
//!
//! # Reclamation
//! None: an array lives as long as its shelf.
//!
//! # Not promised
//! That the elements of an array that was made are left alone after `close`: they decide for themselves.
#![expect(unsafe_code, reason = "the array is made once and shared through a raw pointer")]

use crate::sync::atomic::{AtomicPtr, Ordering};
use core::fmt;
use core::marker::PhantomData;
use core::ptr;

/// An array of a fixed length that is made on first use; see the module.
///
/// ```
/// use millstream_reclaim::Shelf;
///
/// let shelf = Shelf::<u64>::new(3);
/// assert_eq!(shelf.get(), None);
/// assert_eq!(shelf.make(), Some(&[0, 0, 0][..]));
/// assert_eq!(shelf.close(), Some(&[0, 0, 0][..]), "it was there first");
///
/// let shelf = Shelf::<u64>::new(3);
/// assert_eq!(shelf.close(), None);
/// assert_eq!(shelf.make(), None, "closed");
/// ```
pub struct Shelf<T> {
    first: AtomicPtr<T>,
    len: usize,
    owns: PhantomData<Box<[T]>>,
}

// SAFETY:
// - `T: Send`: the array is made on one thread and may be dropped on another.
// - `T: Sync`: every thread is given `&[T]`.
unsafe impl<T: Send + Sync> Sync for Shelf<T> {}
// SAFETY:
// - `T: Send`: the shelf owns its array, which moves with it.
// - `T: Sync` is not needed: a shelf that moves is not borrowed.
unsafe impl<T: Send> Send for Shelf<T> {}

impl<T: Default> Shelf<T> {
    /// Room for `len` elements, none of them made yet.
    ///
    /// # Panics
    /// When `len` is 0.
    #[must_use]
    pub fn new(len: usize) -> Self {
        const { assert!(size_of::<T>() > 0, "an array of nothing has no address of its own") };
        assert!(len > 0, "an array of nothing has no address of its own");
        Self { first: AtomicPtr::new(ptr::null_mut()), len, owns: PhantomData }
    }

    /// The array, made now if it is not there; `None` once the shelf was closed without one.
    pub fn make(&self) -> Option<&[T]> {
        if let Some(made) = self.get() {
            return Some(made);
        }
        let fresh: Box<[T]> = (0..self.len).map(|_| T::default()).collect();
        let fresh = Box::into_raw(fresh);
        // S1 AcqRel: the elements before the pointer; pairs with S2, S3.
        let made = self.first.compare_exchange(
            ptr::null_mut(),
            fresh.cast(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if made.is_err() {
            // SAFETY: `fresh` is the box above, and was never shared.
            drop(unsafe { Box::from_raw(fresh) });
        }
        self.get()
    }
}

impl<T> Shelf<T> {
    /// The array, if it was made.
    #[must_use]
    pub fn get(&self) -> Option<&[T]> {
        // S2 Acquire: its elements are there; pairs with S1.
        self.array(self.first.load(Ordering::Acquire))
    }

    /// Sees to it that no array is made from now on; the one that was made before, if there is one.
    pub fn close(&self) -> Option<&[T]> {
        // S3 AcqRel: pairs with S1.
        let closed = self.first.compare_exchange(
            ptr::null_mut(),
            closed_mark(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        closed.err().and_then(|first| self.array(first))
    }

    /// How many elements the array has once it is made.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.len
    }

    fn array(&self, first: *mut T) -> Option<&[T]> {
        if first.is_null() || first == closed_mark() {
            return None;
        }
        // SAFETY: neither null nor the mark, so by I1 the array of `make`, which has `len` elements, is complete (S2,
        // S3) and lives as long as `self`.
        Some(unsafe { core::slice::from_raw_parts(first, self.len) })
    }
}

impl<T> Drop for Shelf<T> {
    fn drop(&mut self) {
        // S2 Acquire: `&mut self`; nobody else is left.
        let first = self.first.load(Ordering::Acquire);
        if !first.is_null() && first != closed_mark() {
            // SAFETY: by I1 the box of `make`, of `len` elements, and nobody else frees it.
            drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(first, self.len)) });
        }
    }
}

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = self.get().is_some();
        f.debug_struct("Shelf").field("len", &self.len).field("made", &made).finish()
    }
}

/// The mark of a shelf that was closed before anybody used it: an address that no array has.
fn closed_mark<T>() -> *mut T {
    ptr::without_provenance_mut(align_of::<T>())
}
