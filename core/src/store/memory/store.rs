//! The store as a whole: one lock for each vbucket, one for the run.

use super::scan::MemoryScan;
use super::vbucket::Vbucket;
use crate::error::Result;
use crate::store::checks::{
    check_batch, check_rollback, check_running, check_vb, check_vbuckets, failover_at,
};
use crate::store::contract::{
    Batch, Durability, Persisted, PurgeCut, PurgePage, Record, Scan, Start, Store,
};
use crate::store::random_identity;
use crate::types::{DocMeta, FailoverEntry, Seqno, VbId};
use bytes::Bytes;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A [`Store`] that keeps everything in memory and forgets it when it is dropped.
///
/// Keys and values are copied when they are committed, so that a small document never holds on to the buffer
/// that it came in. Memory is that of the newest versions, plus the older ones that open scans still have to
/// show; those go as the scan passes them, or when it is dropped.
///
/// It may be begun again after [`close`](Store::close), by an engine of the same process.
#[derive(Debug)]
pub struct MemoryStore {
    vbs: Arc<[Mutex<Vbucket>]>,
    run: Mutex<Run>,
    identity: u128,
}

impl MemoryStore {
    /// A store for `vbuckets` vbuckets.
    ///
    /// # Panics
    /// When `vbuckets` is 0 or above [`VBUCKETS_MAX`](crate::limits::VBUCKETS_MAX).
    pub fn new(vbuckets: u32) -> Self {
        if let Err(refused) = check_vbuckets(vbuckets) {
            panic!("{refused}");
        }
        let vbs = (0..vbuckets).map(|_| Mutex::default()).collect();
        Self { vbs, run: Mutex::default(), identity: random_identity() }
    }

    pub(super) fn vb(&self, vb: VbId) -> Result<MutexGuard<'_, Vbucket>> {
        check_vb(vb, self.vbuckets())?;
        Ok(lock(&self.vbs[usize::from(vb.get())]))
    }

    fn writable(&self) -> Result<()> {
        let run = lock(&self.run);
        check_running(run.begun, run.closed)
    }
}

impl Store for MemoryStore {
    fn vbuckets(&self) -> u32 {
        u32::try_from(self.vbs.len()).expect("at most VBUCKETS_MAX vbuckets")
    }

    fn identity(&self) -> Option<u128> {
        Some(self.identity)
    }

    fn begin(&self, window: u64) -> Result<Start> {
        let mut run = lock(&self.run);
        let start = Start { clean: !run.begun || run.closed, window_before: run.window };
        *run = Run { begun: true, closed: false, window };
        Ok(start)
    }

    fn load(&self, vb: VbId) -> Result<Persisted> {
        Ok(self.vb(vb)?.persisted())
    }

    fn keys(&self, vb: VbId, each: &mut dyn FnMut(&[u8], &DocMeta)) -> Result<()> {
        let mut after: Option<Bytes> = None;
        loop {
            let page = self.vb(vb)?.keys_after(after.as_deref(), PAGE);
            for (key, meta) in &page {
                each(key, meta);
            }
            match page.into_iter().next_back() {
                Some((key, _)) => after = Some(key),
                None => return Ok(()),
            }
        }
    }

    fn get(&self, vb: VbId, key: &[u8]) -> Result<Option<Record>> {
        Ok(self.vb(vb)?.get(key))
    }

    fn commit(&self, batch: &Batch, _: Durability) -> Result<()> {
        self.writable()?;
        let vbs = &self.vbs;
        check_batch(batch, self.vbuckets(), |vb| lock(&vbs[usize::from(vb.get())]).high())?;
        for part in &batch.vbs {
            self.vb(part.vb)?.commit(part);
        }
        Ok(())
    }

    fn scan(&self, vb: VbId, range: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>> {
        check_vb(vb, self.vbuckets())?;
        Ok(Box::new(MemoryScan::open(Arc::clone(&self.vbs), vb, range)))
    }

    fn rollback(&self, vb: VbId, to: Seqno, failover: &[FailoverEntry]) -> Result<Seqno> {
        self.writable()?;
        check_vb(vb, self.vbuckets())?;
        check_rollback(vb, to, failover)?;
        Ok(self.vb(vb)?.rollback(to, |reached| failover_at(failover, reached)))
    }

    fn rollback_floor(&self, vb: VbId) -> Result<Seqno> {
        Ok(self.vb(vb)?.rollback_floor())
    }

    fn purge_page(
        &self,
        vb: VbId,
        cut: PurgeCut,
        select: &mut dyn FnMut(&[u8], &DocMeta) -> bool,
    ) -> Result<PurgePage> {
        self.writable()?;
        let cut = PurgeCut { limit: cut.limit.min(PAGE), ..cut };
        Ok(self.vb(vb)?.purge(cut, select))
    }

    fn reset(&self, vb: VbId) -> Result<()> {
        self.writable()?;
        let forgotten = self.vb(vb)?.reset();
        drop(forgotten);
        Ok(())
    }

    fn maintain(&self, _: usize) -> Result<bool> {
        Ok(false)
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    fn close(&self) -> Result<()> {
        let mut run = lock(&self.run);
        check_running(run.begun, false)?;
        run.closed = true;
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Run {
    begun: bool,
    closed: bool,
    window: u64,
}

/// Most entries that are looked at under one hold of a vbucket's lock.
pub(super) const PAGE: usize = 1024;

/// A panic cannot leave a vbucket half changed: nothing that runs under its lock is foreign code.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
