//! A retired value without its type: two words, so that a hand-over carries no second allocation.
#![expect(unsafe_code, reason = "a value is carried by pointer with the function that destroys it")]

use crate::sync::Arc;

/// A value that awaits its destructor. Dropping it runs it.
pub(crate) struct Retired {
    value: *mut (),
    destroy: unsafe fn(*mut ()) -> Destroyed,
}

/// What became of a retired value.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destroyed {
    Yes,
    /// It has another owner.
    Held,
}

// SAFETY:
// - `value` owns a `T: Send` (`boxed`) or a share of a `T: Send + Sync` (`shared`); both may be dropped by another
//   thread, and `destroy` is a plain function.
unsafe impl Send for Retired {}

impl Retired {
    /// A value alone in its box.
    ///
    /// # Safety
    /// `value` came from [`Box::into_raw`], nobody else frees it, and nobody looks at it once it may be destroyed.
    pub(crate) unsafe fn boxed<T: Send + 'static>(value: *mut T) -> Self {
        Self { value: value.cast(), destroy: destroy_boxed::<T> }
    }

    /// The cell's share of a value.
    pub(crate) fn shared<T: Send + Sync + 'static>(value: Arc<T>) -> Self {
        Self { value: Arc::into_raw(value).cast_mut().cast(), destroy: destroy_shared::<T> }
    }

    /// Runs the destructor, unless somebody else owns a share: then gives the value back.
    ///
    /// # Panics
    /// When the destructor does; the value is gone then.
    pub(crate) fn try_destroy(self) -> Result<(), Self> {
        let Self { value, destroy } = self;
        core::mem::forget(self);
        // SAFETY: `value` and `destroy` were made for the same type, and `self` was the value's only carrier.
        match unsafe { destroy(value) } {
            Destroyed::Yes => Ok(()),
            Destroyed::Held => Err(Self { value, destroy }),
        }
    }
}

impl Drop for Retired {
    /// The share of a value that a leaked reference keeps alive is leaked with it.
    fn drop(&mut self) {
        // SAFETY: as in `try_destroy`.
        let _: Destroyed = unsafe { (self.destroy)(self.value) };
    }
}

/// # Safety
/// `value` owns a box of `T`.
unsafe fn destroy_boxed<T>(value: *mut ()) -> Destroyed {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(value.cast::<T>()) });
    Destroyed::Yes
}

/// # Safety
/// `value` owns a share of an `Arc<T>`. It still does when the answer is `Held`.
unsafe fn destroy_shared<T>(value: *mut ()) -> Destroyed {
    // SAFETY: the caller's promise.
    let mut share = unsafe { Arc::from_raw(value.cast::<T>().cast_const()) };
    if Arc::get_mut(&mut share).is_some() {
        drop(share);
        Destroyed::Yes
    } else {
        let _ = Arc::into_raw(share);
        Destroyed::Held
    }
}
