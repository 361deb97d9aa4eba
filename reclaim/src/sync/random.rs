//! What runs under random schedules: shuttle's types, for what is too large for loom. Sequentially consistent only.
//! arc-swap and the epoch keep their own atomics, so each of their operations is one step.

pub use atomic_waker::AtomicWaker;
pub use shuttle::thread_local;
/// arc-swap counts references in std's.
pub use std::sync::Arc;

/// Atomics.
pub mod atomic {
    pub use shuttle::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        fence,
    };
}

/// Hints to the processor.
pub mod hint {
    pub use shuttle::hint::spin_loop;
}

/// Threads.
pub mod thread {
    pub use shuttle::thread::{
        Builder, JoinHandle, Thread, current, park, park_timeout, spawn, yield_now,
    };
}
