//! A partition: everything that the threads of an engine share about one vbucket.
//!
//! # State
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `history`, `info` | whoever changes the vbucket's state | everybody, under a pin |
//! | `persisted`, `info_stored` | the flusher | everybody |
//! | `flush_to` | who takes the vbucket back | the flusher |
//! | `cas` | writers | writers, stats |
//! | `dirty` | writers set it, the flusher clears it | both |
//!
//! # Invariants
//! - I1. `persisted` never falls while a history lives, and never passes its committed prefix.
//! - I2. A write that was published after the flusher cleared `dirty` sets it again and tells the flusher.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `update`, `get` | any pinned thread | everything | lock-free, see the log and the index |
//! | `collect`, `settle`, `trim` | the flusher | everything else | wait-free, bounded by the batch |
//! | `published` | writers | everything | wait-free, but for waking sleepers |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | V1 | `dirty`: set by a writer after its publication | AcqRel | V2 | the flusher clears the flag and misses the write | `partition::dirty_vs_flush` |
//! | V2 | `dirty`: cleared by the flusher before it looks | AcqRel | V1 | as V1 | `partition::dirty_vs_flush` |
//! | V7 | `collect`: fence after the clear | SeqCst fence | the fence of `WaitList::wake_all` | as V1; the models do not find it missing (see What is not verified) | `partition::dirty_vs_idle_flush` |
//! | V3 | `persisted`: raised | Release | V4 | somebody reads the store before the commit | `partition::dirty_vs_flush` |
//! | V4 | `persisted`: read | Acquire | V3 | the same, from the other side | `partition::dirty_vs_flush` |
//! | V9 | `flush_to`, `info_gathered`, `info_stored` | Release / Acquire | themselves | a version above the limit is persisted, which the rollback that follows undoes; a state is said to be stored before it is. `flush_to` is ordered by the job that brings the flusher as well (see What is not verified) | `partition::state_is_stored` |
//! | V5 | `cas` | Relaxed | none | nothing: one word, and a writer that saw a version through the index already happened after its token was made | none |
//!
//! # Reclamation
//! `history` and `info` are published cells; what they held is retired through the caller's pin.
//!
//! # Not promised
//! That `persisted` is a document's seqno.

use super::history::History;
use super::pressure::Pressure;
use super::taken_back::TakenBack;
use crate::collections::{CollectionTable, VbCollection};
use crate::error::Result;
use crate::failover::FailoverLog;
use crate::index::Held;
use crate::limits::FLUSH_ITEMS;
use crate::log::{Opened, ReadTo};
use crate::ready::{ReadySet, WaitList};
use crate::store::{Persisted, Record, Slab, VbBatch};
use crate::types::{Cas, CollectionId, Seqno, VbId, VbState};
use core::ops::ControlFlow;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use millstream_reclaim::sync::workers;
use millstream_reclaim::{Domain, Live, Pin, PooledReader, Published, PushList};

/// A vbucket's state and failover log, which change together.
#[derive(Clone, Debug)]
pub(crate) struct VbInfo {
    pub(crate) state: VbState,
    pub(crate) failover: FailoverLog,
    /// What rollbacks took back since the start.
    pub(crate) taken_back: TakenBack,
    /// Whether somebody has it to himself for a change that takes several steps: no stream is opened and no state set
    /// meanwhile.
    pub(crate) held: bool,
    /// Counts the changes, so that a stream request can tell whether it was overtaken.
    pub(crate) version: u64,
}

/// What a partition is made of at start.
pub(crate) struct PartitionSettings<'a> {
    pub(crate) vb: VbId,
    pub(crate) persisted: &'a Persisted,
    pub(crate) failover: FailoverLog,
    /// The seqno after which it goes on; above `persisted.high` after an unclean stop.
    pub(crate) last: Seqno,
    pub(crate) window_items: u64,
    /// Told which partitions have something to persist.
    pub(crate) dirty_set: Arc<ReadySet>,
    pub(crate) pressure: Arc<Pressure>,
}

/// One vbucket.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) vb: VbId,
    pub(crate) history: Published<History>,
    pub(crate) info: Published<VbInfo>,
    /// Readers that wait for the next write.
    pub(crate) waiters: WaitList,
    /// Readers that wait for the next commit.
    pub(crate) flushed: WaitList,
    persisted: AtomicU64,
    /// The highest seqno that the flusher may persist now.
    flush_to: AtomicU64,
    pub(super) cas: AtomicU64,
    dirty: AtomicBool,
    info_dirty: AtomicBool,
    /// The version of `info` in the batch that is being made, and in the store.
    info_gathered: AtomicU64,
    info_stored: AtomicU64,
    window_items: u64,
    /// Tombstones that the store let go of while the log still had them.
    pub(crate) purged: PushList<(Box<[u8]>, Seqno)>,
    dirty_set: Arc<ReadySet>,
    pub(super) pressure: Arc<Pressure>,
}

impl Partition {
    /// A partition with an empty index; the caller loads the keys.
    pub(crate) fn new(settings: PartitionSettings<'_>, domain: &Domain) -> Result<Self> {
        let PartitionSettings { vb, persisted, failover, last, window_items, dirty_set, pressure } =
            settings;
        let info = VbInfo {
            state: persisted.state,
            failover,
            taken_back: TakenBack::default(),
            held: false,
            version: 0,
        };
        let history = History::new(last, window_items, persisted.purge, domain)?;
        if persisted.state != VbState::Active {
            history.log.seal();
        }
        Ok(Self {
            vb,
            history: domain.publish(history)?,
            info: domain.publish(info)?,
            waiters: WaitList::new(),
            flushed: WaitList::new(),
            persisted: AtomicU64::new(last.0),
            flush_to: AtomicU64::new(u64::MAX),
            cas: AtomicU64::new(persisted.cas_max.0),
            dirty: AtomicBool::new(false),
            info_dirty: AtomicBool::new(false),
            info_gathered: AtomicU64::new(0),
            info_stored: AtomicU64::new(0),
            window_items,
            purged: PushList::new(),
            dirty_set,
            pressure,
        })
    }

    /// The history; it is never retired while its partition lives.
    pub(crate) fn history<'p>(&'p self, pin: &'p Pin<'_>) -> Live<'p, History> {
        self.history.get(pin).expect("a partition's history is replaced, never retired")
    }

    /// Waits until every seqno that was given out is published, and holds up no reclamation meanwhile; the caller holds
    /// the log, so that no more are given out and the history stays. A writer between its reservation and its
    /// publication takes no time worth sleeping for.
    pub(crate) fn settle_writers(&self, reader: &mut PooledReader<'_>) {
        let is_settled = |pin: &Pin<'_>| {
            let log = &self.history(pin).log;
            log.high(pin) >= log.reserved()
        };
        while !is_settled(&reader.pin()) {
            workers::yield_now();
        }
    }

    /// State and failover log.
    pub(crate) fn info<'p>(&'p self, pin: &'p Pin<'_>) -> Live<'p, VbInfo> {
        self.info.get(pin).expect("a partition's state is replaced, never retired")
    }

    /// An empty history in the place of this one, whose next seqno is above every one given out so far.
    pub(crate) fn new_history(
        &self,
        purge: Seqno,
        pin: &Pin<'_>,
        domain: &Domain,
    ) -> Result<History> {
        let last = self.history(pin).log.reserved();
        let history = History::new(last, self.window_items, purge, domain)?;
        if self.info(pin).state != VbState::Active {
            history.log.seal();
        }
        Ok(history)
    }

    /// Puts another history in the place of this one, whose log is held and persisted as far as it ever will be.
    pub(crate) fn replace_history(&self, next: History, pin: &Pin<'_>) -> Result<()> {
        let mut next = Some(next);
        let replaced = self.history.update_past_limit(pin, |_| next.take())?;
        assert!(replaced, "one thread at a time takes a vbucket back");
        Ok(())
    }

    /// The collections besides the default one, as they are now.
    pub(crate) fn collections(&self, pin: &Pin<'_>) -> CollectionTable {
        self.history(pin).others(pin).clone()
    }

    /// Changes the collections besides the default one.
    pub(crate) fn change_collections(
        &self,
        pin: &Pin<'_>,
        edit: impl FnMut(&CollectionTable) -> Option<CollectionTable>,
    ) -> Result<()> {
        self.history(pin).others.update_past_limit(pin, edit)?;
        Ok(())
    }

    /// Calls `each` with a collection, if it lives in this vbucket.
    pub(crate) fn with_collection<R>(
        &self,
        id: CollectionId,
        pin: &Pin<'_>,
        each: impl FnOnce(Option<&VbCollection>) -> R,
    ) -> R {
        self.history(pin).with_collection(id, pin, each)
    }

    /// The newest version of a qualified key.
    pub(crate) fn get<R>(&self, key: &[u8], pin: &Pin<'_>, each: impl FnOnce(Held<'_>) -> R) -> R {
        self.history(pin).get(key, pin, each)
    }

    /// The vbucket's high seqno: its last document's.
    pub(crate) fn high(&self, pin: &Pin<'_>) -> Seqno {
        self.history(pin).high(pin)
    }

    /// Everything up to this seqno is in the store, synced.
    pub(crate) fn persisted(&self) -> Seqno {
        // V4 Acquire: whoever reads the store finds it there; pairs with V3.
        Seqno(self.persisted.load(Ordering::Acquire))
    }

    /// Everything up to `high` is persisted, or never will be: by the flusher, which has taken the store back and noted
    /// what is gone.
    pub(crate) fn raise_persisted(&self, high: Seqno) {
        // V3 Release: after the commit; pairs with V4.
        self.persisted.fetch_max(high.0, Ordering::Release);
    }

    /// Lets the flusher persist no more than this until it is told otherwise.
    pub(crate) fn limit_flush(&self, to: Seqno) {
        // V9 Release: before the flusher is asked to come; pairs with V9 in `collect_records`.
        self.flush_to.store(to.0, Ordering::Release);
    }

    /// The version of the state and failover log that is in the store.
    pub(crate) fn info_stored(&self) -> u64 {
        // V9 Acquire: pairs with V9 in `settle`.
        self.info_stored.load(Ordering::Acquire)
    }

    /// The highest CAS given out.
    pub(crate) fn cas_max(&self) -> Cas {
        // V5 Relaxed: a statistic.
        Cas(self.cas.load(Ordering::Relaxed))
    }

    /// Tells readers and the flusher that something was published.
    pub(crate) fn published(&self) {
        self.waiters.wake_all();
        self.mark_dirty();
    }

    /// Gathers what is committed and not persisted, each key once: about `bytes`, but at least one version. With it
    /// how many bytes that is; `None` if there is nothing.
    pub(crate) fn collect(&self, bytes: usize, pin: &Pin<'_>) -> Option<(VbBatch, usize)> {
        // V2 AcqRel: cleared before the log is looked at; pairs with V1.
        self.dirty.swap(false, Ordering::AcqRel);
        // V7 SeqCst fence: if the writer's (in `published`) is first, we see its version; if ours is first, it sees
        // the flag cleared.
        fence(Ordering::SeqCst);
        // V2 AcqRel: as above, for state and failover log.
        let info = self.info_dirty.swap(false, Ordering::AcqRel).then(|| self.info(pin));
        if let Some(info) = &info {
            // V9 Release: read by the flusher itself.
            self.info_gathered.store(info.version, Ordering::Release);
        }
        let state = info.as_ref().map(|info| info.state);
        let failover = info.as_ref().map(|info| info.failover.entries().to_vec());
        let before = self.persisted();
        let (high, records, size) = match self.collect_records(bytes, pin) {
            Some(collected) => collected,
            None if info.is_none() => return None,
            None => (before, Vec::new(), 0),
        };
        // A seqno without a record is void or was replaced, which is not told apart here. Were all of them replaced,
        // what took their place would be a record.
        let left_out = (records.len() as u64) < high.0.saturating_sub(before.0);
        let replaced_within = left_out && !records.is_empty();
        Some((VbBatch { vb: self.vb, records, high, replaced_within, state, failover }, size))
    }

    fn collect_records(&self, bytes: usize, pin: &Pin<'_>) -> Option<(Seqno, Vec<Record>, usize)> {
        let log = &self.history(pin).log;
        let from = self.persisted().next();
        // V9 Acquire: pairs with V9 in `limit_flush`.
        let to = Seqno(self.flush_to.load(Ordering::Acquire));
        if to < from {
            return None;
        }
        let Opened::Upto(open) = log.open(from, FLUSH_ITEMS, to, pin) else { return None };
        // The end of the batch decides which versions are replaced within it, so it is fixed first.
        let mut size = 0;
        let measured = log.read(from, open, pin, |doc| {
            if size >= bytes {
                return ControlFlow::Break(());
            }
            size += doc.body_bytes();
            ControlFlow::Continue(())
        });
        let ReadTo::Next(after) = measured else { return None };
        let high = Seqno(after.0 - 1);
        let mut slab = Slab::with_capacity(size);
        let read = log.read(from, high, pin, |doc| {
            slab.put(doc.meta, doc.key(), doc.value());
            ControlFlow::Continue(())
        });
        debug_assert_eq!(read, ReadTo::Next(after), "only what is persisted is trimmed");
        let mut records = Vec::new();
        slab.cut(&mut records);
        Some((high, records, size))
    }

    /// State or failover log changed: they are persisted with the next commit.
    pub(crate) fn note_state_change(&self) {
        // V1 AcqRel: after the change was published; pairs with V2.
        self.info_dirty.swap(true, Ordering::AcqRel);
        // V7 SeqCst fence: as after a publication.
        fence(Ordering::SeqCst);
        self.mark_dirty();
    }

    /// Records that everything up to `high` is synced; if there is more, the flusher comes again.
    pub(crate) fn settle(&self, high: Seqno, pin: &Pin<'_>) {
        let history = self.history(pin);
        let log = &history.log;
        if let Ok(Some(last)) = log.last_document(self.persisted().next(), high, pin, |_| true) {
            history.note_stored(last);
        }
        // V9 Acquire, then Release: the flusher's own note, told after the commit.
        self.info_stored.fetch_max(self.info_gathered.load(Ordering::Acquire), Ordering::Release);
        self.raise_persisted(high);
        self.flushed.wake_all();
        if log.high(pin) > high {
            self.mark_dirty();
        }
    }

    /// Has the flusher come by.
    pub(crate) fn mark_dirty(&self) {
        // V1 Relaxed, then AcqRel: after the publication and a full fence (`wake_all`); pairs with V2. The exchange
        // runs once for each time that the flusher comes by.
        if !self.dirty.load(Ordering::Relaxed) && !self.dirty.swap(true, Ordering::AcqRel) {
            self.dirty_set.mark(usize::from(self.vb.0));
        }
    }

    /// Gives up the oldest persisted part of the window until `enough` says so; returns the bytes freed.
    pub(crate) fn trim(&self, pin: &Pin<'_>, enough: impl FnMut(u64) -> bool) -> u64 {
        self.history(pin).trim(self.persisted(), pin, enough)
    }

    /// Whether little is left of the window for writers.
    pub(crate) fn is_crowded(&self, pin: &Pin<'_>) -> bool {
        self.history(pin).log.is_crowded()
    }

    /// Has the segment that is being filled persisted and trimmed as well, though there is room in it.
    pub(crate) fn finish_segment(&self, pin: &Pin<'_>) {
        if self.history(pin).log.finish_segment(pin) > 0 {
            self.published();
        }
    }

    /// Bytes of the window, and of the index.
    pub(crate) fn memory(&self, pin: &Pin<'_>) -> (u64, u64) {
        let history = self.history(pin);
        (history.log.bytes(), history.index.bytes())
    }
}
