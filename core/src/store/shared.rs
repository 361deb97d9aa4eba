//! A store behind a counted reference is a store: so it may outlive its engine.

use super::contract::{
    Batch, Durability, Persisted, PurgeCut, PurgePage, Record, Scan, Start, Store,
};
use crate::error::Result;
use crate::types::{DocMeta, FailoverEntry, Seqno, VbId};
use std::ops::RangeInclusive;
use std::sync::Arc;

impl<S: Store + ?Sized> Store for Arc<S> {
    fn vbuckets(&self) -> u32 {
        (**self).vbuckets()
    }

    fn identity(&self) -> Option<u128> {
        (**self).identity()
    }

    fn begin(&self, window: u64) -> Result<Start> {
        (**self).begin(window)
    }

    fn load(&self, vb: VbId) -> Result<Persisted> {
        (**self).load(vb)
    }

    fn keys(&self, vb: VbId, each: &mut dyn FnMut(&[u8], &DocMeta)) -> Result<()> {
        (**self).keys(vb, each)
    }

    fn get(&self, vb: VbId, key: &[u8]) -> Result<Option<Record>> {
        (**self).get(vb, key)
    }

    fn commit(&self, batch: &Batch, durability: Durability) -> Result<()> {
        (**self).commit(batch, durability)
    }

    fn scan(&self, vb: VbId, range: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>> {
        (**self).scan(vb, range)
    }

    fn rollback(&self, vb: VbId, to: Seqno, failover: &[FailoverEntry]) -> Result<Seqno> {
        (**self).rollback(vb, to, failover)
    }

    fn rollback_floor(&self, vb: VbId) -> Result<Seqno> {
        (**self).rollback_floor(vb)
    }

    fn purge_page(
        &self,
        vb: VbId,
        cut: PurgeCut,
        select: &mut dyn FnMut(&[u8], &DocMeta) -> bool,
    ) -> Result<PurgePage> {
        (**self).purge_page(vb, cut, select)
    }

    fn reset(&self, vb: VbId) -> Result<()> {
        (**self).reset(vb)
    }

    fn maintain(&self, limit: usize) -> Result<bool> {
        (**self).maintain(limit)
    }

    fn is_ready(&self) -> bool {
        (**self).is_ready()
    }

    fn disk_bytes(&self) -> u64 {
        (**self).disk_bytes()
    }

    fn close(&self) -> Result<()> {
        (**self).close()
    }
}
