//! How full memory is: a count that writers add to rarely and read always, and that the flusher puts right.

use crate::limits::BACKFILL_MEMORY_PERCENT;
use millstream_reclaim::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The engine's memory, as writers see it.
#[derive(Debug)]
pub(crate) struct Pressure {
    used: AtomicU64,
    /// Those of them that do not leave memory.
    kept: AtomicU64,
    budget: u64,
    /// Writes were told to come again when less awaits reclamation.
    backlogged: AtomicBool,
}

/// What is left for work that can wait: reading the store ahead of its use, and new streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Enough.
    Enough,
    /// Too little now, but some of what is used will leave memory.
    Short,
    /// Too little, by what does not leave memory: to wait is no use.
    Exhausted,
}

/// Bytes that one partition takes before it tells: a shared count for each write would cost more than the write.
pub(crate) const PRESSURE_STEP_SHIFT: u32 = 16;

impl Pressure {
    pub(crate) fn new(budget: u64) -> Self {
        Self {
            used: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            budget,
            backlogged: AtomicBool::new(false),
        }
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

    /// How much of it does not leave memory.
    pub(crate) fn settle_kept(&self, kept: u64) {
        // O1 Relaxed: an estimate.
        self.kept.store(kept, Ordering::Relaxed);
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
        self.used() > self.most()
    }

    /// What is left for work that can wait, before writes have to.
    pub(crate) fn room(&self) -> Room {
        let mark = self.most() / 100 * BACKFILL_MEMORY_PERCENT;
        // O1 Relaxed: an estimate.
        match (self.used() > mark, self.kept.load(Ordering::Relaxed) > mark) {
            (_, true) => Room::Exhausted,
            (true, false) => Room::Short,
            (false, false) => Room::Enough,
        }
    }

    /// A write was told to come again when less awaits reclamation.
    #[cold]
    pub(crate) fn note_backlog(&self) {
        // O1 Relaxed: the housekeeper looks again and again.
        self.backlogged.store(true, Ordering::Relaxed);
    }

    /// Whether there was one since the last call.
    pub(crate) fn take_backlog(&self) -> bool {
        // O1 Relaxed: as above; a look first, since there hardly ever was one.
        self.backlogged.load(Ordering::Relaxed) && self.backlogged.swap(false, Ordering::Relaxed)
    }

    fn most(&self) -> u64 {
        self.budget + self.budget / 2
    }
}
