//! A memory store whose commits and scans wait at gates, and which tells in what order it was read.

use millstream::Result;
use millstream::error::{Error, ErrorKind};
use millstream::store::{
    Batch, Durability, MemoryStore, Persisted, PurgeCut, PurgePage, Record, Scan, Slice,
    SliceBudget, Start, Store,
};
use millstream::types::{DocMeta, FailoverEntry, Seqno, VbId};
use std::ops::RangeInclusive;
use std::sync::{Arc, Condvar, Mutex};

/// The gate: commits pass while it is open, scans while it lets them.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    shut: bool,
    commits: usize,
    scans: Scans,
    /// Scans that are being opened and may not be yet.
    waiting: usize,
    /// Of which vbucket a scan was opened (`false`) or a slice of one read (`true`).
    reads: Vec<(VbId, bool)>,
}

/// Which scans may be opened.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Scans {
    #[default]
    All,
    /// So many more.
    Some(usize),
    /// All, but they fail.
    Failing,
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

    /// Lets so many more scans be opened.
    pub(super) fn let_scans_in(&self, scans: usize) {
        self.set_scans(Scans::Some(scans));
    }

    /// Lets all scans be opened.
    pub(super) fn let_all_scans_in(&self) {
        self.set_scans(Scans::All);
    }

    /// Lets all scans fail.
    pub(super) fn fail_scans(&self) {
        self.set_scans(Scans::Failing);
    }

    fn set_scans(&self, scans: Scans) {
        self.0.0.lock().expect("no panic").scans = scans;
        self.0.1.notify_all();
    }

    /// Waits until a scan waits to be opened.
    pub(super) fn wait_for_scan(&self) {
        let state = self.0.0.lock().expect("no panic");
        drop(self.0.1.wait_while(state, |state| state.waiting == 0).expect("no panic"));
    }

    /// In which order scans were opened and read since the last call.
    pub(super) fn reads(&self) -> Vec<(VbId, bool)> {
        std::mem::take(&mut self.0.0.lock().expect("no panic").reads)
    }

    fn enter_scan(&self, vb: VbId) -> Result<()> {
        let mut state = self.0.0.lock().expect("no panic");
        state.waiting += 1;
        self.0.1.notify_all();
        let mut state =
            self.0.1.wait_while(state, |state| state.scans == Scans::Some(0)).expect("no panic");
        state.waiting -= 1;
        if let Scans::Some(scans) = &mut state.scans {
            *scans -= 1;
        }
        state.reads.push((vb, false));
        if state.scans == Scans::Failing {
            return Err(Error::new(ErrorKind::Unavailable, "the disk is gone"));
        }
        Ok(())
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
        self.gate.enter_scan(vb)?;
        let scan = self.store.scan(vb, range)?;
        Ok(Box::new(GatedScan { vb, scan, gate: self.gate.clone() }))
    }

    fn rollback(&self, vb: VbId, to: Seqno, failover: &[FailoverEntry]) -> Result<Seqno> {
        self.store.rollback(vb, to, failover)
    }

    fn rollback_floor(&self, vb: VbId) -> Result<Seqno> {
        self.store.rollback_floor(vb)
    }
    fn purge_page(
        &self,
        vb: VbId,
        cut: PurgeCut,
        select: &mut dyn FnMut(&[u8], &DocMeta) -> bool,
    ) -> Result<PurgePage> {
        self.store.purge_page(vb, cut, select)
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

struct GatedScan {
    vb: VbId,
    scan: Box<dyn Scan>,
    gate: Gate,
}

impl Scan for GatedScan {
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
        self.gate.0.0.lock().expect("no panic").reads.push((self.vb, true));
        self.scan.next(budget, out)
    }
}
