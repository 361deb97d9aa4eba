//! The keys of one partition, on papaya: a hash map whose reads take no lock. While it grows, entries are moved a few
//! at a time by whoever adds one; the larger table itself is allocated by one thread, and others that add keys wait for
//! that.

use super::cell::{Cell, Current};
use crate::log::{Doc, Slot};
use crate::types::{CollectionId, DocMeta};
use core::ops::ControlFlow;
use foldhash::fast::RandomState;
use millstream_reclaim::Pin;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering};

/// Bytes of one entry besides its key: the map's node and slot, the cell, and boxed meta data.
const ENTRY_BYTES: u64 = 112;

/// For each key its newest version. Keys stay until the whole index goes.
#[derive(Debug)]
pub(crate) struct Index {
    keys: papaya::HashMap<Box<[u8]>, Cell, RandomState>,
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
        if let Some(cell) = keys.get(key) {
            return each(cell);
        }
        // O1 Relaxed: a statistic; two writers that add the same key at once both count it.
        self.bytes.fetch_add(ENTRY_BYTES + key.len() as u64, Ordering::Relaxed);
        each(keys.get_or_insert_with(Box::from(key), Cell::new))
    }

    /// The newest version of a key.
    pub(crate) fn get<'p>(&self, key: &[u8], pin: &'p Pin<'_>) -> Current<'p> {
        match self.keys.pin().get(key) {
            Some(cell) => cell.load(pin).current(),
            None => Current::Absent,
        }
    }

    /// Keeps only the meta data of a version whose slot is about to go, if it is still the newest.
    pub(crate) fn chill(&self, doc: &Doc, slot: &Slot) {
        if let Some(cell) = self.keys.pin().get(doc.key()) {
            cell.chill(slot, &doc.meta);
        }
    }

    /// Forgets the versions of all keys of a collection; the keys stay.
    pub(crate) fn forget(&self, collection: CollectionId, pin: &Pin<'_>) {
        for (key, cell) in &self.keys.pin() {
            if CollectionId::split(key).is_ok_and(|(of, _)| of == collection) {
                cell.clear(pin);
            }
        }
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
        let mut keys = self.keys.iter(&guard).map(|(key, cell)| (&**key, cell)).peekable();
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
