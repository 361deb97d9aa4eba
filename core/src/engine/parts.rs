//! What the threads of an engine share.

use super::clock::Clock;
use super::collections::ManifestTurn;
use super::rollback::RollbackJob;
use super::settings::EngineSettings;
use super::shutdown::Workers;
use super::signal::CommitSignal;
use crate::backfill::PoolGate;
use crate::collections::Manifest;
use crate::conn::ConnectionMap;
use crate::limits::IDLE_TIMEOUT_MAX;
use crate::partition::Partition;
use crate::partition::Pressure;
use crate::producer::StreamReports;
use crate::ready::ReadySet;
use crate::store::Store;
use crate::types::VbId;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use millstream_reclaim::{Domain, Published, PushList};
use std::time::Duration;

/// An engine without its handle.
pub(crate) struct EngineParts {
    pub(crate) connections: ConnectionMap,
    pub(super) manifest: Published<Manifest>,
    pub(super) manifest_turn: ManifestTurn,
    /// Partitions that may not have told of the whole manifest.
    pub(super) behind: ReadySet,
    pub(crate) partitions: Box<[Partition]>,
    pub(crate) store: std::sync::Arc<dyn Store>,
    pub(super) identity: u128,
    pub(crate) settings: EngineSettings,
    pub(crate) clock: std::sync::Arc<dyn Clock>,
    pub(crate) pressure: Arc<Pressure>,
    pub(crate) commits: CommitSignal,
    pub(crate) gate: Arc<PoolGate>,
    /// Partitions that have something to persist.
    pub(crate) dirty: Arc<ReadySet>,
    /// Told whenever a vbucket's state or failover log has changed.
    pub(super) states: CommitSignal,
    /// What the flusher is to take back.
    pub(super) rollbacks: PushList<RollbackJob>,
    pub(crate) workers: Workers,
    pub(crate) counters: Counters,
    pub(crate) stream_reports: StreamReports,
    next_connection: AtomicU64,
    /// In nanoseconds.
    idle_timeout: AtomicU64,
    stopping: AtomicBool,
    stopped: AtomicBool,
    #[cfg(millstream_census)]
    _alive: crate::census::Engine,
    /// Last: the collector outlives everything that was published in it.
    pub(crate) domain: Domain,
}

/// Counters of an engine.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) committed_items: AtomicU64,
    pub(crate) commit_failures: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) purged: AtomicU64,
}

impl Counters {
    pub(super) fn reset(&self) {
        for counter in [&self.commits, &self.committed_items, &self.commit_failures, &self.expired]
        {
            // O1 Relaxed: statistics; what is counted at this moment may be lost.
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// What `EngineParts::new` takes over as it is.
pub(super) struct Made {
    pub(super) connections: ConnectionMap,
    pub(super) manifest: Published<Manifest>,
    pub(super) partitions: Box<[Partition]>,
    pub(super) store: std::sync::Arc<dyn Store>,
    pub(super) identity: u128,
    pub(super) settings: EngineSettings,
    pub(super) clock: std::sync::Arc<dyn Clock>,
    pub(super) pressure: Arc<Pressure>,
    pub(super) gate: Arc<PoolGate>,
    pub(super) dirty: Arc<ReadySet>,
    pub(super) workers: Workers,
    pub(super) domain: Domain,
}

impl EngineParts {
    pub(super) fn new(made: Made) -> Arc<Self> {
        let idle_timeout = nanoseconds(made.settings.idle_timeout);
        Arc::new(Self {
            connections: made.connections,
            manifest: made.manifest,
            manifest_turn: ManifestTurn::default(),
            behind: ReadySet::new(made.partitions.len()),
            partitions: made.partitions,
            store: made.store,
            identity: made.identity,
            settings: made.settings,
            clock: made.clock,
            pressure: made.pressure,
            commits: CommitSignal::default(),
            states: CommitSignal::default(),
            rollbacks: PushList::new(),
            gate: made.gate,
            dirty: made.dirty,
            workers: made.workers,
            counters: Counters::default(),
            stream_reports: StreamReports::new(),
            next_connection: AtomicU64::new(1),
            idle_timeout: AtomicU64::new(idle_timeout),
            stopping: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            #[cfg(millstream_census)]
            _alive: crate::census::Engine::new(),
            domain: made.domain,
        })
    }

    /// A vbucket, if there is one of that number.
    pub(crate) fn partition(&self, vb: VbId) -> Option<&Partition> {
        self.partitions.get(usize::from(vb.0))
    }

    pub(super) fn next_connection(&self) -> u64 {
        // O1 Relaxed: a number that nobody else gets.
        self.next_connection.fetch_add(1, Ordering::Relaxed)
    }

    /// Silence after which a connection with no-ops on is given up.
    pub(crate) fn idle_timeout(&self) -> Duration {
        // O1 Relaxed: a setting by itself; who changes it wakes the owners afterwards.
        Duration::from_nanos(self.idle_timeout.load(Ordering::Relaxed))
    }

    pub(super) fn set_idle_timeout(&self, timeout: Duration) {
        // O1 Relaxed: as above.
        self.idle_timeout.store(nanoseconds(timeout), Ordering::Relaxed);
    }

    /// Tells the workers to stop. True for the first caller.
    pub(super) fn stop(&self) -> bool {
        // H1 AcqRel: pairs with the loads of `is_stopping`.
        !self.stopping.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        // H1 Acquire: pairs with `stop`.
        self.stopping.load(Ordering::Acquire)
    }

    /// The flusher has made its last commit.
    pub(super) fn set_stopped(&self) {
        // H2 Release: pairs with `is_stopped`.
        self.stopped.store(true, Ordering::Release);
        // R2 SeqCst fence: pairs with the one in `go_back`. A job that is pushed from now on sees that nobody takes it.
        fence(Ordering::SeqCst);
        drop(self.rollbacks.take_all());
        self.commits.notify();
        self.states.notify();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        // H2 Acquire: pairs with `set_stopped`.
        self.stopped.load(Ordering::Acquire)
    }
}

/// A timeout of centuries is none; so it stays within a clock's range as well.
fn nanoseconds(timeout: Duration) -> u64 {
    timeout.min(IDLE_TIMEOUT_MAX).as_nanos() as u64
}

impl core::fmt::Debug for EngineParts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EngineParts")
            .field("vbuckets", &self.partitions.len())
            .finish_non_exhaustive()
    }
}
