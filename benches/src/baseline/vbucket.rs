//! A vbucket: its state, its keys, its tail, and which connections stream it.

use super::checkpoint::Checkpoint;
use super::item::{Item, lock};
use super::key_table::KeyTable;
use super::producer::Producer;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

/// Locks of the keys of one vbucket where there are not many vbuckets.
const STRIPES: usize = 47;
/// The same with ample memory.
const AMPLE_ITEMS: usize = 1 << 20;
/// Writes between two looks at what can be freed.
const TRIM_EVERY: u64 = 1024;

/// What a vbucket keeps in memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Memory {
    /// More than is written, and what leaves it is stored.
    Ample,
    /// So many items. What leaves it is gone: for writes alone.
    Items(usize),
}

/// One vbucket.
#[derive(Debug)]
pub(super) struct VBucket {
    pub(super) id: u16,
    active: RwLock<bool>,
    pub(super) tail: Checkpoint,
    keys: KeyTable,
    streamers: Mutex<Vec<Weak<Producer>>>,
    /// Items that stay in memory though everybody has passed them.
    keep_items: usize,
    /// What is stored, by seqno: what a backfill reads. `None` where nobody will.
    stored: Option<Mutex<Vec<Arc<Item>>>>,
}

impl VBucket {
    pub(super) fn new(id: u16, vbuckets: u32, memory: Memory) -> Self {
        let (keep_items, stored) = match memory {
            Memory::Ample => (AMPLE_ITEMS, Some(Mutex::default())),
            Memory::Items(keep) => (keep, None),
        };
        Self {
            id,
            active: RwLock::new(true),
            tail: Checkpoint::default(),
            keys: KeyTable::new(if vbuckets > 1024 { 1 } else { STRIPES }),
            streamers: Mutex::default(),
            keep_items,
            stored,
        }
    }

    /// Stores a document and tells the connections that stream it.
    pub(super) fn set(&self, key: &[u8], value: &[u8]) {
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        assert!(*active, "the vbucket takes writes");
        let mut seqno = 0;
        self.keys.update(key, || {
            let item = self.tail.queue(key, value);
            seqno = item.seqno;
            item
        });
        for producer in &*lock(&self.streamers) {
            if let Some(producer) = producer.upgrade() {
                producer.notify(self.id);
            }
        }
        drop(active);
        if seqno % TRIM_EVERY == 0 {
            let left = self.tail.trim(self.keep_items);
            if let Some(stored) = &self.stored {
                lock(stored).extend(left);
            }
        }
    }

    /// What is stored from a seqno on, at most so many.
    pub(super) fn scan(&self, from: u64, limit: usize) -> Vec<Arc<Item>> {
        let Some(stored) = &self.stored else { return Vec::new() };
        let stored = lock(stored);
        let at = stored.partition_point(|item| item.seqno < from);
        stored[at..].iter().take(limit).cloned().collect()
    }

    pub(super) fn add_streamer(&self, producer: &Arc<Producer>) {
        let mut streamers = lock(&self.streamers);
        if !streamers.iter().any(|it| std::ptr::eq(it.as_ptr(), Arc::as_ptr(producer))) {
            streamers.push(Arc::downgrade(producer));
        }
    }

    pub(super) fn remove_streamer(&self, producer: &Producer) {
        lock(&self.streamers).retain(|it| !std::ptr::eq(it.as_ptr(), producer));
    }
}
