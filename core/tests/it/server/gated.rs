//! A memory store whose commits and scans wait at gates, and which tells in what order it was read.

use millstream::Result;
use millstream::error::{Error, ErrorKind};
use millstream::store::{Batch, Durability, MemoryStore, Record, Scan, Slice, SliceBudget, Store};
use millstream::testing::store::{HookedScan, HookedStore, ScanHooks, StoreHooks};
use millstream::types::{Seqno, VbId};
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
pub(super) fn gated_store(vbuckets: u32, gate: &Gate) -> HookedStore<Gate> {
    HookedStore::new(MemoryStore::new(vbuckets), gate.clone())
}

impl StoreHooks for Gate {
    fn commit(&self, store: &MemoryStore, batch: &Batch, durability: Durability) -> Result<()> {
        self.pass();
        store.commit(batch, durability)
    }

    fn scan(
        &self,
        store: &MemoryStore,
        vb: VbId,
        range: RangeInclusive<Seqno>,
    ) -> Result<Box<dyn Scan>> {
        self.enter_scan(vb)?;
        let seen = Seen { vb, gate: self.clone() };
        Ok(Box::new(HookedScan::new(store.scan(vb, range)?, seen)))
    }
}

/// A scan whose reads are told in their order.
struct Seen {
    vb: VbId,
    gate: Gate,
}

impl ScanHooks for Seen {
    fn next(
        &mut self,
        scan: &mut dyn Scan,
        budget: SliceBudget,
        out: &mut Vec<Record>,
    ) -> Result<Slice> {
        self.gate.0.0.lock().expect("no panic").reads.push((self.vb, true));
        scan.next(budget, out)
    }
}
