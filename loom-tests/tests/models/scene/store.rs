//! A store that holds a few documents, or refuses every scan: the shortest backfills there are.

use millstream::error::{Error, ErrorKind, Result};
use millstream::store::{
    Batch, Durability, Persisted, PurgeCut, PurgePage, Record, Scan, Slice, SliceBudget, Start,
    Store,
};
use millstream::types::{Cas, Datatype, DocKind, DocMeta, FailoverEntry, RevSeqno, Seqno, VbId};
use std::ops::RangeInclusive;

/// See the module.
#[derive(Debug)]
pub(crate) struct ModelStore {
    /// Documents of a vbucket, one a slice; `None`: no scan can be opened.
    documents: Option<u64>,
}

impl ModelStore {
    pub(crate) const FAILING: Self = Self { documents: None };
    /// Two documents, and so two slices.
    pub(crate) const TWO: Self = Self { documents: Some(2) };
}

/// Bytes of a document of the store.
pub(crate) const DOCUMENT_BYTES: u64 = 2;

/// A scan that shows `next..=last`.
#[derive(Debug)]
struct OneByOne {
    next: u64,
    last: u64,
}

impl Scan for OneByOne {
    fn range(&self) -> RangeInclusive<Seqno> {
        Seqno(self.next)..=Seqno(self.last)
    }
    fn last(&self) -> Seqno {
        Seqno(self.last)
    }
    fn last_whose_key(&mut self, _: fn(&[u8]) -> bool) -> Result<Seqno> {
        Ok(Seqno(self.last))
    }
    fn purge_seqno(&self) -> Seqno {
        Seqno::ZERO
    }
    fn remaining_estimate(&self) -> u64 {
        self.last + 1 - self.next
    }
    fn next(&mut self, _: SliceBudget, out: &mut Vec<Record>) -> Result<Slice> {
        let seqno = Seqno(self.next);
        let (cas, rev, datatype, kind) = (Cas(1), RevSeqno(1), Datatype::RAW, DocKind::Alive);
        let meta = DocMeta { seqno, cas, rev, flags: 0, expiry: 0, datatype, kind };
        out.push(Record { meta, key: "k".into(), value: "v".into() });
        self.next += 1;
        Ok(Slice { read_to: seqno, more: self.next <= self.last })
    }
}

fn refused<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unavailable, "a store that refuses"))
}

impl Store for ModelStore {
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
    fn scan(&self, _: VbId, range: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>> {
        match self.documents {
            Some(last) => Ok(Box::new(OneByOne { next: range.start().0, last })),
            None => refused(),
        }
    }
    fn rollback(&self, _: VbId, _: Seqno, _: &[FailoverEntry]) -> Result<Seqno> {
        refused()
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
