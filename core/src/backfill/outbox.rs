//! What one backfill hands to one stream: filled by the worker that runs the scan, emptied by the stream's owner,
//! dropped whole by whoever lets go last. The bytes in it are lent by the manager's budget and go back with each
//! message.

use crate::flow::Permit;
use crate::ready::ReadySet;
use crate::store::Record;
use crate::types::{EndReason, Seqno};
use millstream_reclaim::PushList;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicBool, Ordering};
use std::collections::VecDeque;

/// What a scan tells its stream, in this order: `Opened`, any number of `Slice`s, then `Done`; or `Failed` at any
/// point.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// The scan is open; the last record that it shows has this seqno (0: it shows none), and tombstones up to `purge`
    /// may be missing.
    Opened { last: Seqno, purge: Seqno },
    /// Records in seqno order, and the bytes lent for them.
    Slice { records: VecDeque<Record>, permit: Permit },
    /// Everything up to this seqno was delivered.
    Done { read_to: Seqno },
    /// The scan cannot go on.
    Failed(EndReason),
}

#[derive(Debug)]
struct Outbox {
    deliveries: PushList<Delivery>,
    abandoned: AtomicBool,
    ready: Arc<ReadySet>,
    member: usize,
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct OutboxWriter(Arc<Outbox>);

/// The stream owner's end.
#[derive(Debug)]
pub(crate) struct OutboxReader {
    outbox: Arc<Outbox>,
    taken: VecDeque<Delivery>,
}

/// An outbox whose deliveries mark `member` of `ready`.
pub(crate) fn outbox(ready: Arc<ReadySet>, member: usize) -> (OutboxWriter, OutboxReader) {
    let outbox = Arc::new(Outbox {
        deliveries: PushList::new(),
        abandoned: AtomicBool::new(false),
        ready,
        member,
    });
    (OutboxWriter(Arc::clone(&outbox)), OutboxReader { outbox, taken: VecDeque::new() })
}

impl OutboxWriter {
    /// Delivers, and tells the owner.
    pub(crate) fn deliver(&self, delivery: Delivery) {
        self.0.deliveries.push(delivery);
        self.0.ready.mark(self.0.member);
    }

    /// Whether nobody will take anything out any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        // O1 Relaxed: a hint that saves work; what is delivered in vain is dropped with the outbox.
        self.0.abandoned.load(Ordering::Relaxed)
    }
}

impl OutboxReader {
    /// The delivery to go on with; it stays in place until [`pop`](Self::pop).
    pub(crate) fn front(&mut self) -> Option<&mut Delivery> {
        if self.taken.is_empty() {
            self.taken.extend(self.outbox.deliveries.take_all());
        }
        self.taken.front_mut()
    }

    /// Drops the delivery in front, and with it the bytes that it still holds.
    pub(crate) fn pop(&mut self) {
        self.taken.pop_front();
    }
}

impl Drop for OutboxReader {
    fn drop(&mut self) {
        // O1 Relaxed: a hint; see `is_abandoned`.
        self.outbox.abandoned.store(true, Ordering::Relaxed);
        // The permits of what was delivered go back now, not when the worker lets go.
        drop(self.outbox.deliveries.take_all());
    }
}
