//! A counter that no checker exchanges: what tests count with, which must not become part of what they schedule.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count, readable at any time.
#[derive(Debug, Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// At zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Starts over at `count`.
    pub fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
