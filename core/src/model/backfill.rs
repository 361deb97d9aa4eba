//! A connection's backfills, run by the model instead of a worker's thread.

use crate::backfill::{
    self as room, Backfill, BackfillManager, BackfillRequest, BackfillSettings, Delivery, Drained,
    Jobs, OutboxReader, OutboxWriter, PoolGate, WorkerQueue,
};
use crate::flow::{Budget, Permit};
use crate::limits::BACKFILLS_PER_CONNECTION_MAX;
use crate::ready::ReadySet;
use crate::store::Store;
use crate::types::{EndReason, Seqno, VbId};
use core::ops::{Deref, DerefMut};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::{Domain, Pin, Reader};
use std::collections::VecDeque;

/// `Exclusive`.
#[derive(Debug)]
pub struct Exclusive<T>(room::Exclusive<T>);

impl<T> Exclusive<T> {
    /// A value that nobody uses.
    pub fn new(value: T) -> Self {
        Self(room::Exclusive::new(value))
    }

    /// `Exclusive::claim`.
    pub fn claim(&self) -> Option<impl Deref<Target = T> + DerefMut + '_> {
        self.0.claim()
    }
}

/// A connection's published manager, and whose turn it is.
#[derive(Clone, Debug)]
pub struct Backfills(pub(super) Arc<room::Backfills>);

/// An engine's limit on scans, and who waits for one to end.
#[derive(Clone, Debug)]
pub struct Gate(Arc<PoolGate>);

impl Gate {
    /// A limit of that many.
    #[must_use]
    pub fn new(scans_max: usize) -> Self {
        Self(PoolGate::new(scans_max))
    }

    /// Scans now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.running()
    }
}

/// A worker's queue.
#[derive(Debug)]
pub struct Queue(pub(super) Jobs);

/// The owner's end of a stream's outbox.
#[derive(Debug)]
pub struct Outbox(OutboxReader);

/// The worker's end of a stream's outbox.
#[derive(Debug)]
pub struct OutboxFeed(OutboxWriter);

/// What a backfill delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The scan is open.
    Opened(Seqno),
    /// So many records.
    Slice(usize),
    /// It is done, up to here.
    Done(Seqno),
    /// It has failed.
    Failed(EndReason),
}

impl Backfills {
    /// The backfills of a new connection: its buffer's size, and the limit on scans that it shares. `witness` lives
    /// as long as the manager and what it lent.
    ///
    /// # Panics
    /// When too much awaits reclamation.
    pub fn new(
        domain: &Domain,
        buffer_bytes: u64,
        gate: &Gate,
        witness: impl Send + Sync + 'static,
    ) -> (Self, Queue) {
        let (queue, jobs) = WorkerQueue::new();
        let gate = Arc::clone(&gate.0);
        let drained = Arc::new(Drained::default());
        let bell = Arc::clone(&drained);
        let budget = Budget::new(buffer_bytes, 100, move || {
            let _ = &witness;
            bell.set();
        });
        let settings = BackfillSettings {
            budget,
            gate: Arc::clone(&gate),
            running_max: BACKFILLS_PER_CONNECTION_MAX,
        };
        let manager = BackfillManager::new(settings);
        let manager = domain.publish(manager).expect("a new domain has no backlog");
        (Self(room::Backfills::new(manager, queue, gate, drained)), Queue(jobs))
    }

    /// `Backfills::schedule` of a whole vbucket; `None` once closed.
    #[must_use]
    pub fn schedule(&self, vb: VbId, ready: &Arc<ReadySet>, pin: &Pin<'_>) -> Option<Outbox> {
        let (writer, reader) = room::outbox(Arc::clone(ready), usize::from(vb.0));
        let request =
            BackfillRequest { vb, from: Seqno(1), without_values: false, default_only: false };
        let taken = room::Backfills::schedule(&self.0, Backfill::new(request, writer), pin);
        taken.then_some(Outbox(reader))
    }

    /// `Backfills::kick`.
    pub fn kick(&self) {
        room::Backfills::kick(&self.0);
    }

    /// `Backfills::kick_if_drained`.
    pub fn kick_if_drained(&self) {
        room::Backfills::kick_if_drained(&self.0);
    }

    /// `Backfills::close`.
    #[must_use]
    pub fn close(&self, pin: &Pin<'_>) -> bool {
        self.0.close(pin)
    }
}

impl Queue {
    /// `Backfills::run` of what is queued first; false if nothing is.
    pub fn run_next(&self, store: &dyn Store, reader: &mut Reader) -> bool {
        self.0.run_next(store, reader)
    }
}

/// `outbox`.
#[must_use]
pub fn outbox(ready: &Arc<ReadySet>, member: usize) -> (OutboxFeed, Outbox) {
    let (writer, reader) = room::outbox(Arc::clone(ready), member);
    (OutboxFeed(writer), Outbox(reader))
}

impl OutboxFeed {
    /// `OutboxWriter::deliver` of a slice.
    pub fn deliver(&self, permit: Permit) {
        self.0.deliver(Delivery::Slice { records: VecDeque::new(), permit });
    }

    /// `OutboxWriter::is_abandoned`.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.0.is_abandoned()
    }
}

impl Outbox {
    /// `OutboxReader::front` and `OutboxReader::pop`.
    pub fn next(&mut self) -> Option<Delivered> {
        let delivered = match self.0.front()? {
            Delivery::Opened { last, .. } => Delivered::Opened(*last),
            Delivery::Slice { records, .. } => Delivered::Slice(records.len()),
            Delivery::Done { read_to } => Delivered::Done(*read_to),
            Delivery::Failed(reason) => Delivered::Failed(*reason),
        };
        self.0.pop();
        Some(delivered)
    }
}
