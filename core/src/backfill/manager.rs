//! The backfills of one of a connection's lanes: which one has its turn, how many may run, how many bytes may wait to
//! be sent.

use super::exclusive::Exclusive;
use super::pool::PoolGate;
use super::scan::{Backfill, Turn};
use crate::flow::Budget;
use crate::limits::BACKFILL_RUN_TIME;
use crate::store::Store;
use millstream_reclaim::PushList;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::collections::VecDeque;

/// In which order the backfills of a connection have their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackfillOrder {
    /// One slice each, in turn.
    RoundRobin,
    /// All are opened first, then each is read to its end.
    Sequential,
}

/// What a manager is made of.
#[derive(Clone, Debug)]
pub(crate) struct BackfillSettings {
    /// Bytes read and not yet sent.
    pub(crate) budget: Arc<Budget>,
    /// Scans of the whole engine, and who waits for one to end.
    pub(crate) gate: Arc<PoolGate>,
    /// Most that may be in progress at once; the rest wait.
    pub(crate) running_max: usize,
}

/// How many backfills are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BackfillCounts {
    pub(crate) initializing: usize,
    pub(crate) active: usize,
    pub(crate) pending: usize,
}

/// The backfills of one lane. Published; retired when the connection closes; destroyed by the reaper.
#[derive(Debug)]
pub(crate) struct BackfillManager {
    settings: BackfillSettings,
    inbox: PushList<Backfill>,
    lists: Exclusive<Lists>,
    sequential: AtomicBool,
    initializing: AtomicUsize,
    active: AtomicUsize,
    pending: AtomicUsize,
    #[cfg(millstream_census)]
    _alive: crate::census::Manager,
}

/// The lists, used by one worker at a time.
#[derive(Default)]
struct Lists {
    /// Admitted, not yet opened; these go first.
    initializing: VecDeque<Backfill>,
    /// Open.
    active: VecDeque<Backfill>,
    /// Over a limit.
    pending: VecDeque<Backfill>,
    /// How many are with a worker just now.
    out: usize,
}

/// What a worker that comes by is to do.
pub(super) enum Next {
    /// Run this.
    Run(Taken),
    /// Nothing: whatever changes that (something is handed in or not wanted any more, the buffer drains) has a worker
    /// come by.
    Rest,
    /// Nothing until a scan of the engine leaves its place.
    AwaitPlace,
}

/// A backfill whose turn it is, and where it came from.
pub(super) struct Taken {
    backfill: Backfill,
    fresh: bool,
}

impl BackfillManager {
    pub(crate) fn new(settings: BackfillSettings) -> Self {
        Self {
            settings,
            inbox: PushList::new(),
            lists: Exclusive::new(Lists::default()),
            sequential: AtomicBool::new(false),
            initializing: AtomicUsize::new(0),
            active: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            #[cfg(millstream_census)]
            _alive: crate::census::Manager::new(),
        }
    }

    /// Hands a backfill in; the caller then wakes whoever runs the manager.
    pub(crate) fn schedule(&self, backfill: Backfill) {
        self.inbox.push(backfill);
    }

    pub(crate) fn set_order(&self, order: BackfillOrder) {
        // O1 Relaxed: read at the next turn.
        self.sequential.store(order == BackfillOrder::Sequential, Ordering::Relaxed);
    }

    pub(crate) fn order(&self) -> BackfillOrder {
        // O1 Relaxed: see `set_order`.
        match self.sequential.load(Ordering::Relaxed) {
            true => BackfillOrder::Sequential,
            false => BackfillOrder::RoundRobin,
        }
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.settings.budget
    }

    pub(crate) fn counts(&self) -> BackfillCounts {
        // O1 Relaxed: statistics.
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        BackfillCounts {
            initializing: read(&self.initializing),
            active: read(&self.active),
            pending: read(&self.pending),
        }
    }

    /// What to do next.
    pub(super) fn take(&self) -> Next {
        let Some(mut lists) = self.lists.claim() else { return Next::Rest };
        lists.pending.extend(self.inbox.take_all());
        lists.sweep();
        let admitted = lists.admit(&self.settings);
        let taken = if self.settings.budget.is_full() {
            None
        } else if let Some(backfill) = lists.initializing.pop_front() {
            Some(Taken { backfill, fresh: true })
        } else {
            lists.active.pop_front().map(|backfill| Taken { backfill, fresh: false })
        };
        lists.out += usize::from(taken.is_some());
        self.count(&lists);
        match (taken, admitted) {
            (Some(taken), _) => Next::Run(taken),
            (None, Admitted::AsFarAsItGoes) => Next::Rest,
            (None, Admitted::GateIsFull) => Next::AwaitPlace,
        }
    }

    /// Takes a backfill back after its turn; whether another turn is worth taking.
    pub(super) fn give_back(&self, taken: Taken, turn: Turn) -> bool {
        let Taken { backfill, fresh } = taken;
        let mut lists = self.lists.claim().expect("one worker at a time runs a manager");
        lists.out -= 1;
        let finished = match (turn, self.order(), fresh) {
            (Turn::Finished, ..) => Some(backfill),
            (Turn::More, BackfillOrder::Sequential, false) => {
                lists.active.push_front(backfill);
                None
            }
            (Turn::More, ..) => {
                lists.active.push_back(backfill);
                None
            }
        };
        let more = !lists.is_empty();
        self.count(&lists);
        drop(lists);
        // After the claim: its scan and its permits are given back without anybody in the way.
        drop(finished);
        more
    }

    fn count(&self, lists: &Lists) {
        // O1 Relaxed: statistics.
        self.initializing.store(lists.initializing.len(), Ordering::Relaxed);
        // O1 Relaxed: statistics.
        self.active.store(lists.active.len() + lists.out, Ordering::Relaxed);
        // O1 Relaxed: statistics.
        self.pending.store(lists.pending.len(), Ordering::Relaxed);
    }
}

impl Lists {
    fn is_empty(&self) -> bool {
        self.initializing.is_empty() && self.active.is_empty() && self.pending.is_empty()
    }

    /// Drops what nobody wants any more.
    fn sweep(&mut self) {
        for list in [&mut self.initializing, &mut self.active, &mut self.pending] {
            list.retain(|backfill| !backfill.outbox.is_abandoned());
        }
    }

    /// Admits pending backfills as far as the limits allow.
    fn admit(&mut self, settings: &BackfillSettings) -> Admitted {
        while !self.pending.is_empty() {
            let running = self.initializing.len() + self.active.len() + self.out;
            if running >= settings.running_max {
                // One of its own has to end first, in a turn of this manager.
                return Admitted::AsFarAsItGoes;
            }
            let Some(slot) = PoolGate::enter(&settings.gate) else { return Admitted::GateIsFull };
            let mut backfill = self.pending.pop_front().expect("just seen");
            backfill.slot = Some(slot);
            self.initializing.push_back(backfill);
        }
        Admitted::AsFarAsItGoes
    }
}

/// What kept backfills from being admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admitted {
    /// Nothing, or the connection's own limit.
    AsFarAsItGoes,
    /// The engine's.
    GateIsFull,
}

impl Taken {
    /// One turn, on a worker's thread, with no epoch pinned.
    pub(super) fn run(
        &mut self,
        store: &dyn Store,
        budget: &Arc<Budget>,
        order: BackfillOrder,
    ) -> Turn {
        if !self.fresh {
            return self.backfill.read(budget, BACKFILL_RUN_TIME);
        }
        match (self.backfill.create(store), order) {
            (Turn::More, BackfillOrder::RoundRobin) => {
                let turn = self.backfill.read(budget, BACKFILL_RUN_TIME);
                self.fresh = false;
                turn
            }
            (turn, _) => turn,
        }
    }
}

impl core::fmt::Debug for Lists {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Lists")
            .field("initializing", &self.initializing.len())
            .field("active", &self.active.len())
            .field("pending", &self.pending.len())
            .finish()
    }
}
