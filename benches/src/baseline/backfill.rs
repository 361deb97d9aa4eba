//! A connection's backfills: read the store in slices, as long as the buffer is not full.

use super::item::lock;
use super::producer::Producer;
use super::stream::Stream;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

const BUFFER_BYTES: u64 = 20 * 1024 * 1024;
const SLICE_ITEMS: usize = 4096;

/// One connection's backfills.
#[derive(Debug, Default)]
pub(super) struct BackfillManager(Mutex<Backfills>);

#[derive(Debug, Default)]
struct Backfills {
    active: VecDeque<Backfill>,
    buffered: u64,
}

#[derive(Debug)]
struct Backfill {
    stream: Arc<Stream>,
    next: u64,
    end: u64,
}

impl BackfillManager {
    pub(super) fn schedule(&self, stream: &Arc<Stream>, from: u64) {
        let end = stream.vb.tail.high();
        let backfill = Backfill { stream: Arc::clone(stream), next: from, end };
        lock(&self.0).active.push_back(backfill);
    }

    /// Messages were sent, or thrown away.
    pub(super) fn bytes_sent(&self, bytes: u64) {
        if bytes > 0 {
            let mut backfills = lock(&self.0);
            backfills.buffered = backfills.buffered.saturating_sub(bytes);
        }
    }

    /// Removes the backfill of a stream that ends.
    pub(super) fn remove(&self, stream: &Arc<Stream>) {
        let mut backfills = lock(&self.0);
        if !backfills.active.is_empty() {
            backfills.active.retain(|it| !Arc::ptr_eq(&it.stream, stream));
        }
    }

    /// Runs one slice of the backfill whose turn it is; whether it did anything.
    pub(super) fn run(&self, producer: &Producer) -> bool {
        let mut backfill = {
            let mut backfills = lock(&self.0);
            if backfills.buffered >= BUFFER_BYTES {
                return false;
            }
            let Some(backfill) = backfills.active.pop_front() else { return false };
            backfill
        };
        let mut items = backfill.stream.vb.scan(backfill.next, SLICE_ITEMS);
        items.retain(|item| item.seqno <= backfill.end);
        let bytes = items.iter().map(|item| item.counted_bytes()).sum::<u64>();
        let done = items.len() < SLICE_ITEMS;
        backfill.next = items.last().map_or(backfill.next, |item| item.seqno + 1);
        let vb = backfill.stream.vb.id;
        backfill.stream.backfilled(items, done);
        let mut backfills = lock(&self.0);
        backfills.buffered += bytes;
        if !done {
            backfills.active.push_back(backfill);
        }
        drop(backfills);
        producer.make_ready(vb);
        true
    }
}
