//! Tombstones are forgotten when they are old enough: by the store first, then by key.

use super::housekeeper::KEYS_AT_ONCE;
use super::parts::EngineParts;
use crate::collections::{CollectionTable, VbCollection, is_system};
use crate::error::Result;
use crate::index::Current;
use crate::partition::Partition;
use crate::store::PurgeCut;
use crate::types::{CollectionId, DocMeta, Seqno, VbId};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::Ordering;
use millstream_reclaim::{Pin, Reader};
use std::time::Duration;

/// Tombstones that are purged in one go.
const PURGE_AT_ONCE: usize = 1024;

impl EngineParts {
    /// See [`Engine::purge`](super::Engine::purge).
    pub(super) fn purge(&self, vb: VbId, older_than: Duration) -> Result<u64> {
        let partition = self.existing(vb)?;
        let mut reader = self.domain.borrow("purge");
        // What was deleted in that very second is as old.
        let before = self.deleted_before(older_than).saturating_add(1);
        let (mut purged, mut next) = (0, Some(Seqno::ZERO));
        while let Some(after) = next {
            let (count, more) = self.purge_page(partition, before, after, &mut reader)?;
            purged += count;
            next = more;
        }
        Ok(purged)
    }

    /// The time of day that was so long ago.
    pub(super) fn deleted_before(&self, age: Duration) -> u32 {
        let age = u32::try_from(age.as_secs()).unwrap_or(u32::MAX);
        self.clock.unix_seconds().saturating_sub(age)
    }

    /// Purges some of the tombstones above `after` that were made before `before`; how many, and after which seqno it
    /// goes on, if it does.
    ///
    /// The newest entry of each collection stays, however old it is: by the collections' high seqnos it is judged what
    /// a client may have missed. So do the entries of collections that came and went, which the manifest is made of.
    pub(super) fn purge_page(
        &self,
        partition: &Partition,
        before: u32,
        after: Seqno,
        reader: &mut Reader,
    ) -> Result<(u64, Option<Seqno>)> {
        if partition.info(&reader.pin()).held {
            // Its history is about to be another one.
            return Ok((0, None));
        }
        let known = Known::of(partition, &reader.pin());
        let mut gone: Vec<(Box<[u8]>, Seqno)> = Vec::new();
        let cut = PurgeCut { before, after, limit: PURGE_AT_ONCE };
        let page = self.store.purge_page(partition.vb, cut, &mut |key, meta| {
            let goes = !known.keeps(key, meta);
            if goes {
                gone.push((key.into(), meta.seqno));
            }
            goes
        });
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                // Some may be gone.
                gone.retain(|(key, _)| matches!(self.store.get(partition.vb, key), Ok(None)));
                forget(partition, gone, reader);
                return Err(error);
            }
        };
        forget(partition, gone, reader);
        // O1 Relaxed: a statistic.
        self.counters.purged.fetch_add(page.purged as u64, Ordering::Relaxed);
        Ok((page.purged as u64, page.more.then_some(page.read_to)))
    }
}

/// The collections of a vbucket.
struct Known {
    default: Arc<VbCollection>,
    others: CollectionTable,
}

impl Known {
    fn of(partition: &Partition, pin: &Pin<'_>) -> Self {
        let history = partition.history(pin);
        Self { default: Arc::clone(&history.default), others: history.others(pin).clone() }
    }

    fn keeps(&self, key: &[u8], meta: &DocMeta) -> bool {
        if is_system(key) {
            return true;
        }
        let collection = match CollectionId::split(key) {
            Ok((CollectionId::ZERO, _)) => Some(&self.default),
            Ok((id, _)) => self.others.find(id),
            Err(_) => None,
        };
        collection.is_some_and(|collection| collection.high() == meta.seqno)
    }
}

/// Tells the vbucket what the store let go of.
fn forget(partition: &Partition, gone: Vec<(Box<[u8]>, Seqno)>, reader: &mut Reader) {
    if let Some(highest) = gone.iter().map(|(_, seqno)| *seqno).max() {
        partition.history(&reader.pin()).raise_purge(highest);
    }
    for tombstone in gone {
        partition.purged.push(tombstone);
    }
    partition.forget_purged(reader);
}

impl Partition {
    /// Takes the keys of purged tombstones out of the index. Those that the log still has wait until it has not: a
    /// version that follows marks the one that it replaces, so that a snapshot shows the key once. Pinned anew after
    /// every [`KEYS_AT_ONCE`].
    pub(super) fn forget_purged(&self, reader: &mut Reader) {
        let mut purged = self.purged.take_all().peekable();
        while purged.peek().is_some() {
            let pin = &reader.pin();
            let history = self.history(pin);
            for (key, seqno) in purged.by_ref().take(KEYS_AT_ONCE) {
                let is_it = |meta: &DocMeta| meta.seqno == seqno && !meta.kind.is_alive();
                let waits = match history.index.get(&key, pin).current() {
                    Current::Warm(doc) => is_it(&doc.meta),
                    Current::Cold(meta) if is_it(meta) => !history.index.expel(&key, is_it, pin),
                    _ => false,
                };
                if waits {
                    self.purged.push((key, seqno));
                }
            }
        }
    }
}
