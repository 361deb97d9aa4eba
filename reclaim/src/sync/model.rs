//! What is model-checked: loom's types.

use std::task::Waker;

pub use loom::cell::UnsafeCell;
pub use loom::sync::Arc;
pub use loom::thread_local;

/// Atomics.
pub mod atomic {
    pub use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        fence,
    };
}

/// Hints to the processor.
pub mod hint {
    pub use loom::hint::spin_loop;
}

/// Threads.
pub mod thread {
    pub use loom::thread::{Builder, JoinHandle, Thread, current, park, spawn, yield_now};

    /// Models have no time: lets another thread run.
    pub fn park_timeout(_: std::time::Duration) {
        yield_now();
    }
}

/// The real atomic-waker. In models its word is made at the first use, so the constructor uses it once: else the
/// first use by a second thread would look like a race with the creation.
#[derive(Debug)]
pub struct AtomicWaker(atomic_waker::AtomicWaker);

impl AtomicWaker {
    /// A waker cell that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        let cell = atomic_waker::AtomicWaker::new();
        drop(cell.take());
        Self(cell)
    }

    /// Registers a waker for the next [`wake`](Self::wake).
    pub fn register(&self, waker: &Waker) {
        self.0.register(waker);
    }

    /// Wakes what is registered.
    pub fn wake(&self) {
        self.0.wake();
    }

    /// Takes what is registered.
    pub fn take(&self) -> Option<Waker> {
        self.0.take()
    }
}

impl Default for AtomicWaker {
    fn default() -> Self {
        Self::new()
    }
}
