//! A memory store with a past, which sees the last slice of each scan and where scans are dropped.

use crate::collisions::{Collisions, Deed, Presence};
use bytes::Bytes;
use millstream::error::Result;
use millstream::store::{MemoryStore, Record, Scan, Slice, SliceBudget, Store};
use millstream::testing::store::{HookedScan, HookedStore, ScanHooks, StoreHooks, with_past};
use millstream::types::{Seqno, VbId};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Documents of each vbucket that only the store has. A round's streams begin after one of them, which tells a scan of
/// this round from a late one of another.
pub(crate) const STORED: u64 = 32;

/// The connection of the round, and after which seqno its streams begin.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) presence: Arc<Presence>,
    pub(crate) after: Seqno,
    /// The rival is expected at the end of the scan.
    pub(crate) lingers: bool,
}

/// What looks at the store's scans.
pub(crate) struct Watcher {
    /// By vbucket.
    current: Vec<Mutex<Option<Current>>>,
    watch: Watch,
}

/// See the module.
pub(crate) fn watched_store(vbuckets: u16, watch: Watch) -> HookedStore<Watcher> {
    let document = |seqno| (Bytes::from(format!("\0old{seqno}")), Bytes::from_static(b"stored"));
    let current = (0..vbuckets).map(|_| Mutex::default()).collect();
    HookedStore::new(with_past(u32::from(vbuckets), STORED, document), Watcher { current, watch })
}

/// What scans report to.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    pub(crate) collisions: Arc<Collisions>,
    /// Scans that were dropped neither by a worker nor by the reaper.
    pub(crate) astray: Arc<AtomicU64>,
    pub(crate) scans: Arc<AtomicU64>,
}

impl Watcher {
    /// From now on scans of that vbucket which begin after that seqno are this connection's.
    pub(crate) fn begin_round(&self, vb: VbId, current: Current) {
        *self.current[usize::from(vb.0)].lock().expect("nobody panics with it") = Some(current);
    }
}

impl StoreHooks for Watcher {
    fn scan(
        &self,
        store: &MemoryStore,
        vb: VbId,
        range: RangeInclusive<Seqno>,
    ) -> Result<Box<dyn Scan>> {
        let current = self.current[usize::from(vb.0)].lock().expect("nobody panics with it");
        let current = current.clone().filter(|current| current.after.next() == *range.start());
        let scan = store.scan(vb, range)?;
        self.watch.scans.fetch_add(1, Ordering::Relaxed);
        let watched = WatchedScan { current, inside: false, watch: self.watch.clone() };
        Ok(Box::new(HookedScan::new(scan, watched)))
    }
}

struct WatchedScan {
    current: Option<Current>,
    inside: bool,
    watch: Watch,
}

impl ScanHooks for WatchedScan {
    fn next(
        &mut self,
        scan: &mut dyn Scan,
        budget: SliceBudget,
        out: &mut Vec<Record>,
    ) -> Result<Slice> {
        let slice = scan.next(budget, out)?;
        if let (false, Some(current)) = (slice.more, &self.current) {
            let presence = &current.presence;
            // Left when the scan is dropped.
            std::mem::forget(presence.enter(Deed::EndOfBackfill, &self.watch.collisions));
            self.inside = true;
            if current.lingers {
                presence.linger(Deed::CloseAll, 1);
            }
        }
        Ok(slice)
    }
}

impl Drop for WatchedScan {
    fn drop(&mut self) {
        if let (true, Some(current)) = (self.inside, &self.current) {
            current.presence.leave(Deed::EndOfBackfill);
        }
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        if !name.starts_with("millstream-backfill-") && name != "millstream-housekeeper" {
            self.watch.astray.fetch_add(1, Ordering::Relaxed);
        }
    }
}
