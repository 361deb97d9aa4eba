//! Vbuckets whose stream has something, in order, each once.

use super::item::lock;
use foldhash::fast::RandomState;
use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;

#[derive(Debug, Default)]
pub(super) struct ReadyQueue(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<u16>,
    queued: HashSet<u16, RandomState>,
}

impl ReadyQueue {
    /// Adds a vbucket if it is not there; whether the queue was empty.
    pub(super) fn push(&self, vb: u16) -> bool {
        let mut queue = lock(&self.0);
        let was_empty = queue.order.is_empty();
        if queue.queued.insert(vb) {
            queue.order.push_back(vb);
        }
        was_empty
    }

    pub(super) fn pop(&self) -> Option<u16> {
        let mut queue = lock(&self.0);
        let vb = queue.order.pop_front()?;
        queue.queued.remove(&vb);
        Some(vb)
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.0).order.is_empty()
    }
}
