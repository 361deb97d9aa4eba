//! A connection's backfills in lanes: each lane has a manager, a share of the buffer and a worker of its own, so that
//! several workers read for one connection at once, and none of them shares a list with another.
//!
//! ```text
//!   stream (member m) ──► lane m mod n ──► its manager ──► its worker's queue
//! ```
//! A connection that wants its backfills one after the other has all of them in the first lane.

use super::manager::{BackfillCounts, BackfillManager, BackfillOrder};
use super::scan::Backfill;
use super::turns::Backfills;
use millstream_reclaim::Pin;
use millstream_reclaim::sync::Arc;

/// A connection's backfills.
#[derive(Debug)]
pub(crate) struct Lanes(Box<[Arc<Backfills>]>);

/// What the lanes hold together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LaneCounts {
    pub(crate) counts: BackfillCounts,
    pub(crate) buffer_bytes: u64,
    pub(crate) buffer_bytes_max: u64,
    pub(crate) buffer_full: bool,
    pub(crate) sequential: bool,
}

impl Lanes {
    /// How many lanes a connection has where there are so many workers: a power of two, so that a member's lane is a
    /// mask away.
    pub(crate) fn count_for(workers: usize) -> usize {
        1 << workers.clamp(1, LANES_MAX).ilog2()
    }

    /// These lanes, a power of two of them.
    pub(crate) fn new(lanes: impl IntoIterator<Item = Arc<Backfills>>) -> Self {
        let lanes: Box<[_]> = lanes.into_iter().collect();
        assert!(lanes.len().is_power_of_two(), "the lanes of a connection are a power of two");
        Self(lanes)
    }

    /// Hands in the backfill of a member; false once the connection is closed.
    pub(crate) fn schedule(&self, member: usize, backfill: Backfill, pin: &Pin<'_>) -> bool {
        let one_by_one = self.first().with(pin, BackfillManager::order);
        let lane = match one_by_one {
            Some(BackfillOrder::Sequential) => self.first(),
            _ => self.lane_of(member),
        };
        Backfills::schedule(lane, backfill, pin)
    }

    /// Lets the managers go on whose share of the buffer was full, if the caller (or anybody) drained it.
    pub(crate) fn kick_if_drained(&self) {
        self.0.iter().for_each(Backfills::kick_if_drained);
    }

    /// Sees to it that what a member left behind is swept out.
    pub(crate) fn kick(&self, member: usize) {
        Backfills::kick(self.lane_of(member));
        if !core::ptr::eq(self.lane_of(member), self.first()) {
            // It may have been in the first lane at that time.
            Backfills::kick(self.first());
        }
    }

    pub(crate) fn set_order(&self, order: BackfillOrder, pin: &Pin<'_>) {
        for lane in &self.0 {
            lane.with(pin, |manager| manager.set_order(order));
        }
    }

    /// Takes the managers away, each lane's for one of those who call this.
    pub(crate) fn close(&self, pin: &Pin<'_>) {
        for lane in &self.0 {
            lane.close(pin);
        }
    }

    /// What they hold; `None` once the connection is closed. One that closes meanwhile may take some of them away.
    pub(crate) fn counts(&self, pin: &Pin<'_>) -> Option<LaneCounts> {
        let mut sum = LaneCounts::default();
        let mut add = |lane: &Arc<Backfills>| lane.with(pin, |manager| sum.add(manager));
        let (first, others) = self.0.split_first()?;
        add(first)?;
        others.iter().for_each(|lane| add(lane).unwrap_or_default());
        Some(sum)
    }

    /// Looks at the managers that are still there.
    #[cfg(test)]
    pub(crate) fn each(&self, pin: &Pin<'_>, mut look: impl FnMut(&BackfillManager)) {
        for lane in &self.0 {
            lane.with(pin, &mut look);
        }
    }

    fn first(&self) -> &Arc<Backfills> {
        &self.0[0]
    }

    fn lane_of(&self, member: usize) -> &Arc<Backfills> {
        &self.0[member & (self.0.len() - 1)]
    }
}

impl LaneCounts {
    fn add(&mut self, manager: &BackfillManager) {
        let BackfillCounts { initializing, active, pending } = manager.counts();
        self.counts.initializing += initializing;
        self.counts.active += active;
        self.counts.pending += pending;
        self.buffer_bytes += manager.budget().used();
        self.buffer_bytes_max += manager.budget().limit();
        self.buffer_full |= manager.budget().is_full();
        self.sequential = manager.order() == BackfillOrder::Sequential;
    }
}

/// Most workers that read for one connection at once.
const LANES_MAX: usize = 4;
