//! Documents and batches to try a store with.

use super::check::{Maker, Step};
use crate::store::{Batch, Durability, Record, Scan, Slice, SliceBudget, Store, VbBatch};
use crate::types::{Cas, Datatype, DocKind, DocMeta, FailoverEntry, RevSeqno, Seqno, VbId, VbUuid};
use bytes::Bytes;
use std::ops::RangeInclusive;

/// A new store with a run begun.
pub(super) fn begun(maker: &mut dyn Maker, vbuckets: u32) -> Step<Box<dyn Store>> {
    let store = maker.make(vbuckets)?;
    store.begin(1)?;
    Ok(store)
}

/// The vbucket of checks that need only one.
pub(super) const VB: VbId = VbId(0);

/// A document.
pub(super) fn doc(seqno: u64, key: &str, value: &str) -> Record {
    Record {
        meta: DocMeta {
            seqno: Seqno(seqno),
            cas: Cas(1000u64.saturating_add(seqno)),
            rev: RevSeqno(seqno),
            flags: 0xDEAD_BEEF,
            expiry: 0,
            datatype: Datatype::JSON,
            kind: DocKind::Alive,
        },
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
    }
}

/// A tombstone, made at `time`.
pub(super) fn tombstone(seqno: u64, key: &str, time: u32) -> Record {
    let mut record = doc(seqno, key, "");
    record.meta.kind = DocKind::Deleted;
    record.meta.datatype = Datatype::RAW;
    record.meta.expiry = time;
    record
}

/// A part of a batch that settles no more than its records.
pub(super) fn part(vb: VbId, records: Vec<Record>) -> VbBatch {
    let high = records.last().map_or(Seqno::ZERO, |record| record.meta.seqno);
    VbBatch { vb, records, high, replaced_within: false, state: None, failover: None }
}

/// Commits some records to [`VB`].
pub(super) fn commit(store: &dyn Store, records: Vec<Record>) -> Step {
    commit_to(store, VB, records)
}

/// Commits some records to a vbucket.
pub(super) fn commit_to(store: &dyn Store, vb: VbId, records: Vec<Record>) -> Step {
    Ok(store.commit(&Batch { vbs: vec![part(vb, records)] }, Durability::Synced)?)
}

/// A failover log.
pub(super) fn log(entries: &[(u64, u64)]) -> Vec<FailoverEntry> {
    let entry = |&(uuid, seqno)| FailoverEntry { uuid: VbUuid(uuid), seqno: Seqno(seqno) };
    entries.iter().map(entry).collect()
}

/// All seqnos.
pub(super) const ALL: RangeInclusive<Seqno> = Seqno(0)..=Seqno::MAX;

/// As much as there is.
pub(super) const UNBOUNDED: SliceBudget = SliceBudget { bytes: usize::MAX, items: usize::MAX };

/// Reads a scan to its end.
pub(super) fn drain(scan: &mut dyn Scan, budget: SliceBudget) -> Step<Vec<Record>> {
    let mut out = Vec::new();
    while scan.next(budget, &mut out)?.more {}
    Ok(out)
}

/// Reads one slice.
pub(super) fn slice(scan: &mut dyn Scan, items: usize) -> Step<(Vec<Record>, Slice)> {
    let mut out = Vec::new();
    let slice = scan.next(SliceBudget { bytes: usize::MAX, items }, &mut out)?;
    Ok((out, slice))
}

/// Everything that a scan of a whole vbucket shows.
pub(super) fn history_of(store: &dyn Store, vb: VbId) -> Step<Vec<Record>> {
    drain(&mut *store.scan(vb, ALL)?, UNBOUNDED)
}

/// The keys of a vbucket with the seqnos of their newest versions.
pub(super) fn keys_of(store: &dyn Store, vb: VbId) -> Step<Vec<(Vec<u8>, DocMeta)>> {
    let mut keys = Vec::new();
    store.keys(vb, &mut |key, meta| keys.push((key.to_vec(), *meta)))?;
    Ok(keys)
}

/// The seqnos of some records.
pub(super) fn seqnos(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.meta.seqno.get()).collect()
}
