//! The history of one vbucket as this node has it. Promise: whoever holds one sees log, index, collections and counts
//! of one history, though the vbucket may have gone back to an earlier one meanwhile.
//!
//! # State
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `log`, `index` | see there | everybody, under a pin |
//! | `others` | who changes the manifest | everybody, under a pin |
//! | `stored_last` | the flusher | everybody |
//! | `purge` | who purges | everybody |
//! | `alive` | writers | stats |
//! | `cold` | the flusher, writers, who drops a collection | stats |
//!
//! # Invariants
//! - I1. A history that was replaced has a log that is held for ever, so nothing is written to it (model
//!   `log::hold_outlasts_seals`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `load` | the loader | nothing | wait-free |
//! | `note_stored` | the flusher | everything | wait-free |
//! | `raise_purge` | who purges | everything | wait-free |
//! | the rest | any pinned thread | everything | wait-free, but see the log and the index |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | V8 | `stored_last`: raised before the log is trimmed, read after it was found empty | Release / Acquire | itself, through the log's floor | the high seqno falls when the last document leaves the log | `partition::high_vs_trim` |
//! | V6 | `alive`, `cold`, `purge` | Relaxed | none | nothing: statistics, and a bound that the stream's backfill checks again | none |
//!
//! # Reclamation
//! A history is in its partition's published cell; it is retired when another takes its place.
//!
//! # Not promised
//! That `alive` and `cold` are exact while writes run.

use crate::collections::{CollectionTable, VbCollection, is_system};
use crate::error::Result;
use crate::index::{Held, Index};
use crate::log::{Log, LogSettings};
use crate::types::{CollectionId, DocMeta, ScopeId, Seqno};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering};
use millstream_reclaim::{Domain, Live, Pin, Published};

/// Log, by-key index, collections and counts, which live and die together: a rollback replaces them all.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) log: Log,
    /// Shared with the housekeeper while it goes through the keys.
    pub(crate) index: Arc<Index>,
    /// The default collection, which every vbucket has.
    pub(crate) default: Arc<VbCollection>,
    /// The others.
    pub(crate) others: Published<CollectionTable>,
    /// The last document that left, or may leave, the log.
    stored_last: AtomicU64,
    purge: AtomicU64,
    alive: AtomicU64,
    /// Those of them that only the store has.
    cold: AtomicU64,
}

impl History {
    /// A history that goes on after `last`; the caller loads the keys.
    pub(crate) fn new(
        last: Seqno,
        window_items: u64,
        purge: Seqno,
        domain: &Domain,
    ) -> Result<Self> {
        Ok(Self {
            log: Log::new(LogSettings { last, window_items }),
            index: Arc::new(Index::new()),
            default: Arc::new(VbCollection::new(CollectionId::ZERO, ScopeId::ZERO, 0, Seqno::ZERO)),
            others: domain.publish(CollectionTable::default())?,
            stored_last: AtomicU64::new(0),
            purge: AtomicU64::new(purge.0),
            alive: AtomicU64::new(0),
            cold: AtomicU64::new(0),
        })
    }

    /// Takes over a key that the store has, and where its collection (if it is not gone) is known so far; only before
    /// the history is shared.
    pub(crate) fn load(&self, key: &[u8], meta: &DocMeta, collection: Option<&VbCollection>) {
        self.note_stored(meta.seqno);
        if collection.is_none() && !is_system(key) {
            // Of a collection that was dropped.
            return;
        }
        self.index.load(key, meta);
        if let Some(collection) = collection {
            let is_alive = meta.kind.is_alive();
            collection.note(meta.seqno, false, is_alive);
            self.count(false, is_alive);
            // V6 Relaxed: a statistic.
            self.cold.fetch_add(u64::from(is_alive), Ordering::Relaxed);
        }
    }

    /// The collections besides the default one; never retired while the history lives.
    pub(crate) fn others<'p>(&'p self, pin: &'p Pin<'_>) -> Live<'p, CollectionTable> {
        self.others.get(pin).expect("a history's collections are replaced, never retired")
    }

    /// Calls `each` with a collection, if it lives in this vbucket.
    pub(crate) fn with_collection<R>(
        &self,
        id: CollectionId,
        pin: &Pin<'_>,
        each: impl FnOnce(Option<&VbCollection>) -> R,
    ) -> R {
        if id == CollectionId::ZERO {
            return each((!self.default.is_closing()).then_some(&*self.default));
        }
        let others = self.others(pin);
        each(others.find(id).map(|entry| &**entry).filter(|entry| !entry.is_closing()))
    }

    /// Counts the documents of a collection out whose drop event is in the history.
    pub(crate) fn count_out(&self, collection: &VbCollection) {
        // V6 Relaxed: a statistic.
        self.alive.fetch_sub(collection.alive(), Ordering::Relaxed);
    }

    /// Keeps only the meta data of versions whose segment is about to go.
    pub(crate) fn trim(
        &self,
        persisted: Seqno,
        pin: &Pin<'_>,
        enough: impl FnMut(u64) -> bool,
    ) -> u64 {
        let mut cold = 0;
        let freed = self.log.trim(persisted, pin, enough, |doc, slot| {
            let chilled = self.index.chill(doc, slot, pin);
            cold += u64::from(chilled && doc.meta.kind.is_alive() && !is_system(doc.key()));
        });
        // V6 Relaxed: a statistic.
        self.cold.fetch_add(cold, Ordering::Relaxed);
        freed
    }

    /// The newest version of a qualified key.
    pub(crate) fn get<R>(&self, key: &[u8], pin: &Pin<'_>, each: impl FnOnce(Held<'_>) -> R) -> R {
        each(self.index.get(key, pin))
    }

    /// The high seqno: the last document's. The log may be further, by seqnos that came to nothing; a client must not
    /// wait for those.
    pub(crate) fn high(&self, pin: &Pin<'_>) -> Seqno {
        loop {
            let committed = self.log.high(pin);
            match self.log.last_document(self.log.floor(), committed, pin, |_| true) {
                Ok(Some(last)) => return last,
                Ok(None) => return self.stored(),
                // The log was trimmed meanwhile, which made progress.
                Err(_) => {}
            }
        }
    }

    /// The last document that is in the store, synced: what clients are told is persisted. The log may be persisted
    /// further, by seqnos that came to nothing.
    pub(crate) fn stored(&self) -> Seqno {
        // V8 Acquire: what has left the log was stored before; pairs with V8 in `note_stored`.
        Seqno(self.stored_last.load(Ordering::Acquire))
    }

    /// A document is in the store, and may leave the log from now on.
    pub(crate) fn note_stored(&self, last: Seqno) {
        // V8 Release: before the log's floor passes it; pairs with V8 in `stored`.
        self.stored_last.fetch_max(last.0, Ordering::Release);
    }

    /// The highest seqno of a purged tombstone.
    pub(crate) fn purge_seqno(&self) -> Seqno {
        // V6 Relaxed: checked again when a backfill starts.
        Seqno(self.purge.load(Ordering::Relaxed))
    }

    /// Tombstones up to this seqno were purged.
    pub(crate) fn raise_purge(&self, purge: Seqno) {
        // V6 Relaxed: see the table.
        self.purge.fetch_max(purge.0, Ordering::Relaxed);
    }

    /// Documents that are alive.
    pub(crate) fn alive(&self) -> u64 {
        // V6 Relaxed: a statistic. Between a version and its count another writer may have counted its own, so that it
        // is below zero for a moment.
        (self.alive.load(Ordering::Relaxed) as i64).max(0) as u64
    }

    /// Documents that are alive and that only the store has.
    pub(crate) fn cold(&self) -> u64 {
        // V6 Relaxed: a statistic. A writer may count out what the flusher has yet to count in; of a collection that
        // was dropped they are counted out as they are forgotten.
        let cold = (self.cold.load(Ordering::Relaxed) as i64).max(0) as u64;
        cold.min(self.alive())
    }

    /// So many documents that only the store has are replaced, or forgotten.
    pub(crate) fn count_out_cold(&self, count: u64) {
        // V6 Relaxed: a statistic.
        self.cold.fetch_sub(count, Ordering::Relaxed);
    }

    /// Keeps the count of live documents.
    pub(super) fn count(&self, before: bool, after: bool) {
        match (before, after) {
            // V6 Relaxed: a statistic.
            (false, true) => self.alive.fetch_add(1, Ordering::Relaxed),
            // V6 Relaxed: a statistic.
            (true, false) => self.alive.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }
}
