//! How full memory is: a count that writers add to rarely and read always, and that the flusher puts right.

use millstream_reclaim::sync::atomic::{AtomicU64, Ordering};

/// The engine's memory, as writers see it.
#[derive(Debug)]
pub(crate) struct Pressure {
    used: AtomicU64,
    budget: u64,
}

/// Bytes that one partition takes before it tells: a shared count for each write would cost more than the write.
pub(crate) const PRESSURE_STEP_SHIFT: u32 = 16;

impl Pressure {
    pub(crate) fn new(budget: u64) -> Self {
        Self { used: AtomicU64::new(0), budget }
    }

    /// A partition's bytes grew from `before` to `after`.
    pub(crate) fn grew(&self, before: u64, after: u64) {
        let steps = (after >> PRESSURE_STEP_SHIFT) - (before >> PRESSURE_STEP_SHIFT);
        if steps > 0 {
            // O1 Relaxed: an estimate that `settle` puts right.
            self.used.fetch_add(steps << PRESSURE_STEP_SHIFT, Ordering::Relaxed);
        }
    }

    /// What was really counted.
    pub(crate) fn settle(&self, used: u64) {
        // O1 Relaxed: an estimate.
        self.used.store(used, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> u64 {
        // O1 Relaxed: an estimate.
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget
    }

    /// How many bytes have to leave memory.
    pub(crate) fn excess(&self) -> u64 {
        self.used().saturating_sub(self.budget)
    }

    /// Whether writes have to wait.
    pub(crate) fn is_critical(&self) -> bool {
        self.used() > self.budget + self.budget / 2
    }
}
