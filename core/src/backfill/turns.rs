//! A connection's backfill manager, published, and whose turn it is to run it. Promise: work that is handed in is
//! run, by one worker at a time, unless the connection closes first; then nothing of it is left behind.
//!
//! # State
//!
//! | `turn` | meaning |
//! |---|---|
//! | `IDLE` | nothing to do |
//! | `QUEUED` | in a worker's queue, once |
//! | `RUNNING` | a worker is at it |
//! | `AGAIN` | a worker is at it, and something came in meanwhile |
//!
//! `waits`: it is in the list of those who wait at the gate, or about to be.
//!
//! # Invariants
//! - I1. Between a kick and the next look into the manager's inbox the state is not `IDLE`
//!   (model `turns::kick_vs_idle`).
//! - I2. At most one worker runs a manager (it is queued once; model `turns::kick_vs_idle`).
//! - I3. It is in the gate's list at most once (test `the_gate_lists_each_connection_once`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `schedule` | the stream's owner, pinned | everything | lock-free; false once closed |
//! | `kick` | any thread | everything | lock-free: a failed exchange means that another thread moved the turn |
//! | `run` | the worker | everything | blocks on the store, pins nothing meanwhile |
//! | `close` | any thread, pinned | everything | wait-free; true for exactly one caller |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | N1 | `kick` | AcqRel | N2, N3 | the worker goes idle without having seen what came in | `turns::kick_vs_idle` |
//! | N2 | `run`, start of a turn | AcqRel | N1 | as N1 | `turns::kick_vs_idle` |
//! | N3 | `run`, end of a turn | AcqRel | N1 | as N1 | `turns::kick_vs_idle` |
//! | N5 | `waits`: set before the push, cleared before the kick | AcqRel / Release | itself | it could be pushed while it is still in the list | `backfill::full_gate` |
//! | N4 | `drained` | Release / AcqRel | itself | the manager stays asleep though its buffer has drained | `turns::kick_vs_idle` |
//!
//! # Reclamation
//! The manager is retired by `close` through the caller's pin and destroyed by the reaper; a backfill that is with a
//! worker at that moment is dropped by the worker when it finds no manager to give it back to.
//!
//! # Not promised
//! That a closed connection's last slice is not read: it is read and thrown away.

use super::manager::{BackfillManager, Next};
use super::pool::{PoolGate, WorkerQueue};
use super::scan::Backfill;
use crate::store::Store;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use millstream_reclaim::{Pin, Published, Reader};

const IDLE: u8 = 0;
const QUEUED: u8 = 1;
const RUNNING: u8 = 2;
const AGAIN: u8 = 3;

/// A connection's backfills.
#[derive(Debug)]
pub(crate) struct Backfills {
    manager: Published<BackfillManager>,
    turn: AtomicU8,
    waits: AtomicBool,
    queue: WorkerQueue,
    gate: Arc<PoolGate>,
    drained: Arc<Drained>,
}

/// Set when enough of a full buffer has drained: by whoever gave the bytes back, seen by whoever may kick.
#[derive(Debug, Default)]
pub(crate) struct Drained(AtomicBool);

impl Drained {
    pub(crate) fn set(&self) {
        // N4 Release: after the bytes went back; pairs with `take`.
        self.0.store(true, Ordering::Release);
    }

    fn take(&self) -> bool {
        // N4 AcqRel: pairs with `set`.
        self.0.load(Ordering::Acquire) && self.0.swap(false, Ordering::AcqRel)
    }
}

impl Backfills {
    pub(crate) fn new(
        manager: Published<BackfillManager>,
        queue: WorkerQueue,
        gate: Arc<PoolGate>,
        drained: Arc<Drained>,
    ) -> Arc<Self> {
        let (turn, waits) = (AtomicU8::new(IDLE), AtomicBool::new(false));
        Arc::new(Self { manager, turn, waits, queue, gate, drained })
    }

    /// Lets a manager go on whose buffer was full, if the caller (or anybody) drained it.
    pub(crate) fn kick_if_drained(this: &Arc<Self>) {
        if this.drained.take() {
            Self::kick(this);
        }
    }

    /// Looks at the manager; `None` once the connection is closed.
    pub(crate) fn with<R>(
        &self,
        pin: &Pin<'_>,
        look: impl FnOnce(&BackfillManager) -> R,
    ) -> Option<R> {
        self.manager.get(pin).map(|manager| {
            gate!(HoldsManager);
            look(&manager)
        })
    }

    /// Hands a backfill in; false once the connection is closed.
    pub(crate) fn schedule(this: &Arc<Self>, backfill: Backfill, pin: &Pin<'_>) -> bool {
        let taken = this.with(pin, |manager| manager.schedule(backfill)).is_some();
        if taken {
            Self::kick(this);
        }
        taken
    }

    /// Sees to it that a worker looks at the manager from now on.
    pub(crate) fn kick(this: &Arc<Self>) {
        // N1 Acquire: the exchange confirms it.
        let mut turn = this.turn.load(Ordering::Acquire);
        loop {
            let next = match turn {
                IDLE => QUEUED,
                RUNNING => AGAIN,
                _ => turn,
            };
            // N1 AcqRel: after what was handed in, even if the state stays; pairs with N2, N3.
            match this.turn.compare_exchange(turn, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(IDLE) => return this.queue.push(Arc::clone(this)),
                Ok(_) => return,
                Err(now) => turn = now,
            }
        }
    }

    /// Whether no worker has it, or will have without another kick.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        // N2 Acquire: for a test that looks again and again.
        self.turn.load(Ordering::Acquire) == IDLE
    }

    /// It is about to wait at the gate; false if it does already, and so will be kicked.
    pub(super) fn begin_to_wait(&self) -> bool {
        // N5 AcqRel: only the one that sets it pushes; pairs with the clear.
        !self.waits.swap(true, Ordering::AcqRel)
    }

    /// It is out of the gate's list, and about to be kicked.
    pub(super) fn end_wait(&self) {
        // N5 Release: out of the list before it may be pushed again; pairs with the exchange.
        self.waits.store(false, Ordering::Release);
    }

    /// Whether the connection is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.manager.is_retired()
    }

    /// Takes the manager away. True for exactly one caller.
    pub(crate) fn close(&self, pin: &Pin<'_>) -> bool {
        self.manager.retire(pin)
    }

    /// One turn, on a worker's thread.
    pub(super) fn run(this: &Arc<Self>, store: &dyn Store, reader: &mut Reader) {
        // N2 AcqRel: before the inbox is looked at; pairs with N1.
        this.turn.swap(RUNNING, Ordering::AcqRel);
        let more = Self::run_one(this, store, reader);
        // What nobody wanted any more is dropped here, and may have drained the buffer.
        if more || this.drained.take() {
            // N3 AcqRel: what came in meanwhile is seen in the next turn; pairs with N1.
            this.turn.swap(QUEUED, Ordering::AcqRel);
            return this.queue.push(Arc::clone(this));
        }
        // N3 AcqRel: fails if something came in meanwhile; pairs with N1.
        let idle = this.turn.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire);
        if idle.is_err() {
            // N3 AcqRel: as above.
            this.turn.swap(QUEUED, Ordering::AcqRel);
            this.queue.push(Arc::clone(this));
        }
    }

    /// Runs the backfill whose turn it is, with no epoch pinned while the store is read; whether there is more to do.
    fn run_one(this: &Arc<Self>, store: &dyn Store, reader: &mut Reader) -> bool {
        let looked = {
            let pin = reader.pin();
            this.with(&pin, |manager| {
                (manager.take(), manager.order(), Arc::clone(manager.budget()))
            })
        };
        let Some((next, order, budget)) = looked else { return false };
        let mut taken = match next {
            Next::Run(taken) => taken,
            Next::Rest => return false,
            Next::AwaitPlace => {
                PoolGate::wait(&this.gate, this);
                return false;
            }
        };
        let turn = taken.run(store, &budget, order);
        let pin = reader.pin();
        this.with(&pin, |manager| manager.give_back(taken, turn)).unwrap_or(false)
    }
}
