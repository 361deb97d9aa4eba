//! What a published pointer has to promise at least, in the place of arc-swap: a load acquires what the exchange that it
//! reads released. In the models each access of arc-swap stands between two full fences, behind which a fence of the
//! product's that is missing would not show; here there are none.
//!
//! A guard holds nothing. What it shows stays because whoever loads is inside the epoch, which is the product's promise
//! (`reclaim/src/cell/published.rs`, I3) and is checked by the models of the first tier over the real arc-swap.

use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, Ordering};

/// What is published: an optional `Arc`.
pub trait Shared {
    /// What the `Arc` is of.
    type Value;
    /// The owned pointer, null for none.
    fn into_raw(self) -> *mut Self::Value;
    /// # Safety
    /// `raw` came from [`into_raw`](Self::into_raw); what is made of it is dropped at most once.
    unsafe fn from_raw(raw: *mut Self::Value) -> Self;
}

impl<T> Shared for Option<Arc<T>> {
    type Value = T;

    fn into_raw(self) -> *mut T {
        self.map_or(ptr::null_mut(), |value| Arc::into_raw(value).cast_mut())
    }

    unsafe fn from_raw(raw: *mut T) -> Self {
        // SAFETY: the caller's promise.
        (!raw.is_null()).then(|| unsafe { Arc::from_raw(raw) })
    }
}

/// The cell.
#[derive(Debug)]
pub struct ArcSwapAny<S: Shared>(AtomicPtr<S::Value>);

impl<S: Shared> From<S> for ArcSwapAny<S> {
    fn from(value: S) -> Self {
        Self(AtomicPtr::new(value.into_raw()))
    }
}

impl<S: Shared> ArcSwapAny<S> {
    /// What is there now.
    pub fn load(&self) -> Guard<S> {
        Guard::of(self.0.load(Ordering::Acquire), false)
    }

    /// Puts another value there; what was there is the caller's.
    pub fn swap(&self, new: S) -> S {
        let old = self.0.swap(new.into_raw(), Ordering::AcqRel);
        // SAFETY: the cell owned it, and this exchange took it out.
        unsafe { S::from_raw(old) }
    }

    /// Puts another value there if `current` still is. What was there: the caller's, if it was that.
    pub fn compare_and_swap(&self, current: &Guard<S>, new: S) -> Guard<S> {
        let new = new.into_raw();
        match self.0.compare_exchange(current.raw, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(old) => Guard::of(old, true),
            Err(other) => {
                // SAFETY: it was never published.
                drop(unsafe { S::from_raw(new) });
                Guard::of(other, false)
            }
        }
    }
}

impl<S: Shared> Drop for ArcSwapAny<S> {
    fn drop(&mut self) {
        let old = self.0.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: as in `swap`.
        drop(unsafe { S::from_raw(old) });
    }
}

/// What was found in a cell.
pub struct Guard<S: Shared> {
    raw: *mut S::Value,
    shown: ManuallyDrop<S>,
    owned: bool,
}

impl<S: Shared> Guard<S> {
    fn of(raw: *mut S::Value, owned: bool) -> Self {
        // SAFETY: dropped only if it is owned, see `compare_and_swap`.
        Self { raw, shown: ManuallyDrop::new(unsafe { S::from_raw(raw) }), owned }
    }

    /// The value, for good.
    ///
    /// # Panics
    /// When it is the cell's still: the product takes out what its own exchange removed, and nothing else.
    pub fn into_inner(mut guard: Self) -> S {
        assert!(core::mem::take(&mut guard.owned), "the cell has it still");
        // SAFETY: it is not owned any more, so that nobody drops it a second time.
        unsafe { ManuallyDrop::take(&mut guard.shown) }
    }
}

impl<S: Shared> Deref for Guard<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.shown
    }
}

impl<S: Shared> Drop for Guard<S> {
    fn drop(&mut self) {
        if self.owned {
            // SAFETY: it is owned, and goes with the guard.
            unsafe { ManuallyDrop::drop(&mut self.shown) };
        }
    }
}
