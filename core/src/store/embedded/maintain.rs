//! Background work: versions that no scan needs any more, generations that nobody reads, old tombstones.

use super::database::{by_seqno, pair, reading};
use super::faults::fault;
use super::keys::{dead_key, doc_key, prefix, seq_key, seqno_of};
use super::values::{decode_record_key, decode_superseded};
use super::vbucket::lock;
use super::writer::{Change, Core, Dead, Writer};
use crate::error::Result;
use crate::store::contract::{Durability, PurgeCut, PurgePage};
use crate::types::{DocMeta, Seqno, VbId};
use fjall::{OwnedWriteBatch, Readable};
use std::ops::Bound;

impl Core {
    /// Deletes up to `limit` versions that are left over. Returns whether there are more.
    pub(super) fn maintain(&self, limit: usize) -> Result<bool> {
        let mut writer = self.writer()?;
        let limit = limit.clamp(1, SLICE_MAX);
        if let Some(dead) = writer.dead.front().cloned() {
            self.delete_dead(&mut writer, dead, limit)?;
        } else {
            let vb = match writer.swept {
                Some((vb, ..)) => Some(vb),
                None => lock(&self.sweep).pop_first(),
            };
            if let Some(vb) = vb {
                self.sweep(&mut writer, vb, limit).inspect_err(|_| {
                    lock(&self.sweep).insert(vb);
                })?;
            }
        }
        let idle = writer.dead.is_empty() && writer.swept.is_none();
        Ok(!idle || !lock(&self.sweep).is_empty())
    }

    /// Deletes tombstones. Their candidates are looked for without holding up the writer.
    pub(super) fn purge(
        &self,
        vb: VbId,
        cut: PurgeCut,
        select: &mut dyn FnMut(&[u8], &DocMeta) -> bool,
    ) -> Result<PurgePage> {
        drop(self.writer()?);
        let page = self.tombstones(vb, PurgeCut { limit: cut.limit.min(SLICE_MAX), ..cut })?;
        let (purged, spared) = self.purge_found(vb, &page.found, select)?;
        Ok(PurgePage { purged, spared, read_to: page.read_to, more: page.more })
    }

    fn delete_dead(&self, writer: &mut Writer, mut dead: Dead, limit: usize) -> Result<()> {
        let database = &self.database;
        let keyspaces = [&database.seq, &database.key, &database.sup];
        let mut out = database.batch(limit + 3);
        if let Some(&keyspace) = keyspaces.get(dead.done) {
            let start = prefix(dead.vb, dead.generation).to_vec();
            let end = after_prefix(&start);
            let from = dead.after.take().map_or(Bound::Included(start), Bound::Excluded);
            let entries = database.snapshot().range(keyspace, (from, end));
            let mut deleted = 0;
            for guard in entries.take(limit) {
                let key = guard.key().map_err(|e| fault(&reading(dead.vb), e))?;
                dead.after = Some(key.to_vec());
                out.remove(keyspace, key);
                deleted += 1;
            }
            if deleted < limit {
                dead.done += 1;
                dead.after = None;
            }
        }
        let finished = dead.done == keyspaces.len();
        if finished {
            out.remove(&database.meta, dead_key(dead.vb, dead.generation));
        }
        self.apply(writer, self.busy(), out, Vec::new(), Durability::Buffered)?;
        writer.dead.pop_front();
        if !finished {
            writer.dead.push_front(dead);
        }
        Ok(())
    }

    fn sweep(&self, writer: &mut Writer, vb: VbId, limit: usize) -> Result<()> {
        let swept = writer.swept.take();
        let kept = self.slot(vb)?.lock().kept;
        let after = match swept {
            Some((_, generation, after)) if generation == kept.generation => after,
            _ => Seqno::ZERO,
        };
        let (page, more) = self.superseded(vb, after, limit)?;
        let mut busy = self.busy();
        let (mut kept, done) = busy.hold(vb, |vbucket| {
            let mut done = page.clone();
            done.retain(|&(old, new)| !vbucket.pins.needed(old, new));
            (vbucket.kept, done)
        })?;
        if !done.is_empty() {
            let mut out = self.database.batch(2 * done.len() + 3);
            for &(old, new) in &done {
                let key = seq_key(vb, kept.generation, old);
                out.remove(&self.database.seq, key);
                out.remove(&self.database.sup, key);
                kept.superseded = kept.superseded.saturating_sub(1);
                kept.horizon = kept.horizon.max(new);
            }
            let change = Change { vb, kept, failover: None, ends_scans: false };
            self.apply(writer, busy, out, vec![change], Durability::Buffered)?;
        }
        if let (true, Some(&(last, _))) = (more, page.last()) {
            writer.swept = Some((vb, kept.generation, last));
        }
        Ok(())
    }

    /// A page of replaced versions, and whether there are more.
    fn superseded(
        &self,
        vb: VbId,
        after: Seqno,
        limit: usize,
    ) -> Result<(Vec<(Seqno, Seqno)>, bool)> {
        let generation = self.slot(vb)?.sound()?.kept.generation;
        let (snapshot, sup) = (self.database.snapshot(), &self.database.sup);
        let mut page = Vec::new();
        let entries = by_seqno(&snapshot, sup, vb, generation, after.next()..=Seqno::MAX);
        for guard in entries.take(limit) {
            let (key, value) = pair(guard, &reading(vb))?;
            page.push((seqno_of(&key)?, decode_superseded(&key, &value)?));
        }
        let more = page.len() == limit;
        Ok((page, more))
    }

    /// A page of tombstones that may be purged.
    fn tombstones(&self, vb: VbId, cut: PurgeCut) -> Result<TombstonePage> {
        let PurgeCut { before, after, upto, limit } = cut;
        let kept = self.slot(vb)?.sound()?.kept;
        let mut page = TombstonePage { found: Vec::new(), read_to: after, more: false };
        let upto = upto.min(kept.last);
        if kept.tombstones() == 0 || after >= upto {
            return Ok(page);
        }
        let (snapshot, seq) = (self.database.snapshot(), &self.database.seq);
        let range = after.next()..=upto;
        for (looked_at, guard) in by_seqno(&snapshot, seq, vb, kept.generation, range).enumerate() {
            if looked_at == SLICE_MAX || page.found.len() == limit {
                page.more = true;
                break;
            }
            let (db_key, value) = pair(guard, &reading(vb))?;
            let (meta, key) = decode_record_key(&db_key, &value)?;
            page.read_to = meta.seqno;
            if !meta.kind.is_alive() && u64::from(meta.expiry) < before {
                page.found.push((meta.seqno, key.to_vec()));
            }
        }
        Ok(page)
    }

    /// Purges those of a page that are still the newest version of their key and that nothing keeps. How many, and
    /// which were selected but are kept for a scan.
    fn purge_found(
        &self,
        vb: VbId,
        page: &[(Seqno, Vec<u8>)],
        select: &mut dyn FnMut(&[u8], &DocMeta) -> bool,
    ) -> Result<(usize, Vec<Seqno>)> {
        let (mut purged, mut spared) = (0, Vec::new());
        if page.is_empty() {
            return Ok((purged, spared));
        }
        let mut writer = self.writer()?;
        let generation = self.slot(vb)?.sound()?.kept.generation;
        let mut db_key = Vec::new();
        let mut newest = Vec::with_capacity(page.len());
        for (seqno, key) in page {
            let found = self.database.newest(vb, generation, key, &mut db_key)?;
            newest.push(found.filter(|found| found.seqno == *seqno));
        }
        let mut busy = self.busy();
        let (mut kept, scanned) = busy.hold(vb, |vbucket| {
            let needed = |found: &Option<DocMeta>| {
                found.is_some_and(|found| vbucket.pins.needed(found.seqno, Seqno::MAX))
            };
            let scanned: Vec<bool> = newest.iter().map(needed).collect();
            (vbucket.kept, scanned)
        })?;
        let mut out = self.database.batch(2 * page.len() + 3);
        for (((seqno, key), meta), scanned) in page.iter().zip(&newest).zip(scanned) {
            let Some(meta) = meta.as_ref().filter(|meta| meta.seqno != kept.last) else { continue };
            if !select(key, meta) {
                continue;
            }
            if scanned {
                spared.push(*seqno);
                continue;
            }
            self.put_purge(vb, kept.generation, *seqno, key, &mut out);
            kept.count_out(meta);
            kept.purge = kept.purge.max(*seqno);
            purged += 1;
        }
        if purged > 0 {
            let change = Change { vb, kept, failover: None, ends_scans: false };
            self.apply(&mut writer, busy, out, vec![change], Durability::Buffered)?;
        }
        Ok((purged, spared))
    }

    fn put_purge(
        &self,
        vb: VbId,
        generation: super::keys::Gen,
        seqno: Seqno,
        key: &[u8],
        out: &mut OwnedWriteBatch,
    ) {
        let mut db_key = Vec::new();
        doc_key(vb, generation, key, &mut db_key);
        out.remove(&self.database.seq, seq_key(vb, generation, seqno));
        out.remove(&self.database.key, db_key);
    }
}

/// Most entries that are looked at or deleted at once: the writer waits for the latter.
const SLICE_MAX: usize = 4096;

struct TombstonePage {
    found: Vec<(Seqno, Vec<u8>)>,
    read_to: Seqno,
    more: bool,
}

/// The end of all keys that begin with `prefix`.
fn after_prefix(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}
