//! One vbucket: its documents in both orders, and what open scans still need.

use crate::store::contract::{Persisted, PurgeCut, PurgePage, Record, SliceBudget, VbBatch};
use crate::store::pins::{Gone, Pin, Pins};
use crate::types::{DocMeta, FailoverEntry, Seqno};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, ControlFlow};

/// What is kept of one vbucket. Every method leaves these true:
///
/// - `keys` names, for each key, its newest version in `history`.
/// - `superseded` names every other version in `history`, with the version that took its place; an open scan
///   (a pin) still has to show it.
/// - `tombstones` are the newest versions which are deletions.
/// - `horizon` is the highest seqno that took the place of a version which is gone, or the end of the last batch within
///   which versions were replaced: from there on, each state that the vbucket was in can be told.
#[derive(Debug, Default)]
pub(super) struct Vbucket {
    kept: Persisted,
    history: BTreeMap<Seqno, Record>,
    keys: BTreeMap<Bytes, Seqno>,
    superseded: BTreeMap<Seqno, Seqno>,
    tombstones: BTreeSet<Seqno>,
    horizon: Seqno,
    pins: Pins,
}

/// What a scan knows when it is opened.
pub(super) struct Opened {
    pub(super) pin: Option<Pin>,
    pub(super) end: Seqno,
    pub(super) last: Seqno,
    pub(super) purge: Seqno,
    pub(super) versions: usize,
}

impl Vbucket {
    pub(super) fn persisted(&self) -> Persisted {
        self.kept.clone()
    }

    pub(super) fn high(&self) -> Seqno {
        self.kept.high
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Record> {
        self.keys.get(key).map(|seqno| self.history[seqno].clone())
    }

    pub(super) fn keys_after(&self, after: Option<&[u8]>, limit: usize) -> Vec<(Bytes, DocMeta)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = self.keys.range::<[u8], _>((from, Bound::Unbounded)).take(limit);
        page.map(|(key, seqno)| (key.clone(), self.history[seqno].meta)).collect()
    }

    pub(super) fn commit(&mut self, part: &VbBatch) {
        for record in &part.records {
            self.write(record);
        }
        self.kept.high = part.high;
        if part.replaced_within {
            self.horizon = part.high;
        }
        if let Some(state) = part.state {
            self.kept.state = state;
        }
        if let Some(failover) = &part.failover {
            self.kept.failover.clone_from(failover);
        }
    }

    /// Takes the vbucket back to `to`, or to 0 if a version of that time is gone.
    pub(super) fn rollback(
        &mut self,
        to: Seqno,
        failover: impl FnOnce(Seqno) -> Vec<FailoverEntry>,
    ) -> Seqno {
        let reached = if to >= self.horizon { to.min(self.kept.high) } else { Seqno::ZERO };
        self.pins.end_all();
        for (seqno, record) in self.history.split_off(&reached.next()) {
            self.superseded.remove(&seqno);
            if self.keys.get(&record.key) == Some(&seqno) {
                self.keys.remove(&record.key);
                self.count_out(&record.meta);
            }
        }
        for (old, new) in std::mem::take(&mut self.superseded) {
            if new <= reached {
                self.forget(old, new);
                continue;
            }
            let record = &self.history[&old];
            let meta = record.meta;
            self.keys.insert(record.key.clone(), old);
            self.count_in(&meta);
        }
        self.kept.high = reached;
        self.kept.purge = self.kept.purge.min(reached);
        self.horizon = self.horizon.min(reached);
        self.kept.failover = failover(reached);
        reached
    }

    /// The lowest seqno, besides 0, that it can be taken back to.
    pub(super) fn rollback_floor(&self) -> Seqno {
        self.horizon
    }

    /// Looks at up to `cut.limit` tombstones above `cut.after`.
    pub(super) fn purge(
        &mut self,
        cut: PurgeCut,
        select: &mut dyn FnMut(&[u8], &DocMeta) -> bool,
    ) -> PurgePage {
        let nothing = |more| PurgePage { purged: 0, spared: Vec::new(), read_to: cut.after, more };
        if cut.after >= cut.upto {
            return nothing(false);
        }
        let range = (Bound::Excluded(cut.after), Bound::Included(cut.upto));
        let page: Vec<Seqno> = self.tombstones.range(range).take(cut.limit).copied().collect();
        let Some(&read_to) = page.last() else { return nothing(cut.limit == 0) };
        let last = self.history.last_key_value().map(|(&seqno, _)| seqno);
        let (mut purged, mut spared) = (0, Vec::new());
        for &seqno in &page {
            let found = &self.history[&seqno];
            let asked = Some(seqno) != last && u64::from(found.meta.expiry) < cut.before;
            if !asked || !select(&found.key, &found.meta) {
                continue;
            }
            if self.pins.needed(seqno, Seqno::MAX) {
                spared.push(seqno);
                continue;
            }
            if let Some(record) = self.history.remove(&seqno) {
                self.keys.remove(&record.key);
            }
            self.tombstones.remove(&seqno);
            self.kept.purge = self.kept.purge.max(seqno);
            purged += 1;
        }
        PurgePage { purged, spared, read_to, more: page.len() == cut.limit }
    }

    /// Forgets everything; what it held is returned, to be dropped outside of the lock.
    pub(super) fn reset(&mut self) -> Self {
        let mut pins = std::mem::take(&mut self.pins);
        pins.end_all();
        std::mem::replace(self, Self { pins, ..Self::default() })
    }

    pub(super) fn open_scan(&mut self, start: Seqno, end: Seqno) -> Opened {
        let end = end.min(self.kept.high);
        let read_to = Seqno(start.get().saturating_sub(1));
        let (mut pin, mut last) = (None, Seqno::ZERO);
        if read_to < end {
            pin = Some(self.pins.open(read_to, end));
            last = self.last_shown(read_to, end);
        }
        Opened { pin, end, last, purge: self.kept.purge, versions: self.history.len() }
    }

    /// Appends records that the scan shows until the budget is spent, looking at `limit` of them at most. Returns
    /// how far it has read.
    pub(super) fn read(
        &mut self,
        pin: Pin,
        budget: &mut SliceBudget,
        limit: usize,
        needs_value: fn(&[u8]) -> bool,
        out: &mut Vec<Record>,
    ) -> Result<Seqno, Gone> {
        let from = self.pins.read_to(pin)?;
        let mut read_to = from;
        let range = (Bound::Excluded(from), Bound::Included(pin.end()));
        for (&seqno, record) in self.history.range(range).take(limit) {
            read_to = seqno;
            if !self.shown(seqno, pin.end()) {
                continue;
            }
            let mut record = record.clone();
            if !needs_value(&record.key) {
                record.value = Bytes::new();
            }
            budget.items = budget.items.saturating_sub(1);
            budget.bytes = budget.bytes.saturating_sub(record.key.len() + record.value.len());
            out.push(record);
            if budget.items == 0 || budget.bytes == 0 {
                break;
            }
        }
        if self.history.range((Bound::Excluded(read_to), range.1)).next().is_none() {
            read_to = pin.end();
        }
        self.pins.advance(pin, read_to);
        self.collect(from, read_to, usize::MAX);
        Ok(read_to)
    }

    /// Gives up what the scan kept, a page at a time, starting above `from`; whether there is more.
    pub(super) fn release(&mut self, pin: Pin, from: &mut Seqno, limit: usize) -> bool {
        if let Some(read_to) = self.pins.close(pin) {
            *from = read_to;
        }
        match self.collect(*from, pin.end(), limit) {
            Some(read_to) => {
                *from = read_to;
                true
            }
            None => false,
        }
    }

    fn write(&mut self, record: &Record) {
        let seqno = record.meta.seqno;
        let found = self.keys.get_key_value(&record.key).map(|(key, &old)| (key.clone(), old));
        let key = match found {
            Some((key, old)) => {
                self.supersede(old, seqno);
                key
            }
            None => Bytes::copy_from_slice(&record.key),
        };
        let value = Bytes::copy_from_slice(&record.value);
        self.keys.insert(key.clone(), seqno);
        self.history.insert(seqno, Record { meta: record.meta, key, value });
        self.count_in(&record.meta);
        self.kept.cas_max = self.kept.cas_max.max(record.meta.cas);
    }

    fn supersede(&mut self, old: Seqno, new: Seqno) {
        let meta = self.history[&old].meta;
        self.count_out(&meta);
        if self.pins.needed(old, new) {
            self.superseded.insert(old, new);
        } else {
            self.forget(old, new);
        }
    }

    fn count_in(&mut self, meta: &DocMeta) {
        if meta.kind.is_alive() {
            self.kept.items += 1;
        } else {
            self.tombstones.insert(meta.seqno);
        }
    }

    fn count_out(&mut self, meta: &DocMeta) {
        if meta.kind.is_alive() {
            self.kept.items -= 1;
        } else {
            self.tombstones.remove(&meta.seqno);
        }
    }

    /// Whether a scan up to `end` shows a version.
    fn shown(&self, seqno: Seqno, end: Seqno) -> bool {
        self.superseded.get(&seqno).is_none_or(|&new| new > end)
    }

    fn last_shown(&self, read_to: Seqno, end: Seqno) -> Seqno {
        let range = (Bound::Excluded(read_to), Bound::Included(end));
        let mut newest_first = self.history.range(range).rev().map(|(&seqno, _)| seqno);
        newest_first.find(|&seqno| self.shown(seqno, end)).unwrap_or(Seqno::ZERO)
    }

    /// The last version at or below `at` that the scan shows and whose key is asked for, looking at `limit` of them at
    /// most. Breaks with where to go on.
    pub(super) fn last_whose_key(
        &self,
        pin: Pin,
        at: Seqno,
        end: Seqno,
        limit: usize,
        shows: fn(&[u8]) -> bool,
    ) -> Result<ControlFlow<Seqno, Seqno>, Gone> {
        let range = (Bound::Excluded(self.pins.read_to(pin)?), Bound::Included(at));
        let newest_first = self.history.range(range).rev();
        for (looked, (&seqno, version)) in newest_first.enumerate() {
            if looked == limit {
                return Ok(ControlFlow::Continue(seqno));
            }
            if self.shown(seqno, end) && shows(&version.key) {
                return Ok(ControlFlow::Break(seqno));
            }
        }
        Ok(ControlFlow::Break(Seqno::ZERO))
    }

    /// Forgets the versions in (`from`, `to`] that no scan needs, looking at `limit` at most. Returns the last
    /// one looked at, if there may be more.
    fn collect(&mut self, from: Seqno, to: Seqno, limit: usize) -> Option<Seqno> {
        if from >= to {
            return None;
        }
        let range = (Bound::Excluded(from), Bound::Included(to));
        let page: Vec<(Seqno, Seqno)> =
            self.superseded.range(range).take(limit).map(|(&old, &new)| (old, new)).collect();
        for &(old, new) in &page {
            if !self.pins.needed(old, new) {
                self.superseded.remove(&old);
                self.forget(old, new);
            }
        }
        if page.len() < limit { None } else { page.last().map(|&(old, _)| old) }
    }

    fn forget(&mut self, old: Seqno, new: Seqno) {
        self.history.remove(&old);
        self.horizon = self.horizon.max(new);
    }
}

#[cfg(test)]
impl Vbucket {
    /// Versions kept, and how many of them only for scans.
    pub(super) fn versions(&self) -> (usize, usize) {
        (self.history.len(), self.superseded.len())
    }

    pub(super) fn has_scans(&self) -> bool {
        !self.pins.is_empty()
    }
}
