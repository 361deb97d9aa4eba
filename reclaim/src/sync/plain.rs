//! What ships: std's types.

pub use atomic_waker::AtomicWaker;
pub use std::sync::Arc;
pub use std::thread_local;

/// Atomics.
pub mod atomic {
    pub use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        fence,
    };
}

/// Hints to the processor.
pub mod hint {
    pub use std::hint::spin_loop;
}

/// Threads.
pub mod thread {
    pub use std::thread::{
        Builder, JoinHandle, Thread, current, park, park_timeout, spawn, yield_now,
    };
}
