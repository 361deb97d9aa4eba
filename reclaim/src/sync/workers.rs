//! What worker threads block on, and their time: std's. Models do not run workers, so it is std's in models too.

pub use std::sync::mpsc::{Receiver, Sender, channel};
pub use std::sync::{Mutex, MutexGuard};
pub use std::thread::{Builder, JoinHandle, Thread, current, park_timeout, sleep, yield_now};
use std::time::{Duration, Instant};

/// Parks for a tick. For threads whose tick is the guarantee and a wake-up mere latency.
pub fn nap(tick: Duration) {
    park_timeout(tick);
}

/// Whether joining a thread would not wait.
#[must_use]
pub fn has_ended<T>(thread: &JoinHandle<T>) -> bool {
    thread.is_finished()
}

/// The time now.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}
