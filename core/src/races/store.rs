//! A store in which a test can hold the engine's own threads, and which it can ask what they did.

use super::gate::{Held, Hold};
use crate::error::Result;
use crate::store::{
    Batch, Durability, MemoryStore, Persisted, PurgeCut, PurgePage, Record, Scan, Slice,
    SliceBudget, Start, Store, VbBatch,
};
use crate::types::{Cas, Datatype, DocKind, DocMeta, FailoverEntry, RevSeqno, Seqno, VbId};
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
#[derive(Debug)]
pub(super) struct SeamStore {
    memory: MemoryStore,
    seams: Arc<Mutex<Seams>>,
}

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
        Arc::new(Self { memory: MemoryStore::new(vbuckets), seams: Arc::default() })
    }

    /// With documents `key1..=key{items}` of about a hundred bytes in each vbucket, at seqnos `1..=items`.
    pub(super) fn filled(vbuckets: u32, items: u64) -> Arc<Self> {
        let store = Self::empty(vbuckets);
        let memory = &store.memory;
        let _: Start = memory.begin(1).expect("begins");
        let vb = |vb| VbBatch {
            vb: VbId(vb),
            records: (1..=items).map(record).collect(),
            high: Seqno(items),
            state: None,
            failover: None,
        };
        let vbs = (0..vbuckets as u16).map(vb).collect();
        memory.commit(&Batch { vbs }, Durability::Synced).expect("commits");
        memory.close().expect("closes");
        store
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
        lock(&self.seams)
    }
}

fn lock(seams: &Mutex<Seams>) -> MutexGuard<'_, Seams> {
    seams.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread makes a call.
fn at(seams: &Mutex<Seams>, call: Call) {
    let mut all = lock(seams);
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

/// A document as [`SeamStore::filled`] stores it.
fn record(seqno: u64) -> Record {
    Record {
        meta: DocMeta {
            seqno: Seqno(seqno),
            cas: Cas(seqno),
            rev: RevSeqno(1),
            flags: 0,
            expiry: 0,
            datatype: Datatype::RAW,
            kind: DocKind::Alive,
        },
        key: Bytes::from(format!("\0key{seqno:07}")),
        value: Bytes::from(vec![b'v'; 90]),
    }
}

struct SeamScan {
    scan: Box<dyn Scan>,
    vb: u16,
    seams: Arc<Mutex<Seams>>,
}

impl Scan for SeamScan {
    fn range(&self) -> RangeInclusive<Seqno> {
        self.scan.range()
    }
    fn last(&self) -> Seqno {
        self.scan.last()
    }
    fn last_whose_key(&mut self, shows: fn(&[u8]) -> bool) -> Result<Seqno> {
        self.scan.last_whose_key(shows)
    }
    fn purge_seqno(&self) -> Seqno {
        self.scan.purge_seqno()
    }
    fn remaining_estimate(&self) -> u64 {
        self.scan.remaining_estimate()
    }
    fn next(&mut self, budget: SliceBudget, out: &mut Vec<Record>) -> Result<Slice> {
        at(&self.seams, Call::Next(self.vb));
        let items = lock(&self.seams).slice_items.unwrap_or(budget.items);
        self.scan.next(SliceBudget { items: items.min(budget.items), ..budget }, out)
    }
}

impl Drop for SeamScan {
    fn drop(&mut self) {
        let thread = std::thread::current().name().unwrap_or("unnamed").to_string();
        lock(&self.seams).dropped_on.push(thread);
    }
}

impl Store for SeamStore {
    fn scan(&self, vb: VbId, range: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>> {
        at(&self.seams, Call::Scan(vb.0));
        let scan = self.memory.scan(vb, range)?;
        let scan = Box::new(SeamScan { scan, vb: vb.0, seams: Arc::clone(&self.seams) });
        at(&self.seams, Call::Scanned(vb.0));
        Ok(scan)
    }
    fn get(&self, vb: VbId, key: &[u8]) -> Result<Option<Record>> {
        at(&self.seams, Call::Get);
        self.memory.get(vb, key)
    }
    fn commit(&self, batch: &Batch, durability: Durability) -> Result<()> {
        at(&self.seams, Call::Commit);
        self.memory.commit(batch, durability)
    }
    fn vbuckets(&self) -> u32 {
        self.memory.vbuckets()
    }
    fn begin(&self, window: u64) -> Result<Start> {
        self.memory.begin(window)
    }
    fn load(&self, vb: VbId) -> Result<Persisted> {
        self.memory.load(vb)
    }
    fn keys(&self, vb: VbId, each: &mut dyn FnMut(&[u8], &DocMeta)) -> Result<()> {
        self.memory.keys(vb, each)
    }
    fn rollback(&self, vb: VbId, to: Seqno, failover: &[FailoverEntry]) -> Result<Seqno> {
        self.memory.rollback(vb, to, failover)
    }
    fn rollback_floor(&self, vb: VbId) -> Result<Seqno> {
        self.memory.rollback_floor(vb)
    }
    fn purge_page(
        &self,
        vb: VbId,
        cut: PurgeCut,
        select: &mut dyn FnMut(&[u8], &DocMeta) -> bool,
    ) -> Result<PurgePage> {
        self.memory.purge_page(vb, cut, select)
    }
    fn reset(&self, vb: VbId) -> Result<()> {
        self.memory.reset(vb)
    }
    fn maintain(&self, limit: usize) -> Result<bool> {
        self.memory.maintain(limit)
    }
    fn disk_bytes(&self) -> u64 {
        self.memory.disk_bytes()
    }
    fn close(&self) -> Result<()> {
        self.memory.close()
    }
}
