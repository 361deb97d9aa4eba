//! A memory store that has a past, and in whose calls a test can wait, fail, count and look.

use crate::error::Result;
use crate::store::{
    Batch, Durability, MemoryStore, Persisted, PurgeCut, PurgePage, Record, Scan, Slice,
    SliceBudget, Start, Store, VbBatch,
};
use crate::types::{Cas, DocMeta, FailoverEntry, Seqno, VbId};
use bytes::Bytes;
use std::ops::RangeInclusive;

/// A memory store of so many vbuckets, in each of which an earlier run has left `documents` documents, at seqnos from 1
/// on, with the key and value that `document` gives: what an engine that opens it has to backfill.
///
/// # Panics
/// If there are more vbuckets than there can be, or a key is empty.
#[must_use]
pub fn with_past(
    vbuckets: u32,
    documents: u64,
    document: impl Fn(Seqno) -> (Bytes, Bytes),
) -> MemoryStore {
    let store = MemoryStore::new(vbuckets);
    store.begin(documents.max(1)).expect("a new store begins");
    let record = |seqno| {
        let (key, value) = document(seqno);
        Record { meta: DocMeta::alive(seqno, Cas(seqno.0)), key, value }
    };
    let vb = |vb| VbBatch {
        vb,
        records: (1..=documents).map(Seqno).map(record).collect(),
        high: Seqno(documents),
        replaced_within: false,
        state: None,
        failover: None,
    };
    let vbs = (0..vbuckets).map(|id| vb(VbId(u16::try_from(id).expect("a vbucket")))).collect();
    store.commit(&Batch { vbs }, Durability::Synced).expect("it takes what is in order");
    store.close().expect("it was begun");
    store
}

/// What a test does in calls of a store. Each is handed the memory store and makes the call itself; one that is left as
/// it is does that and nothing else.
pub trait StoreHooks: Send + Sync + 'static {
    /// In [`Store::get`].
    fn get(&self, store: &MemoryStore, vb: VbId, key: &[u8]) -> Result<Option<Record>> {
        store.get(vb, key)
    }

    /// In [`Store::commit`].
    fn commit(&self, store: &MemoryStore, batch: &Batch, durability: Durability) -> Result<()> {
        store.commit(batch, durability)
    }

    /// In [`Store::scan`]; [`HookedScan`] has the test in the calls of the scan as well.
    fn scan(
        &self,
        store: &MemoryStore,
        vb: VbId,
        range: RangeInclusive<Seqno>,
    ) -> Result<Box<dyn Scan>> {
        store.scan(vb, range)
    }
}

/// A memory store with a test in its calls.
#[derive(Debug)]
pub struct HookedStore<H> {
    memory: MemoryStore,
    hooks: H,
}

impl<H: StoreHooks> HookedStore<H> {
    /// With this test in the calls of that store.
    pub fn new(memory: MemoryStore, hooks: H) -> Self {
        Self { memory, hooks }
    }

    /// The test.
    pub fn hooks(&self) -> &H {
        &self.hooks
    }
}

impl<H: StoreHooks> Store for HookedStore<H> {
    fn get(&self, vb: VbId, key: &[u8]) -> Result<Option<Record>> {
        self.hooks.get(&self.memory, vb, key)
    }

    fn commit(&self, batch: &Batch, durability: Durability) -> Result<()> {
        self.hooks.commit(&self.memory, batch, durability)
    }

    fn scan(&self, vb: VbId, range: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>> {
        self.hooks.scan(&self.memory, vb, range)
    }

    fn vbuckets(&self) -> u32 {
        self.memory.vbuckets()
    }

    fn identity(&self) -> Option<u128> {
        self.memory.identity()
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

    fn is_ready(&self) -> bool {
        self.memory.is_ready()
    }

    fn disk_bytes(&self) -> u64 {
        self.memory.disk_bytes()
    }

    fn close(&self) -> Result<()> {
        self.memory.close()
    }
}

/// What a test does in a scan. It is dropped right before the scan is.
pub trait ScanHooks: Send {
    /// In [`Scan::next`]; it makes the call itself.
    fn next(
        &mut self,
        scan: &mut dyn Scan,
        budget: SliceBudget,
        out: &mut Vec<Record>,
    ) -> Result<Slice>;
}

/// A scan with a test in it.
pub struct HookedScan<H> {
    hooks: H,
    scan: Box<dyn Scan>,
}

impl<H: ScanHooks> HookedScan<H> {
    /// With this test in that scan.
    pub fn new(scan: Box<dyn Scan>, hooks: H) -> Self {
        Self { hooks, scan }
    }
}

impl<H: ScanHooks> Scan for HookedScan<H> {
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

    fn leave_out_values(&mut self, needs_value: fn(&[u8]) -> bool) {
        self.scan.leave_out_values(needs_value);
    }

    fn next(&mut self, budget: SliceBudget, out: &mut Vec<Record>) -> Result<Slice> {
        self.hooks.next(&mut *self.scan, budget, out)
    }
}
