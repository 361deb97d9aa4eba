//! A store that keeps nothing, where only the engine itself is to be measured.

use millstream::store::{
    Batch, Durability, Persisted, PurgeCut, PurgePage, Record, Scan, Slice, SliceBudget, Start,
    Store,
};
use millstream::types::{DocMeta, FailoverEntry, Seqno, VbId};
use millstream::{Error, ErrorKind, Result};
use std::ops::RangeInclusive;

/// Takes everything, has nothing. What leaves memory is gone.
#[derive(Clone, Copy, Debug)]
pub struct Forgetful(pub u32);

impl Store for Forgetful {
    fn vbuckets(&self) -> u32 {
        self.0
    }

    fn begin(&self, _: u64) -> Result<Start> {
        Ok(Start { clean: true, window_before: 0 })
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

    fn scan(&self, _: VbId, range: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>> {
        Ok(Box::new(Nothing(*range.end())))
    }

    fn rollback(&self, _: VbId, _: Seqno, _: &[FailoverEntry]) -> Result<Seqno> {
        Err(Error::new(ErrorKind::Unavailable, "this store keeps nothing to go back to"))
    }

    fn rollback_floor(&self, _: VbId) -> Result<Seqno> {
        Ok(Seqno::ZERO)
    }

    fn purge_page(
        &self,
        _: VbId,
        cut: PurgeCut,
        _: &mut dyn FnMut(&[u8], &DocMeta) -> bool,
    ) -> Result<PurgePage> {
        Ok(PurgePage { purged: 0, spared: Vec::new(), read_to: cut.after, more: false })
    }

    fn reset(&self, _: VbId) -> Result<()> {
        Ok(())
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

struct Nothing(Seqno);

impl Scan for Nothing {
    fn range(&self) -> RangeInclusive<Seqno> {
        self.0.next()..=self.0
    }

    fn last(&self) -> Seqno {
        Seqno::ZERO
    }

    fn last_whose_key(&mut self, _: fn(&[u8]) -> bool) -> Result<Seqno> {
        Ok(Seqno::ZERO)
    }

    fn purge_seqno(&self) -> Seqno {
        Seqno::ZERO
    }

    fn remaining_estimate(&self) -> u64 {
        0
    }

    fn next(&mut self, _: SliceBudget, _: &mut Vec<Record>) -> Result<Slice> {
        Ok(Slice { read_to: self.0, more: false })
    }
}
