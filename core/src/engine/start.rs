//! Opening an engine: read what the store knows, decide where each vbucket's history goes on, start the threads.

use super::clock::{Clock, SystemClock};
use super::collections::Stored;
use super::facade::Engine;
use super::parts::{EngineParts, Made};
use super::settings::EngineSettings;
use super::shutdown::{Observer, Workers};
#[cfg(millstream_loom)]
use crate::backfill::Jobs;
use crate::backfill::{BackfillPool, PoolGate};
use crate::conn::ConnectionMap;
use crate::error::{Error, ErrorKind, Result};
use crate::failover::{FailoverLog, random_uuid};
use crate::limits::VBUCKETS_MAX;
use crate::log::Log;
use crate::partition::{Partition, PartitionSettings, Pressure, Room};
use crate::ready::ReadySet;
use crate::store::{Batch, Durability, Persisted, Start, Store, VbBatch, random_identity};
use crate::types::{Seqno, VbId};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::{Domain, DomainConfig, Reaper};

/// Joins settings and components into an engine.
pub struct EngineBuilder {
    store: std::sync::Arc<dyn Store>,
    settings: EngineSettings,
    clock: std::sync::Arc<dyn Clock>,
    on_error: Option<Observer>,
}

impl EngineBuilder {
    /// An engine over a store that is not in use yet, with default settings.
    pub fn new(store: impl Store) -> Self {
        Self {
            store: std::sync::Arc::new(store),
            settings: EngineSettings::default(),
            clock: std::sync::Arc::new(SystemClock),
            on_error: None,
        }
    }

    /// With these settings.
    #[must_use]
    pub fn settings(mut self, settings: EngineSettings) -> Self {
        self.settings = settings;
        self
    }

    /// With this clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = std::sync::Arc::new(clock);
        self
    }

    /// Calls `observer`, on an engine's thread, with each error that has no caller to return to: a commit that
    /// failed (it is tried again), background work of the store.
    #[must_use]
    pub fn on_error(mut self, observer: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Box::new(observer));
        self
    }

    /// Opens the engine.
    ///
    /// # Errors
    /// What the store answers; [`ErrorKind::Misuse`] for a store of no or too many vbuckets.
    pub fn open(self) -> Result<Engine> {
        let workers = self.settings.backfill_workers;
        let start = |store: &_, domain: &_, pressure: &Arc<Pressure>| {
            let pressure = Arc::clone(pressure);
            BackfillPool::start(workers, store, domain, move || pressure.room() == Room::Short)
                .map_err(|e| Error::new(ErrorKind::Unavailable, "cannot start a thread").because(e))
        };
        let (parts, reaper) = self.make(start)?;
        Workers::start(&parts, reaper)?;
        Ok(Engine::new(parts))
    }

    /// An engine of which only the backfill workers run.
    fn make(
        self,
        start_pool: impl FnOnce(
            &std::sync::Arc<dyn Store>,
            &Domain,
            &Arc<Pressure>,
        ) -> Result<BackfillPool>,
    ) -> Result<(Arc<EngineParts>, Reaper)> {
        let vbuckets = self.store.vbuckets();
        if vbuckets == 0 || vbuckets > VBUCKETS_MAX {
            let what = format!("a store of {vbuckets} vbuckets: 1 to {VBUCKETS_MAX} are possible");
            return Err(Error::new(ErrorKind::Misuse, what));
        }
        let window_items = self.settings.window_items_for(vbuckets);
        let start = self.store.begin(Log::reach(window_items))?;
        let config = DomainConfig { garbage_max: self.settings.garbage_max, ..Default::default() };
        let (domain, reaper) = Domain::new(config);
        let dirty = Arc::new(ReadySet::new(vbuckets as usize));
        let pressure = Arc::new(Pressure::new(self.settings.memory_bytes));
        let mut opening = Batch::default();
        let mut partitions = Vec::with_capacity(vbuckets as usize);
        let mut stored = Stored::default();
        for vb in (0..vbuckets).map(|vb| VbId(vb as u16)) {
            let persisted = self.store.load(vb)?;
            // The last document: above it the seqnos came to nothing.
            let end = match persisted.high > Seqno::ZERO && !start.clean {
                true => self.store.scan(vb, Seqno(1)..=Seqno::MAX)?.last(),
                false => persisted.high,
            };
            let (failover, last) = resume(&persisted, start, vb, end, &mut opening);
            let settings = PartitionSettings {
                vb,
                persisted: &persisted,
                failover,
                last,
                window_items,
                dirty_set: Arc::clone(&dirty),
                pressure: Arc::clone(&pressure),
            };
            let partition = Partition::new(settings, &domain)?;
            if persisted.high > Seqno::ZERO {
                let mut reader = domain.borrow("load");
                let pin = reader.pin();
                let history = partition.history(&pin);
                self.store.keys(vb, &mut |key, meta| stored.load(vb, &history, key, meta))?;
            }
            partitions.push(partition);
        }
        if self.store.is_ready() {
            if !opening.vbs.is_empty() {
                self.store.commit(&opening, Durability::Synced)?;
            }
        } else {
            // A store that is being made has nothing that could be told apart from what is written later: the first
            // commit brings it along, and nobody waits.
            for vb in &opening.vbs {
                partitions[usize::from(vb.vb.0)].note_state_change();
            }
        }
        let manifest = stored.manifest(&*self.store)?;
        stored.hand_over(&manifest, &partitions, self.clock.unix_seconds(), &domain)?;
        let pool = start_pool(&self.store, &domain, &pressure)?;
        let parts = EngineParts::new(Made {
            connections: ConnectionMap::new(&domain)?,
            manifest: domain.publish(manifest)?,
            partitions: partitions.into_boxed_slice(),
            gate: PoolGate::new(self.settings.backfills_max()),
            identity: self.store.identity().unwrap_or_else(random_identity),
            store: self.store,
            settings: self.settings,
            clock: self.clock,
            pressure,
            dirty,
            workers: Workers::new(pool, self.on_error),
            domain,
        });
        Ok((parts, reaper))
    }
}

#[cfg(millstream_loom)]
impl EngineBuilder {
    /// An engine without threads: a model is flusher, worker and reaper.
    pub(crate) fn open_without_threads(self) -> Result<(Engine, Reaper, Jobs)> {
        let (pool, jobs) = BackfillPool::without_threads();
        let (parts, reaper) = self.make(|_, _, _| Ok(pool))?;
        Ok((Engine::new(parts), reaper, jobs))
    }
}

/// Where a vbucket's history goes on. After an unclean stop somebody may have seen seqnos that were never
/// persisted, though none further above than the window reached: so the history branches off at the last persisted
/// one, and the next seqno is above everything that was ever given out.
fn resume(
    persisted: &Persisted,
    start: Start,
    vb: VbId,
    end: Seqno,
    opening: &mut Batch,
) -> (FailoverLog, Seqno) {
    let stored = FailoverLog::from_entries(&persisted.failover);
    let known = stored.dropped == 0 && stored.log.is_some();
    let mut failover =
        stored.log.unwrap_or_else(|| FailoverLog::new(random_uuid(), persisted.high));
    let mut last = persisted.high;
    if !start.clean {
        failover.push(random_uuid(), end);
        last = Seqno(persisted.high.0 + start.window_before);
    }
    if !known || !start.clean {
        opening.vbs.push(VbBatch {
            vb,
            records: Vec::new(),
            high: last,
            replaced_within: false,
            state: Some(persisted.state),
            failover: Some(failover.entries().to_vec()),
        });
    }
    (failover, last)
}

impl core::fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EngineBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
