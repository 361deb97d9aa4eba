//! What is run under many schedules: shuttle's types. No weak memory, but whole engines, threads and all.
//!
//! What crossbeam-epoch, arc-swap, atomic-waker and papaya do inside is std's here, and so happens in one go.

pub use atomic_waker::AtomicWaker;
pub use shuttle::thread_local;
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

/// What worker threads block on, and their time.
pub mod workers {
    pub use shuttle::sync::mpsc::{Receiver, Sender, channel};
    pub use shuttle::sync::{Mutex, MutexGuard};
    pub use shuttle::thread::{
        Builder, JoinHandle, Thread, current, park_timeout, sleep, yield_now,
    };
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    /// A tick is over at once: lets another thread run.
    pub fn nap(_: Duration) {
        yield_now();
    }

    /// A thread cannot be asked here: whoever wants to know joins it, and others run meanwhile.
    #[must_use]
    pub fn has_ended<T>(_: &JoinHandle<T>) -> bool {
        true
    }

    /// Time stands still, since schedules must repeat exactly.
    pub fn now() -> Instant {
        static START: OnceLock<Instant> = OnceLock::new();
        *START.get_or_init(Instant::now)
    }
}
