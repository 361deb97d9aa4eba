//! Committing: new versions in, replaced ones out, unless a scan still has to show them.

use super::keys::{doc_key, seq_key};
use super::values::{Counters, encode_newest, encode_record, encode_superseded};
use super::writer::{Busy, Change, Core};
use crate::error::Result;
use crate::store::checks::check_batch;
use crate::store::contract::{Batch, Durability, Record, VbBatch};
use crate::types::{DocMeta, VbId};
use fjall::OwnedWriteBatch;

/// A record and the version that it takes the place of.
struct Replacement<'a> {
    record: &'a Record,
    old: Option<DocMeta>,
    /// Whether a scan still has to show the old version.
    needed: bool,
}

impl Core {
    /// Writes a batch.
    pub(super) fn commit(&self, batch: &Batch, durability: Durability) -> Result<()> {
        let mut writer = self.writer()?;
        let high_of = |vb: VbId| self.slots[usize::from(vb.get())].lock().kept.high;
        check_batch(batch, self.options.vbuckets, high_of)?;
        let mut replacements = Vec::with_capacity(batch.vbs.len());
        let mut entries = 2;
        for part in &batch.vbs {
            entries += 3 * part.records.len() + 2;
            replacements.push(self.look_up(part)?);
        }
        let mut busy = self.busy();
        let mut out = self.database.batch(entries);
        let mut changes = Vec::with_capacity(batch.vbs.len());
        for (part, replacements) in batch.vbs.iter().zip(replacements) {
            changes.push(self.plan_part(part, replacements, &mut busy, &mut out)?);
        }
        self.apply(&mut writer, busy, out, changes, durability)
    }

    /// Finds the versions that a batch replaces. Only the writer changes them, so they stay as found.
    fn look_up<'a>(&self, part: &'a VbBatch) -> Result<Vec<Replacement<'a>>> {
        let kept = self.slot(part.vb)?.sound()?.kept;
        let mut db_key = Vec::new();
        let mut replacements = Vec::with_capacity(part.records.len());
        for record in &part.records {
            let old = match kept.keys {
                0 => None,
                _ => self.database.newest(part.vb, kept.generation, &record.key, &mut db_key)?,
            };
            replacements.push(Replacement { record, old, needed: false });
        }
        Ok(replacements)
    }

    fn plan_part(
        &self,
        part: &VbBatch,
        mut replacements: Vec<Replacement<'_>>,
        busy: &mut Busy<'_>,
        out: &mut OwnedWriteBatch,
    ) -> Result<Change> {
        let superseded_max = self.options.superseded_max;
        let mut kept = busy.hold(part.vb, |vbucket| {
            if vbucket.kept.superseded >= superseded_max {
                vbucket.pins.evict_all();
            }
            if !vbucket.pins.is_empty() {
                for Replacement { record, old, needed } in &mut replacements {
                    let new = record.meta.seqno;
                    *needed = old.is_some_and(|old| vbucket.pins.needed(old.seqno, new));
                }
            }
            vbucket.kept
        })?;
        let mut scratch = Scratch::default();
        for replacement in &replacements {
            self.put_record(part.vb, &mut kept, replacement, &mut scratch, out);
        }
        kept.high = part.high;
        if part.replaced_within {
            kept.horizon = part.high;
        }
        kept.state = part.state.unwrap_or(kept.state);
        Ok(Change { vb: part.vb, kept, failover: part.failover.clone(), ends_scans: false })
    }

    fn put_record(
        &self,
        vb: VbId,
        kept: &mut Counters,
        replacement: &Replacement<'_>,
        Scratch { key, value }: &mut Scratch,
        out: &mut OwnedWriteBatch,
    ) {
        let &Replacement { record, old, needed } = replacement;
        let (database, new) = (&self.database, record.meta.seqno);
        if let Some(old) = old {
            kept.count_out(&old);
            let old_key = seq_key(vb, kept.generation, old.seqno);
            if needed {
                kept.superseded += 1;
                out.insert(&database.sup, old_key, encode_superseded(&old_key, new));
            } else {
                kept.horizon = new;
                out.remove(&database.seq, old_key);
            }
        }
        kept.count_in(&record.meta);
        kept.last = new;
        kept.cas_max = kept.cas_max.max(record.meta.cas);
        let new_key = seq_key(vb, kept.generation, new);
        encode_record(&new_key, record, value);
        out.insert(&database.seq, new_key, &value[..]);
        doc_key(vb, kept.generation, &record.key, key);
        encode_newest(key, &record.meta, value);
        out.insert(&database.key, &key[..], &value[..]);
    }
}

#[derive(Default)]
struct Scratch {
    key: Vec<u8>,
    value: Vec<u8>,
}
