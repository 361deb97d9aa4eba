//! The keys of one partition, on papaya: a hash map whose reads take no lock. While it grows, entries are moved a few
//! at a time by whoever adds one; the larger table itself is allocated by one thread, and others that add keys wait for
//! that.

use super::cell::{Cell, Held};
use super::key::IndexKey;
use crate::log::{Doc, Slot};
use crate::types::{CollectionId, DocMeta};
use core::ops::ControlFlow;
use foldhash::fast::RandomState;
use millstream_reclaim::Pin;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering};

/// Bytes of one entry besides a long key: the map's node, which has the cell and a short key, its slot in the map, and
/// boxed meta data.
const ENTRY_BYTES: u64 = 112;

/// For each key its newest version. A key that has none any more leaves the index; its cell says so to whoever still
/// holds it.
#[derive(Debug)]
pub(crate) struct Index {
    keys: papaya::HashMap<IndexKey, Cell, RandomState>,
    bytes: AtomicU64,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            keys: papaya::HashMap::with_hasher(RandomState::default()),
            bytes: AtomicU64::new(0),
        }
    }

    /// Adds a key that the store has; only before the index is shared.
    pub(crate) fn load(&self, key: &[u8], meta: &DocMeta) {
        self.with(key, |cell| cell.warm_up(*meta));
    }

    /// Calls `each` with a key's cell, which is made if there is none.
    pub(crate) fn with<R>(&self, key: &[u8], each: impl FnOnce(&Cell) -> R) -> R {
        let keys = self.keys.pin();
        // Ends when a cell is in use; each further round means that somebody took one out of use.
        let cell = loop {
            let cell = match keys.get(key) {
                Some(cell) => cell,
                None => {
                    // O1 Relaxed: a statistic. Before the key is found, and could be taken out and counted off.
                    self.bytes.fetch_add(entry_bytes(key), Ordering::Relaxed);
                    // Not by `try_insert_with`, which never helps to move a table that grows: the small one stays,
                    // full, and every look at a key goes through it first.
                    match keys.try_insert(IndexKey::from(key), Cell::new()) {
                        Ok(cell) => cell,
                        Err(other) => {
                            // O1 Relaxed: a statistic.
                            self.bytes.fetch_sub(entry_bytes(key), Ordering::Relaxed);
                            other.current
                        }
                    }
                }
            };
            if !cell.is_gone() {
                break cell;
            }
            self.remove(key);
        };
        each(cell)
    }

    /// Takes a key out whose cell is out of use.
    fn remove(&self, key: &[u8]) {
        if let Ok(Some(_)) = self.keys.pin().remove_if(key, |_, cell| cell.is_gone()) {
            // O1 Relaxed: a statistic.
            self.bytes.fetch_sub(entry_bytes(key), Ordering::Relaxed);
        }
    }

    /// Takes a key out if it has no version, or one out of memory that `is_over`. Whether it did.
    pub(crate) fn expel(
        &self,
        key: &[u8],
        is_over: impl FnOnce(&DocMeta) -> bool,
        pin: &Pin<'_>,
    ) -> bool {
        let expelled = self.keys.pin().get(key).is_some_and(|cell| cell.expel(is_over, pin));
        if expelled {
            self.remove(key);
        }
        expelled
    }

    /// The newest version of a key.
    pub(crate) fn get<'p>(&self, key: &[u8], pin: &'p Pin<'_>) -> Held<'p> {
        self.keys.pin().get(key).map_or(Held::nothing(), |cell| cell.load(pin))
    }

    /// Calls `each` with a key's cell, if there is one.
    pub(crate) fn with_known<R>(&self, key: &[u8], each: impl FnOnce(&Cell) -> R) -> Option<R> {
        self.keys.pin().get(key).map(each)
    }

    /// Keeps only the meta data of a version whose slot is about to go, if it is still the newest. Whether it was.
    pub(crate) fn chill(&self, doc: &Doc, slot: &Slot, pin: &Pin<'_>) -> bool {
        self.keys.pin().get(doc.key()).is_some_and(|cell| cell.chill(slot, &doc.meta, pin))
    }

    /// Forgets those of some keys of this index that are a collection's. How many of them named a document out of
    /// memory.
    pub(crate) fn forget<'k, 'c>(
        &self,
        collection: CollectionId,
        keys: impl Iterator<Item = (&'k [u8], &'c Cell)>,
        pin: &Pin<'_>,
    ) -> u64 {
        let mut cold = 0;
        for (key, cell) in keys {
            if CollectionId::split(key).is_ok_and(|(of, _)| of == collection) {
                cold += u64::from(cell.clear(pin));
                self.remove(key);
            }
        }
        cold
    }

    /// Hands over the keys that there are, `at_once` at a time, until `slice` breaks off. Whoever keeps the index so
    /// long need not be pinned between two slices; what a cell names may be looked at under a pin for which this is
    /// still the partition's index.
    pub(crate) fn in_slices(
        &self,
        at_once: usize,
        mut slice: impl FnMut(&mut dyn Iterator<Item = (&[u8], &Cell)>) -> ControlFlow<()>,
    ) {
        let guard = self.keys.guard();
        let mut keys = self.keys.iter(&guard).map(|(key, cell)| (key.as_bytes(), cell)).peekable();
        while keys.peek().is_some() {
            if slice(&mut keys.by_ref().take(at_once)).is_break() {
                return;
            }
        }
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> u64 {
        // O1 Relaxed: a statistic.
        self.bytes.load(Ordering::Relaxed)
    }
}

fn entry_bytes(key: &[u8]) -> u64 {
    ENTRY_BYTES + IndexKey::bytes_apart(key) as u64
}
