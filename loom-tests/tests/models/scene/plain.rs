//! Memory without an order of its own.

use loom::cell::UnsafeCell;
use std::sync::Arc;

/// A number that nothing but the type under test orders; loom reports a race on it.
#[derive(Debug)]
pub(crate) struct Plain(UnsafeCell<u32>);

// SAFETY: that nobody reads while another writes is what loom checks.
unsafe impl Sync for Plain {}

impl Plain {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }

    pub(crate) fn write(&self, value: u32) {
        // SAFETY: loom fails the model if another thread may look meanwhile.
        self.0.with_mut(|cell| unsafe { *cell = value });
    }

    pub(crate) fn read(&self) -> u32 {
        // SAFETY: loom fails the model if another thread may write meanwhile.
        self.0.with(|cell| unsafe { *cell })
    }
}
