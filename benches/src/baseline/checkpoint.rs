//! The tail of a vbucket in memory: items in the order of their seqnos, and where each stream is.

use super::item::{Item, lock};
use foldhash::fast::RandomState;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

/// Items after which a new checkpoint begins, across which nothing is de-duplicated.
const CHECKPOINT_ITEMS: usize = 10_000;
/// The most that one task moves for a stream.
const MOVE_ITEMS: usize = 4096;

/// A vbucket's checkpoint manager.
#[derive(Debug, Default)]
pub(super) struct Checkpoint(Mutex<Tail>);

#[derive(Debug, Default)]
struct Tail {
    /// `None` where a newer version of the key came in the same checkpoint.
    items: VecDeque<Option<Arc<Item>>>,
    /// The place of the first of them in all that ever were.
    first: u64,
    high: u64,
    /// The places of the open checkpoint's keys.
    open: HashMap<Box<[u8]>, u64, RandomState>,
    open_from: u64,
    /// By cursor: the place of the first item that it has not passed.
    cursors: HashMap<u64, u64, RandomState>,
}

impl Checkpoint {
    /// Adds a version of a key.
    pub(super) fn queue(&self, key: &[u8], value: &[u8]) -> Arc<Item> {
        let mut tail = lock(&self.0);
        tail.high += 1;
        let item = Arc::new(Item { seqno: tail.high, key: key.into(), value: value.into() });
        let place = tail.first + tail.items.len() as u64;
        if place - tail.open_from >= CHECKPOINT_ITEMS as u64 {
            tail.open.clear();
            tail.open_from = place;
        }
        match tail.open.get_mut(key) {
            Some(known) => {
                let old = std::mem::replace(known, place);
                if let Some(at) = old.checked_sub(tail.first) {
                    tail.items[at as usize] = None;
                }
            }
            None => {
                tail.open.insert(key.into(), place);
            }
        }
        tail.items.push_back(Some(Arc::clone(&item)));
        item
    }

    /// A cursor that has seen everything up to `start`; false if that is not in memory any more.
    pub(super) fn register(&self, cursor: u64, start: u64) -> bool {
        let mut tail = lock(&self.0);
        let after = tail.items.iter().position(|it| it.as_ref().is_some_and(|it| it.seqno > start));
        let behind = tail.items.iter().flatten().next().is_some_and(|it| it.seqno > start + 1);
        if behind || (tail.items.is_empty() && start < tail.high) {
            return false;
        }
        let place = tail.first + after.unwrap_or(tail.items.len()) as u64;
        tail.cursors.insert(cursor, place);
        true
    }

    /// Forgets a cursor.
    pub(super) fn remove(&self, cursor: u64) {
        lock(&self.0).cursors.remove(&cursor);
    }

    /// What a cursor has not seen, up to a limit: the items, and whether more is left.
    pub(super) fn take(&self, cursor: u64, into: &mut Vec<Arc<Item>>) -> bool {
        let mut tail = lock(&self.0);
        let Some(&from) = tail.cursors.get(&cursor) else { return false };
        let skip = (from - tail.first) as usize;
        let upto = tail.items.len().min(skip + MOVE_ITEMS);
        into.extend(tail.items.range(skip..upto).flatten().cloned());
        let place = tail.first + upto as u64;
        tail.cursors.insert(cursor, place);
        upto < tail.items.len()
    }

    /// Whether a cursor has something to see.
    pub(super) fn has_items(&self, cursor: u64) -> bool {
        let tail = lock(&self.0);
        let end = tail.first + tail.items.len() as u64;
        tail.cursors.get(&cursor).is_some_and(|&place| place < end)
    }

    /// The highest seqno.
    pub(super) fn high(&self) -> u64 {
        lock(&self.0).high
    }

    /// Frees what every cursor has passed, but for the last `keep` items.
    pub(super) fn trim(&self, keep: usize) -> Vec<Arc<Item>> {
        let mut tail = lock(&self.0);
        let end = tail.first + tail.items.len() as u64;
        let passed = tail.cursors.values().copied().min().unwrap_or(end);
        let count = (passed.min(end.saturating_sub(keep as u64))).saturating_sub(tail.first);
        tail.first += count;
        tail.items.drain(..count as usize).flatten().collect()
    }
}
