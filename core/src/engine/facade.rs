//! The engine's handle.

use super::parts::EngineParts;
use super::session::Session;
use super::shutdown::{Quiesce, ShutdownReport};
use super::start::EngineBuilder;
use super::stats;
use super::{ConnectionSnapshot, Drawn, EngineStats, PurgeBounds, Purged, VbucketStats};
use crate::backfill::{BackfillManager, BackfillSettings, Backfills, Drained, Lanes};
use crate::collections::Manifest;
use crate::conn::{Connection, ConnectionParts, Report};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Budget, Window};
use crate::limits::{
    BACKFILL_DRAIN_PERCENT, BACKFILLS_PER_CONNECTION_MAX, CONNECTION_NAME_BYTES_MAX,
    CONNECTIONS_MAX, READY_SHELVES,
};
use crate::partition::Partition;
use crate::producer::{OpenOptions, Producer, StreamTable};
use crate::ready::{ReadySet, thread_waker};
use crate::store::Store;
use crate::types::{CollectionId, FailoverEntry, Seqno, VbId, VbState};
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll};
use millstream_reclaim::sync::{Arc, workers};
use millstream_reclaim::{Pin, Stalled};
use std::time::Duration;

/// A running engine. Clones are handles to the same one; when the last is dropped it shuts down.
#[derive(Clone, Debug)]
pub struct Engine(Arc<Handle>);

/// Shuts the engine down when the last handle goes.
#[derive(Debug)]
struct Handle(Arc<EngineParts>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

impl Engine {
    pub(super) fn new(parts: Arc<EngineParts>) -> Self {
        Self(Arc::new(Handle(parts)))
    }

    /// Opens an engine over a store, with default settings.
    ///
    /// # Errors
    /// As [`EngineBuilder::open`].
    pub fn open(store: impl Store) -> Result<Self> {
        EngineBuilder::new(store).open()
    }

    /// An engine with settings and components of your own.
    pub fn builder(store: impl Store) -> EngineBuilder {
        EngineBuilder::new(store)
    }

    pub(super) fn parts(&self) -> &Arc<EngineParts> {
        &self.0.0
    }

    /// How many vbuckets it has.
    #[must_use]
    pub fn vbuckets(&self) -> u32 {
        self.parts().partitions.len() as u32
    }

    /// What tells its documents and their history from those of other engines: the store's identity, which outlives
    /// the engine; of a store that has none, a number drawn for this run.
    #[must_use]
    pub fn identity(&self) -> u128 {
        self.parts().identity
    }

    /// For reads and writes by the calling thread. `label` names it if it stalls reclamation.
    #[must_use]
    pub fn session(&self, label: &'static str) -> Session<'_> {
        Session::new(self.parts(), label)
    }

    /// Opens a connection. An older one of the same name is closed.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after shutdown; [`ErrorKind::Misuse`] for an empty name or one that is too long;
    /// [`ErrorKind::Retry`] when there are too many connections or too much waits for reclamation.
    pub fn connect(&self, name: &str, options: OpenOptions) -> Result<Producer> {
        if name.is_empty() || name.len() > CONNECTION_NAME_BYTES_MAX {
            let what = format!("a connection's name has 1 to {CONNECTION_NAME_BYTES_MAX} bytes");
            return Err(Error::new(ErrorKind::Misuse, what));
        }
        let parts = self.parts();
        let mut reader = parts.domain.borrow("connect");
        let pin = reader.pin();
        if parts.is_stopping() {
            // What is made here is retired in vain, and the reaper goes when those who were inside before have left.
            return Err(Error::new(ErrorKind::Closed, "the engine is shut down"));
        }
        if parts.connections.len(&pin) >= CONNECTIONS_MAX {
            let what = format!("there are {CONNECTIONS_MAX} connections, which is the limit");
            return Err(Error::new(ErrorKind::Retry, what));
        }
        let connection = parts.make_connection(name, options.user.clone())?;
        gate!(ConnectionMade);
        if let Err(error) = parts.connections.insert(&connection, &pin) {
            connection.close_all(&pin);
            return Err(error);
        }
        gate!(ConnectionAdded);
        // Only now: of two namesakes that come at once the later one to be added sees the other, and by their numbers
        // both agree on who stays.
        parts.connections.for_each(&pin, |other| {
            if *other.name == *connection.name && other.id != connection.id {
                let older = if other.id < connection.id { other } else { &connection };
                older.close_all(&pin);
            }
        });
        Ok(Producer::new(Arc::clone(parts), connection, options, workers::now()))
    }

    /// Changes how long a connection with no-ops on may be silent, at once and for connections that are open as well.
    pub fn set_idle_timeout(&self, timeout: Duration) {
        self.with_pin("set idle timeout", |parts, pin| {
            parts.set_idle_timeout(timeout);
            // Their deadlines are others now.
            parts.connections.for_each(pin, |connection| connection.ready.wake());
        });
    }

    /// The failover log of a vbucket, newest first; `None` if there is no such vbucket.
    #[must_use]
    pub fn failover_log(&self, vb: VbId) -> Option<Vec<FailoverEntry>> {
        self.with_pin("failover log", |parts, pin| {
            Some(parts.partition(vb)?.info(pin).failover.entries().to_vec())
        })
    }

    /// State, seqnos and counts of a vbucket; `None` if there is no such vbucket.
    #[must_use]
    pub fn vbucket(&self, vb: VbId) -> Option<VbucketStats> {
        self.with_pin("vbucket stats", |parts, pin| stats::vbucket(parts.partition(vb)?, pin))
    }

    /// Puts a vbucket into another state: streams on it end, writes are refused unless it is active, and a vbucket
    /// that becomes active begins a new branch of history. Returns once the change is decided, before it is
    /// persisted, and without waiting for anybody: a vbucket that becomes active takes documents of collections that
    /// were made meanwhile a moment later, see [`caught_up`](Self::caught_up).
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] if there is no such vbucket, [`ErrorKind::Closed`] after shutdown.
    pub fn set_vbucket_state(&self, vb: VbId, state: VbState) -> Result<()> {
        self.with_pin("set vbucket state", |parts, pin| parts.set_state(vb, state, pin))
    }

    /// Done when a vbucket that became active knows of every scope and collection that there is: until then documents
    /// of those that it missed are told to come again ([`UpdateError::Busy`](crate::partition::UpdateError::Busy)), and
    /// those of collections that were dropped meanwhile are still taken, before the drop event. Also done, with
    /// `false`, when it is not active, or the engine has stopped.
    pub fn caught_up(&self, vb: VbId) -> super::CaughtUp {
        super::CaughtUp::new(Arc::clone(self.parts()), vb)
    }

    /// Makes a vbucket active as if it had been a replica that takes over: its history goes on as a new branch from
    /// where it is, without losing a write, and its streams end so that clients resume on the new branch. Returns the
    /// new branch once it is decided, before it is persisted.
    ///
    /// # Errors
    /// As [`set_vbucket_state`](Self::set_vbucket_state).
    pub fn fail_over(&self, vb: VbId) -> Result<FailoverEntry> {
        self.parts().fail_over(vb)
    }

    /// Takes a vbucket back to what it was at seqno `to`: what lies above vanishes from store, index and streams, and
    /// its history goes on as a new branch, with seqnos above every one given out before. Its streams end; clients
    /// that are ahead are sent back. Returns the new branch, which is persisted. Blocks; meanwhile the vbucket takes
    /// no writes.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] if there is no such vbucket, nothing lies above `to`, or something that `to` needs is no
    /// longer kept (the message names the lowest seqno that is possible); [`ErrorKind::Retry`] while the vbucket is
    /// changing otherwise; [`ErrorKind::Closed`] after shutdown; else what the store answers.
    pub fn roll_back(&self, vb: VbId, to: Seqno) -> Result<FailoverEntry> {
        self.parts().roll_back(vb, to)
    }

    /// Forgets everything about a vbucket that is dead: its documents, its purge seqno and its branches. It stays
    /// dead, at seqno 0, until it gets another state. Returns its new branch, which is persisted. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] if there is no such vbucket or it is not dead; else as [`roll_back`](Self::roll_back).
    pub fn empty_vbucket(&self, vb: VbId) -> Result<FailoverEntry> {
        self.parts().empty(vb)
    }

    /// Forgets the tombstones of a vbucket that are at least so old, but for the newest of each collection; how many.
    /// Those that a running backfill has yet to show stay, for another time. Clients that have not seen what is gone
    /// start again from the beginning. Blocks on the store.
    ///
    /// # Errors
    /// As [`purge_tombstones`](Self::purge_tombstones).
    pub fn purge(&self, vb: VbId, older_than: Duration) -> Result<u64> {
        let parts = self.parts();
        parts.purge(vb, parts.deleted_ago(older_than)).map(|done| done.purged)
    }

    /// Forgets the persisted tombstones of a vbucket that are within bounds, as [`purge`](Self::purge) does.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] if there is no such vbucket; [`ErrorKind::Retry`] while it is changing otherwise, with
    /// some of them gone perhaps; [`ErrorKind::Closed`] after shutdown; else what the store answers.
    pub fn purge_tombstones(&self, vb: VbId, bounds: PurgeBounds) -> Result<Purged> {
        self.parts().purge(vb, bounds)
    }

    /// Draws a document of a collection at random, of those in active vbuckets, each about as likely; `None` if there
    /// is none. Blocks on the store, and looks at some hundred entries; if documents of the collection are rare among
    /// others, at more, with nothing held meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Retry`] when none was found among a million entries, or each that was drawn had gone;
    /// [`ErrorKind::Closed`] after shutdown; else what the store answers.
    pub fn draw(&self, of: CollectionId) -> Result<Option<Drawn>> {
        EngineParts::draw(self.parts(), of)
    }

    /// How old tombstones get before they are purged; `None`: any age.
    #[must_use]
    pub fn purge_after(&self) -> Option<Duration> {
        self.parts().settings.purge_after
    }

    /// Done when the state and failover log that a vbucket has now are persisted.
    pub fn state_persisted(&self, vb: VbId) -> super::StatePersisted {
        super::StatePersisted::new(Arc::clone(self.parts()), vb)
    }

    /// A number that changes whenever the state or failover log of some vbucket does.
    #[must_use]
    pub fn states_told(&self) -> u64 {
        self.parts().states.told()
    }

    /// Done when [`states_told`](Self::states_told) is another number.
    pub fn states_changed(&self, told: u64) -> super::StatesChanged {
        super::StatesChanged::new(Arc::clone(self.parts()), told)
    }

    /// Scopes and collections.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        self.with_pin("manifest", |parts, pin| parts.manifest(pin).clone())
    }

    /// Makes a scope.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] for a name that cannot be or is taken; else as
    /// [`create_collection`](Self::create_collection).
    pub fn create_scope(&self, name: &str) -> Result<Manifest> {
        self.parts().change_manifest(|manifest| manifest.with_scope(name))
    }

    /// Drops a scope with all its collections and their documents.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] if there is no such scope or it is the default one; else as
    /// [`create_collection`](Self::create_collection).
    pub fn drop_scope(&self, name: &str) -> Result<Manifest> {
        self.parts().change_manifest(|manifest| manifest.without_scope(name))
    }

    /// Makes a collection, whose documents live `max_ttl` seconds at most (0: as long as they say). Returns once every
    /// active vbucket takes its documents; blocks while memory is full.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] for a scope that does not exist and for a name that cannot be or is taken;
    /// [`ErrorKind::Closed`] after shutdown; [`ErrorKind::Retry`] when memory stayed full: the change is made, and
    /// vbuckets that do not know of it yet learn of it as soon as there is memory.
    pub fn create_collection(&self, scope: &str, name: &str, max_ttl: u32) -> Result<Manifest> {
        self.parts().change_manifest(|manifest| manifest.with_collection(scope, name, max_ttl))
    }

    /// Changes how long the documents of a collection live at most (0: as long as they say): those that are written
    /// from now on. Returns once every active vbucket knows.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] if there is no such collection; else as [`create_collection`](Self::create_collection).
    pub fn set_max_ttl(&self, scope: &str, name: &str, max_ttl: u32) -> Result<Manifest> {
        self.parts().change_manifest(|manifest| manifest.with_max_ttl(scope, name, max_ttl))
    }

    /// Drops a collection and its documents. Its drop event is the last that a stream shows of it.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] if there is no such collection; else as [`create_collection`](Self::create_collection).
    pub fn drop_collection(&self, scope: &str, name: &str) -> Result<Manifest> {
        self.parts().change_manifest(|manifest| manifest.without_collection(scope, name))
    }

    /// The connections now.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionSnapshot> {
        self.with_pin("connection stats", stats::connections)
    }

    /// Counts over the whole engine.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        self.with_pin("stats", stats::engine)
    }

    /// Counts of commits and expired documents begin at 0 again.
    pub fn reset_stats(&self) {
        self.parts().counters.reset();
    }

    /// Live documents of each collection, over all vbuckets, in the order of the manifest's.
    #[must_use]
    pub fn collection_items(&self) -> Vec<(CollectionId, u64)> {
        self.with_pin("collection stats", |parts, pin| {
            let items = |id| {
                let one =
                    |p: &Partition| p.with_collection(id, pin, |c| c.map_or(0, |c| c.alive()));
                parts.partitions.iter().map(one).sum()
            };
            parts.manifest(pin).collections().iter().map(|c| (c.id, items(c.id))).collect()
        })
    }

    /// Readers that have been inside a pinned section for at least `age`, by name.
    #[must_use]
    pub fn stalled(&self, age: Duration) -> Vec<Stalled> {
        self.parts().domain.stalled(age)
    }

    /// Closes every connection and lets none be opened; refuses writes; has what is in memory persisted and the store
    /// closed. Any thread may call it at any instant, as often as it likes; it returns without waiting.
    pub fn shutdown(&self) {
        self.parts().shutdown();
    }

    /// Whether [`shutdown`](Self::shutdown) was called.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.parts().is_stopping()
    }

    /// Done when everything that `shutdown` began has ended and everything retired is destroyed. Does not end before
    /// `shutdown` was called.
    pub fn quiesce(&self) -> Quiesce {
        Quiesce::new(self.parts())
    }

    /// [`quiesce`](Self::quiesce), blocking.
    ///
    /// # Errors
    /// The readers that are still inside a pinned section when the time is up (none of them, if it is the store
    /// that takes so long).
    pub fn quiesce_blocking(
        &self,
        timeout: Duration,
    ) -> core::result::Result<ShutdownReport, Vec<Stalled>> {
        let waker = thread_waker();
        let mut cx = Context::from_waker(&waker);
        let mut quiesce = pin!(self.quiesce());
        let deadline = workers::now() + timeout;
        loop {
            if let Poll::Ready(report) = quiesce.as_mut().poll(&mut cx) {
                return Ok(report);
            }
            let left = deadline.saturating_duration_since(workers::now());
            if left.is_zero() {
                return Err(self.stalled(Duration::ZERO));
            }
            workers::park_timeout(left);
        }
    }

    /// Done when a write is persisted, or is known not to be: a rollback has taken it back, or the engine has stopped.
    pub fn persisted(&self, vb: VbId, seqno: Seqno) -> super::Persisted {
        super::Persisted::new(Arc::clone(self.parts()), vb, seqno)
    }

    /// Done when several writes are persisted: of each vbucket the highest seqno is enough.
    pub fn persisted_all(&self, writes: Vec<(VbId, Seqno)>) -> super::PersistedAll {
        super::PersistedAll::new(Arc::clone(self.parts()), writes)
    }

    /// Done when something was persisted, or memory given up, after this call. Whoever waits because of
    /// [`UpdateError::Busy`](crate::partition::UpdateError::Busy) makes it first, tries again, and waits if that
    /// fails.
    pub fn flushed(&self) -> super::Flushed {
        super::Flushed::new(Arc::clone(self.parts()))
    }

    /// The engine's time of day, in seconds since 1970.
    #[must_use]
    pub fn unix_seconds(&self) -> u32 {
        self.parts().clock.unix_seconds()
    }

    /// State and high seqno of every vbucket, by rising id.
    #[must_use]
    pub fn high_seqnos(&self) -> Vec<(VbId, VbState, Seqno)> {
        self.with_pin("high seqnos", |parts, pin| {
            let one = |p: &Partition| (p.vb, p.info(pin).state, p.high(pin));
            parts.partitions.iter().map(one).collect()
        })
    }

    /// State and high seqno of every vbucket, by rising id: of one collection (0 where it is not), or of all.
    #[must_use]
    pub fn high_seqnos_of(&self, collection: Option<CollectionId>) -> Vec<(VbId, VbState, Seqno)> {
        let Some(id) = collection else { return self.high_seqnos() };
        self.with_pin("high seqnos", |parts, pin| {
            let high = |p: &Partition| {
                p.with_collection(id, pin, |it| it.map_or(Seqno::ZERO, |it| it.high()))
            };
            let one = |p: &Partition| (p.vb, p.info(pin).state, high(p));
            parts.partitions.iter().map(one).collect()
        })
    }

    fn with_pin<R>(&self, label: &'static str, run: impl FnOnce(&EngineParts, &Pin<'_>) -> R) -> R {
        let parts = self.parts();
        let mut reader = parts.domain.borrow(label);
        run(parts, &reader.pin())
    }
}

impl EngineParts {
    fn make_connection(&self, name: &str, user: Option<Box<str>>) -> Result<Arc<Connection>> {
        let members = self.partitions.len();
        let ready = Arc::new(ReadySet::growing(members, READY_SHELVES));
        let lanes = Lanes::count_for(self.settings.backfill_workers);
        let lanes: Vec<_> = (0..lanes).map(|_| self.make_lane(lanes)).collect::<Result<_>>()?;
        Ok(Connection::new(ConnectionParts {
            id: self.next_connection(),
            name: name.into(),
            streams: StreamTable::new(members),
            ready,
            backfills: Lanes::new(lanes),
            window: Window::new(0),
            report: Report::new(user, workers::now()),
        }))
    }

    /// One of so many lanes of a connection, with a share of what the connection may have.
    fn make_lane(&self, lanes: usize) -> Result<Arc<Backfills>> {
        let drained = Arc::new(Drained::default());
        let bell = Arc::clone(&drained);
        let bytes = (self.settings.backfill_buffer_bytes / lanes as u64).max(1);
        let budget = Budget::new(bytes, BACKFILL_DRAIN_PERCENT, move || bell.set());
        let gate = Arc::clone(&self.gate);
        let running_max = BACKFILLS_PER_CONNECTION_MAX / lanes;
        let manager = BackfillManager::new(BackfillSettings { budget, gate, running_max });
        let manager = self.domain.publish(manager)?;
        let queue = self.workers.queues().next();
        Ok(Backfills::new(manager, queue, Arc::clone(&self.gate), drained))
    }

    /// See [`Engine::shutdown`].
    pub(super) fn shutdown(&self) {
        let mut reader = self.domain.borrow("shutdown");
        let pin = reader.pin();
        self.connections.close(&pin);
        self.connections.for_each(&pin, |connection| {
            connection.close_all(&pin);
        });
        for partition in &self.partitions {
            // For ever: a change of state that is under way unseals what it finds sealed.
            partition.history(&pin).log.close();
        }
        if self.stop() {
            self.dirty.wake();
        }
    }
}
