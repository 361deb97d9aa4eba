//! A published value as a pinned reader sees it.

use crate::reader::Pin;
use crate::sync::Arc;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

/// A value that was found in a [`Published`](super::Published) cell. It borrows the pin and the cell, so the
/// reference that it holds is given back while its reader is still inside: after the grace period the reaper is sole
/// owner.
pub struct Live<'p, T> {
    guard: arc_swap::Guard<Option<Arc<T>>>,
    pin: PhantomData<&'p Pin<'p>>,
}

impl<'p, T> Live<'p, T> {
    /// `None` if the cell was empty.
    pub(super) fn new(guard: arc_swap::Guard<Option<Arc<T>>>, _pin: &'p Pin<'_>) -> Option<Self> {
        guard.is_some().then_some(Self { guard, pin: PhantomData })
    }

    /// What the guard protects, for a compare-and-swap.
    pub(super) fn guard(&self) -> &arc_swap::Guard<Option<Arc<T>>> {
        &self.guard
    }
}

impl<T> Deref for Live<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.guard.as_deref().expect("a `Live` is made of a full guard only")
    }
}

impl<T> Drop for Live<'_, T> {
    /// Does nothing by itself. That it exists makes the compiler demand that the pin strictly outlives the value,
    /// also where both end with the same scope; the guard's own drop would not, since it does not name the pin.
    fn drop(&mut self) {}
}

impl<T: fmt::Debug> fmt::Debug for Live<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
