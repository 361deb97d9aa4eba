//! A memory store whose commits wait at a gate.

use millstream::Result;
use millstream::store::{Batch, Durability, MemoryStore, Persisted, Record, Scan, Start, Store};
use millstream::types::{DocMeta, FailoverEntry, Seqno, VbId};
use std::ops::RangeInclusive;
use std::sync::{Arc, Condvar, Mutex};

/// The gate: commits pass while it is open.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    shut: bool,
    commits: usize,
}

impl Gate {
    pub(super) fn shut(&self) {
        self.0.0.lock().expect("no panic").shut = true;
    }

    pub(super) fn open(&self) {
        self.0.0.lock().expect("no panic").shut = false;
        self.0.1.notify_all();
    }

    /// Commits that passed.
    pub(super) fn commits(&self) -> usize {
        self.0.0.lock().expect("no panic").commits
    }

    fn pass(&self) {
        let state = self.0.0.lock().expect("no panic");
        let mut state = self.0.1.wait_while(state, |state| state.shut).expect("no panic");
        state.commits += 1;
    }
}

/// The store behind it.
pub(super) struct GatedStore {
    store: MemoryStore,
    gate: Gate,
}

impl GatedStore {
    pub(super) fn new(vbuckets: u32, gate: &Gate) -> Self {
        Self { store: MemoryStore::new(vbuckets), gate: gate.clone() }
    }
}

impl Store for GatedStore {
    fn vbuckets(&self) -> u32 {
        self.store.vbuckets()
    }

    fn begin(&self, window: u64) -> Result<Start> {
        self.store.begin(window)
    }

    fn load(&self, vb: VbId) -> Result<Persisted> {
        self.store.load(vb)
    }

    fn keys(&self, vb: VbId, each: &mut dyn FnMut(&[u8], &DocMeta)) -> Result<()> {
        self.store.keys(vb, each)
    }

    fn get(&self, vb: VbId, key: &[u8]) -> Result<Option<Record>> {
        self.store.get(vb, key)
    }

    fn commit(&self, batch: &Batch, durability: Durability) -> Result<()> {
        self.gate.pass();
        self.store.commit(batch, durability)
    }

    fn scan(&self, vb: VbId, range: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>> {
        self.store.scan(vb, range)
    }

    fn rollback(&self, vb: VbId, to: Seqno, failover: &[FailoverEntry]) -> Result<Seqno> {
        self.store.rollback(vb, to, failover)
    }

    fn purge(&self, vb: VbId, before: u32, limit: usize) -> Result<usize> {
        self.store.purge(vb, before, limit)
    }

    fn reset(&self, vb: VbId) -> Result<()> {
        self.store.reset(vb)
    }

    fn maintain(&self, limit: usize) -> Result<bool> {
        self.store.maintain(limit)
    }

    fn disk_bytes(&self) -> u64 {
        self.store.disk_bytes()
    }

    fn close(&self) -> Result<()> {
        self.store.close()
    }
}
