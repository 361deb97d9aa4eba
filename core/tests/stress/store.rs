//! A memory store with a past, which sees the last slice of each scan and where scans are dropped.

use crate::collisions::{Collisions, Deed, Presence};
use bytes::Bytes;
use millstream::error::Result;
use millstream::store::{
    Batch, Durability, MemoryStore, Persisted, PurgeCut, PurgePage, Record, Scan, Slice,
    SliceBudget, Start, Store, VbBatch,
};
use millstream::types::{
    Cas, Datatype, DocKind, DocMeta, FailoverEntry, RevSeqno, Seqno, VbId, VbState,
};
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

/// See the module.
pub(crate) struct WatchedStore {
    memory: MemoryStore,
    /// By vbucket.
    current: Vec<Mutex<Option<Current>>>,
    pub(crate) watch: Watch,
}

/// What scans report to.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    pub(crate) collisions: Arc<Collisions>,
    /// Scans that were dropped neither by a worker nor by the reaper.
    pub(crate) astray: Arc<AtomicU64>,
    pub(crate) scans: Arc<AtomicU64>,
}

impl WatchedStore {
    pub(crate) fn new(vbuckets: u16, watch: Watch) -> Self {
        let memory = MemoryStore::new(u32::from(vbuckets));
        memory.begin(STORED).expect("a new store begins");
        let vbs = (0..vbuckets).map(|vb| VbBatch {
            vb: VbId(vb),
            records: (1..=STORED).map(|n| record(Seqno(n))).collect(),
            high: Seqno(STORED),
            state: Some(VbState::Active),
            failover: None,
        });
        let batch = Batch { vbs: vbs.collect() };
        memory.commit(&batch, Durability::Synced).expect("it takes what is in order");
        memory.close().expect("it was begun");
        Self { memory, current: (0..vbuckets).map(|_| Mutex::default()).collect(), watch }
    }

    /// From now on scans of that vbucket which begin after that seqno are this connection's.
    pub(crate) fn begin_round(&self, vb: VbId, current: Current) {
        *self.current[usize::from(vb.0)].lock().expect("nobody panics with it") = Some(current);
    }
}

fn record(seqno: Seqno) -> Record {
    let meta = DocMeta {
        seqno,
        cas: Cas(seqno.0),
        rev: RevSeqno(1),
        flags: 0,
        expiry: 0,
        datatype: Datatype::RAW,
        kind: DocKind::Alive,
    };
    Record { meta, key: Bytes::from(format!("\0old{seqno}")), value: Bytes::from_static(b"stored") }
}

impl Store for WatchedStore {
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
    fn get(&self, vb: VbId, key: &[u8]) -> Result<Option<Record>> {
        self.memory.get(vb, key)
    }
    fn commit(&self, batch: &Batch, durability: Durability) -> Result<()> {
        self.memory.commit(batch, durability)
    }
    fn scan(&self, vb: VbId, range: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>> {
        let current = self.current[usize::from(vb.0)].lock().expect("nobody panics with it");
        let current = current.clone().filter(|current| current.after.next() == *range.start());
        let scan = self.memory.scan(vb, range)?;
        self.watch.scans.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(WatchedScan { scan, current, inside: false, watch: self.watch.clone() }))
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

struct WatchedScan {
    scan: Box<dyn Scan>,
    current: Option<Current>,
    inside: bool,
    watch: Watch,
}

impl Scan for WatchedScan {
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
        let slice = self.scan.next(budget, out)?;
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
