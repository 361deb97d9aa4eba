//! A partition: everything that the threads of an engine share about one vbucket.
//!
//! # State
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `history`, `info` | whoever changes the vbucket's state | everybody, under a pin |
//! | `persisted`, `purge` | the flusher | everybody |
//! | `cas`, `alive` | writers | writers, stats |
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
//! | V7 | `collect`: fence after the clear | SeqCst fence | the fence of `WaitList::wake_all` | as V1 | `partition::dirty_vs_flush` |
//! | V3 | `persisted`: raised | Release | V4 | somebody reads the store before the commit | `partition::dirty_vs_flush` |
//! | V4 | `persisted`: read | Acquire | V3 | the same, from the other side | `partition::dirty_vs_flush` |
//! | V8 | `stored_last`: raised before the log is trimmed, read after it was found empty | Release / Acquire | itself, through the log's floor | the high seqno falls when the last document leaves the log | none yet |
//! | V5 | `cas` | Relaxed | none | nothing: one word, and a writer that saw a version through the index already happened after its token was made | none |
//! | V6 | `alive`, `purge` | Relaxed | none | nothing: statistics, and a bound that the stream request checks again | none |
//!
//! # Reclamation
//! `history` and `info` are published cells; what they held is retired through the caller's pin.
//!
//! # Not promised
//! That `alive` is exact while writes run.

use super::history::History;
use super::pressure::Pressure;
use crate::collections::{CollectionTable, VbCollection, is_system};
use crate::error::Result;
use crate::failover::FailoverLog;
use crate::index::Current;
use crate::limits::FLUSH_ITEMS;
use crate::log::{Opened, ReadTo};
use crate::ready::{ReadySet, WaitList};
use crate::store::{Persisted, Record, VbBatch};
use crate::types::{Cas, CollectionId, DocMeta, ScopeId, Seqno, VbId, VbState};
use bytes::Bytes;
use core::ops::ControlFlow;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use millstream_reclaim::{Domain, Live, Pin, Published};

/// A vbucket's state and failover log, which change together.
#[derive(Clone, Debug)]
pub(crate) struct VbInfo {
    pub(crate) state: VbState,
    pub(crate) failover: FailoverLog,
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
    /// The default collection, which every vbucket has.
    pub(crate) default: VbCollection,
    /// The others.
    pub(crate) others: Published<CollectionTable>,
    /// Readers that wait for the next write.
    pub(crate) waiters: WaitList,
    /// Readers that wait for the next commit.
    pub(crate) flushed: WaitList,
    persisted: AtomicU64,
    /// The last document that left, or may leave, the log.
    stored_last: AtomicU64,
    purge: AtomicU64,
    pub(super) cas: AtomicU64,
    pub(super) alive: AtomicU64,
    dirty: AtomicBool,
    info_dirty: AtomicBool,
    dirty_set: Arc<ReadySet>,
    pub(super) pressure: Arc<Pressure>,
}

impl Partition {
    /// A partition with an empty index; the caller loads the keys.
    pub(crate) fn new(settings: PartitionSettings<'_>, domain: &Domain) -> Result<Self> {
        let PartitionSettings { vb, persisted, failover, last, window_items, dirty_set, pressure } =
            settings;
        let info = VbInfo { state: persisted.state, failover, version: 0 };
        let history = History::new(last, window_items);
        if persisted.state != VbState::Active {
            history.log.seal();
        }
        Ok(Self {
            vb,
            history: domain.publish(history)?,
            info: domain.publish(info)?,
            default: VbCollection::new(CollectionId::ZERO, ScopeId::ZERO, 0, Seqno::ZERO),
            others: domain.publish(CollectionTable::default())?,
            waiters: WaitList::new(),
            flushed: WaitList::new(),
            persisted: AtomicU64::new(last.0),
            stored_last: AtomicU64::new(0),
            purge: AtomicU64::new(persisted.purge.0),
            cas: AtomicU64::new(persisted.cas_max.0),
            alive: AtomicU64::new(0),
            dirty: AtomicBool::new(false),
            info_dirty: AtomicBool::new(false),
            dirty_set,
            pressure,
        })
    }

    /// The history; it is never retired while its partition lives.
    pub(crate) fn history<'p>(&'p self, pin: &'p Pin<'_>) -> Live<'p, History> {
        self.history.get(pin).expect("a partition's history is replaced, never retired")
    }

    /// State and failover log.
    pub(crate) fn info<'p>(&'p self, pin: &'p Pin<'_>) -> Live<'p, VbInfo> {
        self.info.get(pin).expect("a partition's state is replaced, never retired")
    }

    /// Takes over a key that the store has, and where its collection (if it is not gone) is known so far; only before
    /// the partition is shared.
    pub(crate) fn load(
        &self,
        key: &[u8],
        meta: &DocMeta,
        collection: Option<&VbCollection>,
        pin: &Pin<'_>,
    ) {
        self.note_stored(meta.seqno);
        if collection.is_none() && !is_system(key) {
            // Of a collection that was dropped.
            return;
        }
        self.history(pin).index.load(key, meta);
        if let Some(collection) = collection {
            let is_alive = meta.kind.is_alive();
            collection.note(meta.seqno, false, is_alive);
            // V6 Relaxed: a statistic.
            self.alive.fetch_add(u64::from(is_alive), Ordering::Relaxed);
        }
    }

    /// The collections besides the default one; never retired while the partition lives.
    pub(crate) fn others<'p>(&'p self, pin: &'p Pin<'_>) -> Live<'p, CollectionTable> {
        self.others.get(pin).expect("a partition's collections are replaced, never retired")
    }

    /// Lets go of the documents of a collection whose drop event is in the history: nobody finds them by key any more.
    pub(crate) fn forget(&self, collection: &VbCollection, pin: &Pin<'_>) {
        // V6 Relaxed: a statistic.
        self.alive.fetch_sub(collection.alive(), Ordering::Relaxed);
        self.history(pin).index.forget(collection.id, pin);
    }

    /// Calls `each` with a collection, if it lives in this vbucket.
    pub(crate) fn with_collection<R>(
        &self,
        id: CollectionId,
        pin: &Pin<'_>,
        each: impl FnOnce(Option<&VbCollection>) -> R,
    ) -> R {
        if id == CollectionId::ZERO {
            return each((!self.default.is_closing()).then_some(&self.default));
        }
        let others = self.others(pin);
        each(others.find(id).map(|entry| &**entry).filter(|entry| !entry.is_closing()))
    }

    /// The newest version of a qualified key.
    pub(crate) fn get<R>(
        &self,
        key: &[u8],
        pin: &Pin<'_>,
        each: impl FnOnce(Current<'_>) -> R,
    ) -> R {
        each(self.history(pin).index.get(key, pin))
    }

    /// The vbucket's high seqno: its last document's. The log may be further, by seqnos that came to nothing; a
    /// client must not wait for those.
    pub(crate) fn high(&self, pin: &Pin<'_>) -> Seqno {
        let log = &self.history(pin).log;
        loop {
            let committed = log.high(pin);
            match log.last_document(log.floor(), committed, pin, |_| true) {
                Ok(Some(last)) => return last,
                // V8 Acquire: what has left the log was stored before; pairs with V8 in `note_stored`.
                Ok(None) => return Seqno(self.stored_last.load(Ordering::Acquire)),
                // The log was trimmed meanwhile, which made progress.
                Err(_) => {}
            }
        }
    }

    /// The last document that is in the store, synced: what clients are told is persisted. The log may be persisted
    /// further, by seqnos that came to nothing.
    pub(crate) fn stored(&self) -> Seqno {
        // V8 Acquire: pairs with V8 in `note_stored`.
        Seqno(self.stored_last.load(Ordering::Acquire))
    }

    /// A document is in the store, and may leave the log from now on.
    pub(crate) fn note_stored(&self, last: Seqno) {
        // V8 Release: before the log's floor passes it; pairs with V8 in `high`.
        self.stored_last.fetch_max(last.0, Ordering::Release);
    }

    /// Everything up to this seqno is in the store, synced.
    pub(crate) fn persisted(&self) -> Seqno {
        // V4 Acquire: whoever reads the store finds it there; pairs with V3.
        Seqno(self.persisted.load(Ordering::Acquire))
    }

    pub(crate) fn purge_seqno(&self) -> Seqno {
        // V6 Relaxed: checked again when a backfill starts.
        Seqno(self.purge.load(Ordering::Relaxed))
    }

    /// Documents that are alive.
    pub(crate) fn alive(&self) -> u64 {
        // V6 Relaxed: a statistic.
        self.alive.load(Ordering::Relaxed)
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
        let state = info.as_ref().map(|info| info.state);
        let failover = info.as_ref().map(|info| info.failover.entries().to_vec());
        let (high, records, size) = match self.collect_records(bytes, pin) {
            Some(collected) => collected,
            None if info.is_none() => return None,
            None => (self.persisted(), Vec::new(), 0),
        };
        Some((VbBatch { vb: self.vb, records, high, state, failover }, size))
    }

    fn collect_records(&self, bytes: usize, pin: &Pin<'_>) -> Option<(Seqno, Vec<Record>, usize)> {
        let log = &self.history(pin).log;
        let from = self.persisted().next();
        let Opened::Upto(open) = log.open(from, FLUSH_ITEMS, Seqno::MAX, pin) else { return None };
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
        let mut records = Vec::new();
        let read = log.read(from, high, pin, |doc| {
            records.push(Record {
                meta: doc.meta,
                key: Bytes::copy_from_slice(doc.key()),
                value: Bytes::copy_from_slice(doc.value()),
            });
            ControlFlow::Continue(())
        });
        debug_assert_eq!(read, ReadTo::Next(after), "only what is persisted is trimmed");
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
        let log = &self.history(pin).log;
        if let Ok(Some(last)) = log.last_document(self.persisted().next(), high, pin, |_| true) {
            self.note_stored(last);
        }
        // V3 Release: after the commit; pairs with V4.
        self.persisted.fetch_max(high.0, Ordering::Release);
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
        let history = self.history(pin);
        let index = &history.index;
        history.log.trim(self.persisted(), pin, enough, |doc, slot| index.chill(doc, slot))
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
