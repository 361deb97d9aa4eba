//! Taking history back: rollback to an earlier seqno, and forgetting a vbucket.

use super::database::{by_seqno, pair, reading};
use super::faults::fault;
use super::keys::{Gen, damaged, dead_key, doc_key, seq_key, seqno_of};
use super::values::{Counters, decode_record_key, decode_superseded, encode_newest, mark};
use super::writer::{Change, Core, Dead, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::store::checks::{check_rollback, failover_at};
use crate::store::contract::Durability;
use crate::types::{DocMeta, FailoverEntry, Seqno, VbId};
use fjall::{OwnedWriteBatch, Readable, Snapshot};
use std::collections::{BTreeMap, HashSet};

impl Core {
    /// Takes a vbucket back to `to`, if every version of that time is still there, and otherwise to 0.
    pub(super) fn rollback(&self, vb: VbId, to: Seqno, log: &[FailoverEntry]) -> Result<Seqno> {
        let mut writer = self.writer()?;
        self.slot(vb)?;
        check_rollback(vb, to, log)?;
        let mut busy = self.busy();
        let before = busy.hold(vb, |vbucket| vbucket.kept)?;
        let mut out = self.database.batch(0);
        let exact = if to == Seqno::ZERO || to < before.horizon {
            None
        } else {
            self.plan_rollback(vb, before, to.min(before.high), &mut out)?
        };
        let reached = exact.map_or(Seqno::ZERO, |kept| kept.high);
        let failover = Some(failover_at(log, reached));
        let kept = match exact {
            Some(kept) => kept,
            None => {
                let state = before.state;
                let fresh = self.bury(vb, before, before.generation, &mut writer, &mut out)?;
                Counters { state, cas_max: before.cas_max, ..fresh }
            }
        };
        let change = Change { vb, kept, failover, ends_scans: true };
        self.apply(&mut writer, busy, out, vec![change], Durability::Synced)?;
        Ok(reached)
    }

    /// The lowest seqno, besides 0, that [`rollback`](Self::rollback) can take a vbucket back to.
    pub(super) fn rollback_floor(&self, vb: VbId) -> Result<Seqno> {
        let kept = self.slot(vb)?.sound()?.kept;
        let undone_max = UNDONE_MAX as u64;
        if kept.keys + kept.superseded <= undone_max {
            return Ok(kept.horizon);
        }
        let (snapshot, all) = (self.database.snapshot(), Seqno::ZERO..=kept.last);
        let stored = by_seqno(&snapshot, &self.database.seq, vb, kept.generation, all);
        match stored.rev().nth(UNDONE_MAX) {
            Some(guard) => {
                let key = guard.key().map_err(|e| fault(&reading(vb), e))?;
                Ok(seqno_of(&key)?.max(kept.horizon))
            }
            None => Ok(kept.horizon),
        }
    }

    /// Forgets everything about a vbucket, damaged or not.
    pub(super) fn reset(&self, vb: VbId) -> Result<()> {
        let mut writer = self.writer()?;
        self.slot(vb)?;
        let promised = writer.synced.promise(vb).map_or(0, |promise| promise.change);
        let mut busy = self.busy();
        let (kept, was_damaged) =
            busy.hold_damaged(vb, |vbucket| (vbucket.kept, vbucket.damage.is_some()))?;
        let newest = if was_damaged { self.newest_generation(vb)? } else { kept.generation };
        let mut out = self.database.batch(0);
        let mut fresh = self.bury(vb, kept, newest, &mut writer, &mut out)?;
        fresh.change = fresh.change.max(promised);
        let change = Change { vb, kept: fresh, failover: Some(Vec::new()), ends_scans: true };
        self.apply(&mut writer, busy, out, vec![change], Durability::Synced)?;
        self.slot(vb)?.lock().damage = None;
        Ok(())
    }

    /// Marks the generations from the one in use up to `newest` for deletion. Returns the counters of the next.
    fn bury(
        &self,
        vb: VbId,
        kept: Counters,
        newest: Gen,
        writer: &mut Writer,
        out: &mut OwnedWriteBatch,
    ) -> Result<Counters> {
        let newest = newest.max(kept.generation);
        let next = newest.0.checked_add(1).ok_or_else(|| {
            let what = format!("vb {vb} was started again {} times; it cannot be again", newest.0);
            Error::new(ErrorKind::Unavailable, what)
        })?;
        for generation in (kept.generation.0..next).map(Gen) {
            let key = dead_key(vb, generation);
            out.insert(&self.database.meta, key, mark(&key));
            writer.dead.push_back(Dead::new(vb, generation));
        }
        Ok(Counters { change: kept.change, generation: Gen(next), ..Counters::default() })
    }

    /// The newest generation of which there is an entry.
    fn newest_generation(&self, vb: VbId) -> Result<Gen> {
        let snapshot = self.database.snapshot();
        let [high, low] = vb.get().to_be_bytes();
        let mut newest = Gen(0);
        for keyspace in [&self.database.seq, &self.database.key, &self.database.sup] {
            if let Some(guard) = snapshot.prefix(keyspace, [high, low]).next_back() {
                let key = guard.key().map_err(|e| fault(&reading(vb), e))?;
                let bytes = key.get(2..6).and_then(|bytes| bytes.try_into().ok());
                let bytes = bytes.ok_or_else(|| damaged(format!("vb {vb}: a key was cut off")))?;
                newest = newest.max(Gen(u32::from_be_bytes(bytes)));
            }
        }
        Ok(newest)
    }

    /// Puts what takes the vbucket back to `to` into a batch. Gives up, with nothing in it, when that is too much.
    fn plan_rollback(
        &self,
        vb: VbId,
        before: Counters,
        to: Seqno,
        out: &mut OwnedWriteBatch,
    ) -> Result<Option<Counters>> {
        let snapshot = self.database.snapshot();
        let mut plan = Rollback { core: self, vb, kept: before, to, snapshot };
        let superseded = plan.superseded()?;
        let Some(undone) = plan.undone()? else {
            return Ok(None);
        };
        let mut restored = HashSet::new();
        for (&old, _) in superseded.range(..=to).filter(|&(_, &new)| new > to) {
            let key = plan.restore(old, out)?;
            restored.insert(key);
        }
        for version in &undone {
            let replaced = superseded.contains_key(&version.meta.seqno);
            plan.undo(version, replaced, restored.contains(&version.key), out);
        }
        plan.kept.high = to;
        plan.kept.purge = plan.kept.purge.min(to);
        plan.kept.last = plan.last()?;
        Ok(Some(plan.kept))
    }
}

/// Versions that one rollback may undo; of a longer one the plan, and the batch that holds it, would be too large
/// for memory, and it starts again from nothing instead.
const UNDONE_MAX: usize = 1_000_000;

struct Rollback<'a> {
    core: &'a Core,
    vb: VbId,
    kept: Counters,
    to: Seqno,
    snapshot: Snapshot,
}

/// A version above the seqno to go back to.
struct Undone {
    meta: DocMeta,
    key: Vec<u8>,
}

impl Rollback<'_> {
    /// Versions that were replaced but are still there, with what took their place.
    fn superseded(&self) -> Result<BTreeMap<Seqno, Seqno>> {
        let mut found = BTreeMap::new();
        let (sup, all) = (&self.core.database.sup, Seqno::ZERO..=Seqno::MAX);
        if self.kept.superseded == 0 {
            return Ok(found);
        }
        for guard in by_seqno(&self.snapshot, sup, self.vb, self.kept.generation, all) {
            let (key, value) = pair(guard, &reading(self.vb))?;
            found.insert(seqno_of(&key)?, decode_superseded(&key, &value)?);
        }
        Ok(found)
    }

    /// The versions above the seqno to go back to, or nothing if they are too many.
    fn undone(&self) -> Result<Option<Vec<Undone>>> {
        let mut undone = Vec::new();
        if self.to >= self.kept.last {
            return Ok(Some(undone));
        }
        let (seq, above) = (&self.core.database.seq, self.to.next()..=Seqno::MAX);
        for guard in by_seqno(&self.snapshot, seq, self.vb, self.kept.generation, above) {
            if undone.len() == UNDONE_MAX {
                return Ok(None);
            }
            let (db_key, value) = pair(guard, &reading(self.vb))?;
            let (meta, key) = decode_record_key(&db_key, &value)?;
            undone.push(Undone { meta, key: key.to_vec() });
        }
        Ok(Some(undone))
    }

    /// Makes a replaced version the newest of its key again. Returns the key.
    fn restore(&mut self, old: Seqno, out: &mut OwnedWriteBatch) -> Result<Vec<u8>> {
        let (database, generation) = (&self.core.database, self.kept.generation);
        let old_key = seq_key(self.vb, generation, old);
        let stored = self.snapshot.get(&database.seq, old_key);
        let stored = stored.map_err(|e| fault(&reading(self.vb), e))?.ok_or_else(|| {
            damaged(format!("vb {}: the version at seqno {old} is missing", self.vb))
        })?;
        let (meta, key) = decode_record_key(&old_key, &stored)?;
        let (mut db_key, mut value) = (Vec::new(), Vec::new());
        doc_key(self.vb, generation, key, &mut db_key);
        encode_newest(&db_key, &meta, &mut value);
        out.insert(&database.key, db_key, value);
        out.remove(&database.sup, old_key);
        self.kept.superseded = self.kept.superseded.saturating_sub(1);
        self.kept.count_in(&meta);
        Ok(key.to_vec())
    }

    /// Deletes a version, and the entry of its key if it is the newest one and no older one was restored.
    fn undo(&mut self, undone: &Undone, replaced: bool, restored: bool, out: &mut OwnedWriteBatch) {
        let (database, generation) = (&self.core.database, self.kept.generation);
        let db_key = seq_key(self.vb, generation, undone.meta.seqno);
        out.remove(&database.seq, db_key);
        if replaced {
            out.remove(&database.sup, db_key);
            self.kept.superseded = self.kept.superseded.saturating_sub(1);
            return;
        }
        self.kept.count_out(&undone.meta);
        if !restored {
            let mut db_key = Vec::new();
            doc_key(self.vb, generation, &undone.key, &mut db_key);
            out.remove(&database.key, db_key);
        }
    }

    /// The highest seqno that stays.
    fn last(&self) -> Result<Seqno> {
        let (seq, kept) = (&self.core.database.seq, Seqno::ZERO..=self.to);
        match by_seqno(&self.snapshot, seq, self.vb, self.kept.generation, kept).next_back() {
            Some(guard) => seqno_of(&guard.key().map_err(|e| fault(&reading(self.vb), e))?),
            None => Ok(Seqno::ZERO),
        }
    }
}
