//! Tombstones are forgotten when they are old enough: by the store first, then by key.

use super::housekeeper::KEYS_AT_ONCE;
use super::parts::EngineParts;
use super::states::held;
use crate::collections::{CollectionTable, VbCollection, is_system};
use crate::error::Result;
use crate::index::Current;
use crate::partition::Partition;
use crate::store::{PurgeCut, PurgePage};
use crate::types::{CollectionId, DocMeta, Seqno, VbId};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::Ordering;
use millstream_reclaim::{Pin, Reader};
use std::time::Duration;

/// Tombstones that are purged in one go.
const PURGE_AT_ONCE: usize = 1024;

/// Which tombstones [`Engine::purge_tombstones`](super::Engine::purge_tombstones) forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgeBounds {
    /// Those that were made before this time, in seconds since 1970; above `u32::MAX` all of them were.
    pub before: u64,
    /// Those up to this seqno.
    pub upto: Seqno,
}

/// What [`Engine::purge_tombstones`](super::Engine::purge_tombstones) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// Tombstones that it forgot.
    pub purged: u64,
    /// Tombstones within the bounds that stayed, since a backfill that is running still has to show them.
    pub spared: u64,
}

impl PurgeBounds {
    /// Every tombstone.
    pub const ALL: Self = Self { before: u64::MAX, upto: Seqno::MAX };
}

impl EngineParts {
    /// See [`Engine::purge_tombstones`](super::Engine::purge_tombstones).
    pub(super) fn purge(&self, vb: VbId, bounds: PurgeBounds) -> Result<Purged> {
        let partition = self.existing(vb)?;
        let mut reader = self.domain.borrow("purge");
        let (mut done, mut next) = (Purged::default(), Some(Seqno::ZERO));
        while let Some(after) = next {
            self.check_running()?;
            if partition.info(&reader.pin()).held {
                return Err(held(vb));
            }
            let page = self.purge_page(partition, bounds, after, &mut reader)?;
            done.purged += page.purged as u64;
            done.spared += page.spared.len() as u64;
            next = page.more.then_some(page.read_to);
        }
        Ok(done)
    }

    /// What was deleted so long ago, or longer.
    pub(super) fn deleted_ago(&self, age: Duration) -> PurgeBounds {
        let age = u32::try_from(age.as_secs()).unwrap_or(u32::MAX);
        // What was deleted in that very second is as old.
        let before = u64::from(self.clock.unix_seconds().saturating_sub(age)) + 1;
        PurgeBounds { before, upto: Seqno::MAX }
    }

    /// Purges some of the tombstones above `after` that are within the bounds.
    ///
    /// The newest entry of each collection stays, however old it is: by the collections' high seqnos it is judged what
    /// a client may have missed. So do the entries of collections that came and went, which the manifest is made of.
    pub(super) fn purge_page(
        &self,
        partition: &Partition,
        bounds: PurgeBounds,
        after: Seqno,
        reader: &mut Reader,
    ) -> Result<PurgePage> {
        let known = Known::of(partition, &reader.pin());
        let mut gone: Vec<(Box<[u8]>, Seqno)> = Vec::new();
        let PurgeBounds { before, upto } = bounds;
        let cut = PurgeCut { before, after, upto, limit: PURGE_AT_ONCE };
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
        gone.retain(|(_, seqno)| page.spared.binary_search(seqno).is_err());
        forget(partition, gone, reader);
        // O1 Relaxed: a statistic.
        self.counters.purged.fetch_add(page.purged as u64, Ordering::Relaxed);
        Ok(page)
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
