//! The threads that run backfills, and the engine's limit on how many scans there are.

use super::turns::Backfills;
use crate::flow::{SlotPermit, Slots};
use crate::limits::BACKFILL_SNOOZE;
use crate::store::Store;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicUsize, Ordering, fence};
use millstream_reclaim::sync::workers::{
    Builder, JoinHandle, Receiver, Sender, channel, has_ended,
};
use millstream_reclaim::{Domain, PushList};
use std::sync::mpsc::RecvTimeoutError;

/// The engine's limit on scans, and who waits for one to end: each connection once, and those that were closed
/// meanwhile only until the list has doubled.
#[derive(Debug)]
pub(crate) struct PoolGate {
    slots: Arc<Slots>,
    waiting: PushList<Arc<Backfills>>,
    pushes: AtomicUsize,
    sweep_above: AtomicUsize,
}

/// Entries of the list below which it is not swept.
const WAITING_SPARE: usize = 64;

impl PoolGate {
    pub(crate) fn new(scans_max: usize) -> Arc<Self> {
        Arc::new(Self {
            slots: Slots::new(scans_max),
            waiting: PushList::new(),
            pushes: AtomicUsize::new(0),
            sweep_above: AtomicUsize::new(WAITING_SPARE),
        })
    }

    /// A place for one more scan, if there is one.
    pub(super) fn enter(gate: &Arc<Self>) -> Option<GatePermit> {
        let slot = Slots::try_take(&gate.slots)?;
        Some(GatePermit { slot: Some(slot), gate: Arc::clone(gate) })
    }

    /// Kicks `backfills` when a place becomes free.
    pub(super) fn wait(gate: &Arc<Self>, backfills: &Arc<Backfills>) {
        if backfills.begin_to_wait() {
            gate.waiting.push(Arc::clone(backfills));
            // O1 Relaxed: a bound.
            let pushes = gate.pushes.fetch_add(1, Ordering::Relaxed) + 1;
            // O1 Relaxed: a bound.
            if pushes > gate.sweep_above.load(Ordering::Relaxed) {
                gate.sweep();
            }
        }
        // G1 SeqCst fence: if the leaver's fence is first, we see its place; if ours is first, it sees us waiting.
        fence(Ordering::SeqCst);
        gate!(WaitsForPlace);
        if gate.slots.free() > 0 {
            gate.wake();
        }
    }

    fn wake(&self) {
        // O1 Relaxed: a bound.
        self.pushes.store(0, Ordering::Relaxed);
        for backfills in self.waiting.take_all() {
            backfills.end_wait();
            Backfills::kick(&backfills);
        }
    }

    /// Lets go of those whose connection is closed. Whoever leaves a place meanwhile may find nobody: the caller looks
    /// for places afterwards.
    #[cold]
    fn sweep(&self) {
        let mut open = 0;
        for backfills in self.waiting.take_all().filter(|backfills| !backfills.is_closed()) {
            open += 1;
            self.waiting.push(backfills);
        }
        // O1 Relaxed: a bound.
        self.pushes.store(open, Ordering::Relaxed);
        // O1 Relaxed: a bound.
        self.sweep_above.store(2 * open + WAITING_SPARE, Ordering::Relaxed);
    }

    /// Scans now.
    pub(crate) fn running(&self) -> usize {
        self.slots.taken()
    }
}

/// A scan's place.
#[derive(Debug)]
pub(super) struct GatePermit {
    slot: Option<SlotPermit>,
    gate: Arc<PoolGate>,
}

impl Drop for GatePermit {
    fn drop(&mut self) {
        self.slot = None;
        // G1 SeqCst fence: see `wait`.
        fence(Ordering::SeqCst);
        if !self.gate.waiting.is_empty() {
            self.gate.wake();
        }
    }
}

enum Job {
    Run(Arc<Backfills>),
    Stop,
}

/// Where a connection's manager queues for its worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerQueue(Sender<Job>);

/// The worker's end of its queue.
#[derive(Debug)]
pub(crate) struct Jobs(Receiver<Job>);

impl WorkerQueue {
    /// A queue and its other end.
    pub(crate) fn new() -> (Self, Jobs) {
        let (sender, jobs) = channel();
        (Self(sender), Jobs(jobs))
    }

    pub(super) fn push(&self, backfills: Arc<Backfills>) {
        // A send fails only when the workers have stopped, and then nobody is left to read for.
        let _ = self.0.send(Job::Run(backfills));
    }
}

impl core::fmt::Debug for Job {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Run(_) => "Run",
            Self::Stop => "Stop",
        })
    }
}

/// The workers' queues, given to connections in turn.
#[derive(Debug)]
pub(crate) struct PoolQueues {
    queues: Vec<WorkerQueue>,
    next: AtomicUsize,
}

impl PoolQueues {
    /// A queue for a new connection.
    pub(crate) fn next(&self) -> WorkerQueue {
        // O1 Relaxed: shares out the connections.
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        self.queues[n % self.queues.len()].clone()
    }
}

/// The workers.
#[derive(Debug)]
pub(crate) struct BackfillPool {
    queues: Vec<WorkerQueue>,
    workers: Vec<JoinHandle<()>>,
}

impl BackfillPool {
    /// Starts that many workers, which pause while `is_short` says that memory is.
    pub(crate) fn start(
        workers: usize,
        store: &std::sync::Arc<dyn Store>,
        domain: &Domain,
        is_short: impl Fn() -> bool + Clone + Send + 'static,
    ) -> std::io::Result<Self> {
        let mut pool = Self { queues: Vec::new(), workers: Vec::new() };
        for n in 0..workers.max(1) {
            let (queue, jobs) = WorkerQueue::new();
            let (store, domain) = (std::sync::Arc::clone(store), domain.clone());
            let is_short = is_short.clone();
            let worker = Builder::new()
                .name(format!("millstream-backfill-{n}"))
                .spawn(move || work(&jobs, &*store, &domain, &is_short))?;
            pool.queues.push(queue);
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// The queues, for connections that are opened later.
    pub(crate) fn queues(&self) -> PoolQueues {
        PoolQueues { queues: self.queues.clone(), next: AtomicUsize::new(0) }
    }

    /// Tells the workers to end after what they are at.
    pub(crate) fn tell_to_stop(&self) {
        for queue in &self.queues {
            // A send fails only when the worker is gone already.
            let _ = queue.0.send(Job::Stop);
        }
    }

    /// Whether every worker has ended.
    pub(crate) fn has_stopped(&self) -> bool {
        self.workers.iter().all(has_ended)
    }

    /// Stops the workers after what they are at, and waits for them.
    pub(crate) fn stop(&mut self) {
        self.tell_to_stop();
        for worker in self.workers.drain(..) {
            // A worker catches what its backfills panic with, so that there is nothing to pass on.
            let _ = worker.join();
        }
    }
}

/// Runs what is queued. While memory is short it only gathers it, each connection once: a manager stays queued, so that
/// it is neither queued again nor forgotten.
fn work(jobs: &Jobs, store: &dyn Store, domain: &Domain, is_short: &dyn Fn() -> bool) {
    let mut reader = domain.reader("backfill");
    let mut paused: Vec<Arc<Backfills>> = Vec::new();
    loop {
        let job = match paused.is_empty() {
            true => jobs.0.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => jobs.0.recv_timeout(BACKFILL_SNOOZE),
        };
        match job {
            Ok(Job::Run(backfills)) => paused.push(backfills),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
        if !is_short() {
            for backfills in paused.drain(..) {
                Backfills::run(&backfills, store, &mut reader);
            }
        }
    }
}

#[cfg(millstream_loom)]
impl Jobs {
    /// Runs what is queued first, if anything is: a model is its own worker.
    pub(crate) fn run_next(
        &self,
        store: &dyn Store,
        reader: &mut millstream_reclaim::Reader,
    ) -> bool {
        let Ok(Job::Run(backfills)) = self.0.try_recv() else { return false };
        Backfills::run(&backfills, store, reader);
        true
    }
}

#[cfg(millstream_loom)]
impl BackfillPool {
    /// One queue, whose worker is a model.
    pub(crate) fn without_threads() -> (Self, Jobs) {
        let (queue, jobs) = WorkerQueue::new();
        (Self { queues: vec![queue], workers: Vec::new() }, jobs)
    }
}
