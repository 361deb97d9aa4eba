//! A store that refuses every scan: the shortest backfill there is.

use millstream::error::{Error, ErrorKind, Result};
use millstream::store::{Batch, Durability, Persisted, Record, Scan, Start, Store};
use millstream::types::{DocMeta, FailoverEntry, Seqno, VbId};
use std::ops::RangeInclusive;

/// See the module.
#[derive(Debug)]
pub(crate) struct FailingStore;

fn refused<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unavailable, "a store that refuses"))
}

impl Store for FailingStore {
    fn vbuckets(&self) -> u32 {
        2
    }
    fn begin(&self, window: u64) -> Result<Start> {
        Ok(Start { clean: true, window_before: window })
    }
    fn load(&self, _: VbId) -> Result<Persisted> {
        Ok(Persisted::default())
    }
    fn keys(&self, _: VbId, _: &mut dyn FnMut(&[u8], &DocMeta)) -> Result<()> {
        Ok(())
    }
    fn get(&self, _: VbId, _: &[u8]) -> Result<Option<Record>> {
        Ok(None)
    }
    fn commit(&self, _: &Batch, _: Durability) -> Result<()> {
        Ok(())
    }
    fn scan(&self, _: VbId, _: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>> {
        refused()
    }
    fn rollback(&self, _: VbId, _: Seqno, _: &[FailoverEntry]) -> Result<Seqno> {
        refused()
    }
    fn purge(&self, _: VbId, _: u32, _: usize) -> Result<usize> {
        Ok(0)
    }
    fn reset(&self, _: VbId) -> Result<()> {
        refused()
    }
    fn maintain(&self, _: usize) -> Result<bool> {
        Ok(false)
    }
    fn disk_bytes(&self) -> u64 {
        0
    }
    fn close(&self) -> Result<()> {
        Ok(())
    }
}
