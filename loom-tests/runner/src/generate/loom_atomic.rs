//! Written beside arc-swap's modules by the model runner: its atomics and its `Arc` over loom's.
//!
//! arc-swap relies on the total order of its `SeqCst` accesses. Loom gives that order to `SeqCst` fences only and
//! takes such accesses for acquire and release. So each one stands between two fences here: stronger than the
//! original, which makes this a check of the algorithm and not of each single ordering.

use loom::sync::atomic::{self, fence};
use std::sync::atomic::Ordering::{self, SeqCst};

fn bracketed<R>(order: Ordering, access: impl FnOnce() -> R) -> R {
    if order != SeqCst {
        return access();
    }
    fence(SeqCst);
    let result = access();
    fence(SeqCst);
    result
}

macro_rules! atomic {
    ($name:ident [$($generic:ident)?], $value:ty, $inner:ty) => {
        #[derive(Debug, Default)]
        pub struct $name<$($generic)?>($inner);

        impl<$($generic)?> $name<$($generic)?> {
            pub fn new(value: $value) -> Self {
                Self(<$inner>::new(value))
            }
            pub fn with_mut<R>(&mut self, access: impl FnOnce(&mut $value) -> R) -> R {
                self.0.with_mut(access)
            }
            pub fn load(&self, order: Ordering) -> $value {
                bracketed(order, || self.0.load(order))
            }
            pub fn store(&self, value: $value, order: Ordering) {
                bracketed(order, || self.0.store(value, order))
            }
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                bracketed(order, || self.0.swap(value, order))
            }
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                bracketed(success, || self.0.compare_exchange(current, new, success, failure))
            }
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }
        }
    };
}

atomic!(AtomicUsize [], usize, atomic::AtomicUsize);
atomic!(AtomicPtr[T], *mut T, atomic::AtomicPtr<T>);

impl AtomicUsize {
    pub fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        bracketed(order, || self.0.fetch_add(value, order))
    }
    pub fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
        bracketed(order, || self.0.fetch_sub(value, order))
    }
}

// SAFETY: as arc-swap's own for std's `Arc`: the pointer is that of `into_raw`, keeps the count that it took, and names
// the value for as long as it holds one.
unsafe impl<T> crate::RefCnt for loom::sync::Arc<T> {
    type Base = T;
    fn into_ptr(me: Self) -> *mut T {
        loom::sync::Arc::into_raw(me) as *mut T
    }
    fn as_ptr(me: &Self) -> *mut T {
        loom::sync::Arc::as_ptr(me) as *mut T
    }
    unsafe fn from_ptr(ptr: *const T) -> Self {
        // SAFETY: the caller's promise: `ptr` came from `into_ptr`, and its count is handed over.
        unsafe { loom::sync::Arc::from_raw(ptr) }
    }
}
