//! A stream: everything about it under one mutex.

use super::backfill::BackfillManager;
use super::item::{Item, lock};
use super::vbucket::VBucket;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A message that is ready to be sent.
#[derive(Debug)]
pub(super) enum Message {
    Marker { end: u64 },
    Mutation { item: Arc<Item>, from_store: bool },
}

impl Message {
    pub(super) fn counted_bytes(&self) -> u64 {
        match self {
            Self::Marker { .. } => 44,
            Self::Mutation { item, .. } => item.counted_bytes(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending,
    Backfilling,
    InMemory,
    Dead,
}

/// What a stream answers to a step.
#[derive(Debug)]
pub(super) enum Next {
    Message(Message),
    /// Its cursor has items: the checkpoint task has to move them.
    Process,
    /// The store has to be read.
    Backfill(u64),
    Nothing,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) vb: Arc<VBucket>,
    pub(super) cursor: u64,
    /// Whether it was told of items since it was last found empty.
    items_ready: AtomicBool,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    state: State,
    ready: VecDeque<Message>,
    /// The last seqno that was put in the queue, and the last that was sent.
    read: u64,
    sent: u64,
    snapshot_end: u64,
}

impl Stream {
    pub(super) fn new(vb: Arc<VBucket>, cursor: u64, start: u64) -> Self {
        let progress = Progress {
            state: State::Pending,
            ready: VecDeque::new(),
            read: start,
            sent: start,
            snapshot_end: start,
        };
        Self { vb, cursor, items_ready: AtomicBool::new(true), progress: Mutex::new(progress) }
    }

    /// Items came; whether the connection has to be told.
    pub(super) fn flag(&self) -> bool {
        let unset =
            self.items_ready.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire);
        unset.is_ok()
    }

    /// The next message.
    pub(super) fn next(&self) -> Next {
        let mut it = lock(&self.progress);
        if it.state == State::Pending {
            if self.vb.tail.register(self.cursor, it.read) {
                it.state = State::InMemory;
            } else {
                it.state = State::Backfilling;
                return Next::Backfill(it.read + 1);
            }
        }
        if let Some(message) = it.ready.pop_front() {
            match &message {
                Message::Mutation { item, .. } => it.sent = item.seqno,
                Message::Marker { end } => it.snapshot_end = *end,
            }
            return Next::Message(message);
        }
        if it.state == State::InMemory && self.vb.tail.has_items(self.cursor) {
            return Next::Process;
        }
        // Cleared under the mutex, then looked at again, or a write falls between.
        self.items_ready.store(false, Ordering::Release);
        if it.state == State::InMemory && self.vb.tail.has_items(self.cursor) {
            self.items_ready.store(true, Ordering::Release);
            return Next::Process;
        }
        Next::Nothing
    }

    /// The checkpoint task: moves what the cursor has not seen into the queue, behind a marker.
    pub(super) fn process(&self, items: &mut Vec<Arc<Item>>) {
        items.clear();
        let _more = self.vb.tail.take(self.cursor, items);
        let mut it = lock(&self.progress);
        let Some(last) = items.last() else { return };
        if it.state != State::InMemory {
            return;
        }
        let end = last.seqno;
        it.read = end;
        it.ready.push_back(Message::Marker { end });
        let mutations = items.drain(..).map(|item| Message::Mutation { item, from_store: false });
        it.ready.extend(mutations);
    }

    /// A backfill read items; `done` when it has read everything.
    pub(super) fn backfilled(&self, items: Vec<Arc<Item>>, done: bool) {
        let mut it = lock(&self.progress);
        if it.state != State::Backfilling {
            return;
        }
        if let Some(last) = items.last() {
            it.read = last.seqno;
            let end = last.seqno;
            it.ready.push_back(Message::Marker { end });
        }
        let mutations = items.into_iter().map(|item| Message::Mutation { item, from_store: true });
        it.ready.extend(mutations);
        if done {
            it.state = State::Pending;
        }
    }

    /// Ends it; whether it lived. What is in its queue goes, and its bytes go back to the backfill manager.
    pub(super) fn set_dead(&self, manager: Option<&Arc<BackfillManager>>) -> bool {
        let mut it = lock(&self.progress);
        if it.state == State::Dead {
            return false;
        }
        it.state = State::Dead;
        let dropped = std::mem::take(&mut it.ready);
        drop(it);
        self.vb.tail.remove(self.cursor);
        if let Some(manager) = manager {
            let stored = |message: &Message| match message {
                Message::Mutation { item, from_store: true } => item.counted_bytes(),
                Message::Mutation { .. } | Message::Marker { .. } => 0,
            };
            manager.bytes_sent(dropped.iter().map(stored).sum());
        }
        true
    }

    /// What stats show: whether it is dead, the last seqno sent, the end of its snapshot.
    pub(super) fn progress(&self) -> (bool, u64, u64) {
        let it = lock(&self.progress);
        (it.state == State::Dead, it.sent, it.snapshot_end)
    }
}
