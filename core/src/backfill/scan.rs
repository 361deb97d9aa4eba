//! One scan on its way through the manager's lists.

use super::outbox::{Delivery, OutboxWriter};
use super::pool::GatePermit;
use crate::collections::{is_of_default, is_system};
use crate::error::{ErrorKind, Result};
use crate::flow::Budget;
use crate::guarded::guarded;
use crate::limits::{BACKFILL_PAGE_BYTES, BACKFILL_SLICE_BYTES, BACKFILL_SLICE_ITEMS};
use crate::store::{Record, Scan, Slice, SliceBudget, Store};
use crate::types::{EndReason, Seqno, VbId};
use millstream_reclaim::sync::{Arc, workers};
use std::collections::VecDeque;
use std::time::Duration;

/// What a stream wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BackfillRequest {
    pub(crate) vb: VbId,
    /// The first seqno.
    pub(crate) from: Seqno,
    /// Whether the stream shows no values, so that only those of system events are needed.
    pub(crate) without_values: bool,
    /// Whether the client is shown the default collection only, and not told of other seqnos.
    pub(crate) default_only: bool,
}

/// A request, its outbox, and its scan once it is open.
pub(crate) struct Backfill {
    pub(super) request: BackfillRequest,
    pub(super) outbox: OutboxWriter,
    pub(super) scan: Option<Box<dyn Scan>>,
    /// Its share of the engine's limit on scans, given back when it is dropped.
    pub(super) slot: Option<GatePermit>,
    #[cfg(millstream_census)]
    _alive: crate::census::Backfill,
}

/// What a turn of a backfill came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is more.
    More,
    /// It is done, failed or nobody wants it: drop it.
    Finished,
}

impl Drop for Backfill {
    fn drop(&mut self) {
        let scan = self.scan.take();
        // The store's own destructor, on a thread that has others to serve: a worker's, or whoever closes.
        let _ = guarded(|| drop(scan));
    }
}

impl Backfill {
    pub(crate) fn new(request: BackfillRequest, outbox: OutboxWriter) -> Self {
        Self {
            request,
            outbox,
            scan: None,
            slot: None,
            #[cfg(millstream_census)]
            _alive: crate::census::Backfill::new(),
        }
    }

    /// Opens the scan.
    pub(super) fn create(&mut self, store: &dyn Store) -> Turn {
        self.turn(|backfill| {
            let BackfillRequest { vb, from, without_values, default_only } = backfill.request;
            let mut scan = store.scan(vb, from..=Seqno::MAX)?;
            if without_values {
                scan.leave_out_values(is_system);
            }
            // Tombstones may have been purged since the request was checked: the stream looks at that.
            let purge = scan.purge_seqno();
            let last = match default_only {
                true => scan.last_whose_key(is_of_default)?,
                false => scan.last(),
            };
            backfill.outbox.deliver(Delivery::Opened { last, purge });
            backfill.scan = Some(scan);
            Ok(Turn::More)
        })
    }

    /// Reads one slice into the outbox, for at most about so long.
    pub(super) fn read(&mut self, budget: &Arc<Budget>, most: Duration) -> Turn {
        self.turn(|backfill| {
            let scan = backfill.scan.as_mut().expect("a scan is created before it is read");
            let mut records = Vec::new();
            let (slice, bytes) = match read_slice(&mut **scan, most, &mut records) {
                // So slowly was it read that the store kept too much for it.
                Err(error) if error.kind() == ErrorKind::Retry => {
                    backfill.outbox.deliver(Delivery::Failed(EndReason::Slow));
                    return Ok(Turn::Finished);
                }
                read => read?,
            };
            if !records.is_empty() {
                let permit = Budget::take(budget, bytes);
                let records = VecDeque::from(records);
                backfill.outbox.deliver(Delivery::Slice { records, permit });
            }
            if slice.more {
                return Ok(Turn::More);
            }
            gate!(DeliveredLastSlice);
            backfill.outbox.deliver(Delivery::Done { read_to: slice.read_to });
            Ok(Turn::Finished)
        })
    }

    /// Runs one turn; whatever goes wrong in the store ends this stream and nothing else.
    fn turn(&mut self, run: impl FnOnce(&mut Self) -> Result<Turn>) -> Turn {
        if self.outbox.is_abandoned() {
            return Turn::Finished;
        }
        if let Ok(Ok(turn)) = guarded(|| run(self)) {
            return turn;
        }
        self.outbox.deliver(Delivery::Failed(EndReason::BackfillFailed));
        Turn::Finished
    }
}

/// Reads pages until a slice is full, the time is up, or the store gives less than it was asked for: it may have its
/// reason, and nothing is lost. Where the slice ended, and its bytes.
pub(super) fn read_slice(
    scan: &mut dyn Scan,
    most: Duration,
    out: &mut Vec<Record>,
) -> Result<(Slice, u64)> {
    let begun = workers::now();
    let mut bytes = 0;
    loop {
        let before = out.len();
        let page = SliceBudget {
            bytes: BACKFILL_PAGE_BYTES.min(BACKFILL_SLICE_BYTES - bytes),
            items: BACKFILL_SLICE_ITEMS - before,
        };
        let read = scan.next(page, out)?;
        let read_bytes: usize = out[before..].iter().map(|r| r.key.len() + r.value.len()).sum();
        bytes += read_bytes;
        let full = bytes >= BACKFILL_SLICE_BYTES || out.len() >= BACKFILL_SLICE_ITEMS;
        // Stores count bytes of their own that are not ours.
        let whole_page = read_bytes >= page.bytes / 2 || out.len() - before >= page.items / 2;
        let late = || workers::now().saturating_duration_since(begun) >= most;
        if !read.more || full || !whole_page || late() {
            return Ok((read, bytes as u64));
        }
    }
}
