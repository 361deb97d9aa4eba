//! A store in which a test can hold the engine's own threads, and which it can ask what they did.

use super::gate::{Held, Hold};
use crate::error::Result;
use crate::store::{Batch, Durability, MemoryStore, Record, Scan, Slice, SliceBudget, Store};
use crate::testing::store::{HookedScan, HookedStore, ScanHooks, StoreHooks, with_past};
use crate::types::{Seqno, VbId};
use bytes::Bytes;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a thread can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Opens a scan of that vbucket.
    Scan(u16),
    /// Has opened it and not returned.
    Scanned(u16),
    /// Reads a slice of it.
    Next(u16),
    /// Reads one document.
    Get,
    /// Commits.
    Commit,
}

/// A memory store with seams.
pub(super) type SeamStore = HookedStore<Seam>;

/// Where the store's calls go through.
#[derive(Clone, Debug, Default)]
pub(super) struct Seam(Arc<Mutex<Seams>>);

#[derive(Debug, Default)]
struct Seams {
    holds: Vec<(Call, Held)>,
    for_worker: Vec<Held>,
    panics: Vec<Call>,
    slice_items: Option<usize>,
    calls: Vec<Call>,
    dropped_on: Vec<String>,
}

impl SeamStore {
    pub(super) fn empty(vbuckets: u32) -> Arc<Self> {
        Arc::new(Self::new(MemoryStore::new(vbuckets), Seam::default()))
    }

    /// With documents `key1..=key{items}` of about a hundred bytes in each vbucket, at seqnos `1..=items`.
    pub(super) fn filled(vbuckets: u32, items: u64) -> Arc<Self> {
        let document =
            |seqno| (Bytes::from(format!("\0key{seqno:07}")), Bytes::from(vec![b'v'; 90]));
        Arc::new(Self::new(with_past(vbuckets, items, document), Seam::default()))
    }

    /// Holds the next thread that makes this call.
    pub(super) fn hold(&self, call: Call) -> Hold {
        let hold = Hold::in_seam(call);
        self.seams().holds.push((call, hold.held()));
        hold
    }

    /// Has the next thread that opens or reads a scan held at a gate that it comes to later.
    pub(super) fn hold_worker(&self, hold: &Hold) {
        self.seams().for_worker.push(hold.held());
    }

    /// The next such call panics.
    pub(super) fn panic_at(&self, call: Call) {
        self.seams().panics.push(call);
    }

    /// Scans read so many documents a slice, at most.
    pub(super) fn slice_items(&self, items: usize) {
        self.seams().slice_items = Some(items);
    }

    /// How often a call was made.
    pub(super) fn count(&self, call: Call) -> usize {
        self.seams().calls.iter().filter(|made| **made == call).count()
    }

    /// On which threads scans were dropped, in order.
    pub(super) fn dropped_on(&self) -> Vec<String> {
        self.seams().dropped_on.clone()
    }

    fn seams(&self) -> MutexGuard<'_, Seams> {
        self.hooks().seams()
    }
}

impl Seam {
    fn seams(&self) -> MutexGuard<'_, Seams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread makes a call.
    fn at(&self, call: Call) {
        let mut all = self.seams();
        all.calls.push(call);
        if matches!(call, Call::Scan(_) | Call::Next(_)) {
            all.for_worker.drain(..).for_each(|held| held.arm());
        }
        let found = all.holds.iter().position(|(held, _)| *held == call);
        let held = found.map(|found| all.holds.remove(found).1);
        let panics = all.panics.iter().position(|at| *at == call);
        let panics = panics.map(|found| all.panics.remove(found)).is_some();
        drop(all);
        if let Some(held) = held {
            held.park();
        }
        assert!(!panics, "a store with a bug");
    }
}

impl StoreHooks for Seam {
    fn scan(
        &self,
        store: &MemoryStore,
        vb: VbId,
        range: RangeInclusive<Seqno>,
    ) -> Result<Box<dyn Scan>> {
        self.at(Call::Scan(vb.0));
        let scan =
            HookedScan::new(store.scan(vb, range)?, SeamScan { vb: vb.0, seam: self.clone() });
        self.at(Call::Scanned(vb.0));
        Ok(Box::new(scan))
    }

    fn get(&self, store: &MemoryStore, vb: VbId, key: &[u8]) -> Result<Option<Record>> {
        self.at(Call::Get);
        store.get(vb, key)
    }

    fn commit(&self, store: &MemoryStore, batch: &Batch, durability: Durability) -> Result<()> {
        self.at(Call::Commit);
        store.commit(batch, durability)
    }
}

struct SeamScan {
    vb: u16,
    seam: Seam,
}

impl ScanHooks for SeamScan {
    fn next(
        &mut self,
        scan: &mut dyn Scan,
        budget: SliceBudget,
        out: &mut Vec<Record>,
    ) -> Result<Slice> {
        self.seam.at(Call::Next(self.vb));
        let items = self.seam.seams().slice_items.unwrap_or(budget.items);
        scan.next(SliceBudget { items: items.min(budget.items), ..budget }, out)
    }
}

impl Drop for SeamScan {
    fn drop(&mut self) {
        let thread = std::thread::current().name().unwrap_or("unnamed").to_string();
        self.seam.seams().dropped_on.push(thread);
    }
}
