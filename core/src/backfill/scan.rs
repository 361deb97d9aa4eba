//! One scan on its way through the manager's lists.

use super::outbox::{Delivery, OutboxWriter};
use super::pool::GatePermit;
use crate::collections::is_system;
use crate::error::{ErrorKind, Result};
use crate::flow::Budget;
use crate::limits::{BACKFILL_SLICE_BYTES, BACKFILL_SLICE_ITEMS};
use crate::store::{Scan, SliceBudget, Store};
use crate::types::{EndReason, Seqno, VbId};
use millstream_reclaim::sync::Arc;
use std::collections::VecDeque;

/// What a stream wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BackfillRequest {
    pub(crate) vb: VbId,
    /// The first seqno.
    pub(crate) from: Seqno,
    /// Whether records may be missing because tombstones were purged above `from`.
    pub(crate) purge_exempt: bool,
    /// Whether the stream shows no values, so that only those of system events are needed.
    pub(crate) without_values: bool,
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
            let BackfillRequest { vb, from, purge_exempt, without_values } = backfill.request;
            let mut scan = store.scan(vb, from..=Seqno::MAX)?;
            // Tombstones may have been purged since the request was checked; at 1 nothing can be missed.
            let purged = from.0 > 1 && from <= scan.purge_seqno();
            if purged && !purge_exempt {
                backfill.outbox.deliver(Delivery::Failed(EndReason::StateChanged));
                return Ok(Turn::Finished);
            }
            if without_values {
                scan.leave_out_values(is_system);
            }
            backfill
                .outbox
                .deliver(Delivery::Opened { last: scan.last(), purge: scan.purge_seqno() });
            backfill.scan = Some(scan);
            Ok(Turn::More)
        })
    }

    /// Reads one slice into the outbox.
    pub(super) fn read(&mut self, budget: &Arc<Budget>) -> Turn {
        self.turn(|backfill| {
            let scan = backfill.scan.as_mut().expect("a scan is created before it is read");
            let mut records = Vec::new();
            let slice = SliceBudget { bytes: BACKFILL_SLICE_BYTES, items: BACKFILL_SLICE_ITEMS };
            let slice = match scan.next(slice, &mut records) {
                // So slowly was it read that the store kept too much for it.
                Err(error) if error.kind() == ErrorKind::Retry => {
                    backfill.outbox.deliver(Delivery::Failed(EndReason::Slow));
                    return Ok(Turn::Finished);
                }
                slice => slice?,
            };
            if !records.is_empty() {
                let bytes = records.iter().map(|r| (r.key.len() + r.value.len()) as u64).sum();
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
        let run = std::panic::AssertUnwindSafe(|| run(self));
        if let Ok(Ok(turn)) = std::panic::catch_unwind(run) {
            return turn;
        }
        self.outbox.deliver(Delivery::Failed(EndReason::BackfillFailed));
        Turn::Finished
    }
}
