//! What a store should hold, told by something that forgets nothing.

use crate::store::checks::failover_at;
use crate::store::{Persisted, Record, VbBatch};
use crate::types::{FailoverEntry, Seqno};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// One vbucket with every version that was ever written and not rolled back.
#[derive(Default)]
pub(super) struct Model {
    kept: Persisted,
    /// In order of their seqnos.
    written: Vec<Record>,
    purged: BTreeSet<Seqno>,
}

/// What a scan may and must show.
pub(super) struct Expected {
    /// In order of their seqnos; what is not in it may not be shown.
    pub(super) may: Vec<Record>,
    /// The seqnos of those that must be shown.
    pub(super) must: Vec<Seqno>,
}

impl Model {
    pub(super) fn high(&self) -> Seqno {
        self.kept.high
    }

    pub(super) fn purge_seqno(&self) -> Seqno {
        self.kept.purge
    }

    pub(super) fn persisted(&self) -> Persisted {
        let alive = self.newest().into_values().filter(|record| record.meta.kind.is_alive());
        Persisted { items: alive.count() as u64, ..self.kept.clone() }
    }

    /// The newest version of each key, but for purged ones.
    pub(super) fn newest(&self) -> BTreeMap<Bytes, Record> {
        self.state_at(Seqno::MAX)
    }

    /// What a scan that is opened now shows.
    pub(super) fn expected(&self, range: &RangeInclusive<Seqno>) -> Expected {
        let state = self.state_at(*range.end());
        let mut may: Vec<Record> = state.into_values().collect();
        may.retain(|record| range.contains(&record.meta.seqno));
        may.sort_by_key(|record| record.meta.seqno);
        let newest = self.newest();
        let still_newest = |record: &&Record| newest.get(&record.key) == Some(record);
        let must = may.iter().filter(still_newest).map(|record| record.meta.seqno).collect();
        Expected { may, must }
    }

    pub(super) fn commit(&mut self, part: &VbBatch) {
        self.written.extend_from_slice(&part.records);
        let cas = part.records.iter().map(|record| record.meta.cas).max();
        self.kept.cas_max = self.kept.cas_max.max(cas.unwrap_or_default());
        self.kept.high = part.high;
        self.kept.state = part.state.unwrap_or(self.kept.state);
        if let Some(log) = &part.failover {
            self.kept.failover.clone_from(log);
        }
    }

    pub(super) fn roll_back(&mut self, reached: Seqno, log: &[FailoverEntry]) {
        self.written.retain(|record| record.meta.seqno <= reached);
        self.purged.retain(|&seqno| seqno <= reached);
        self.kept.high = reached;
        self.kept.purge = self.kept.purge.min(reached);
        self.kept.failover = failover_at(log, reached);
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The seqnos of tombstones that a purge may delete, oldest first.
    pub(super) fn purgeable(&self, before: u32) -> Vec<Seqno> {
        let last = self.written.last().map(|record| record.meta.seqno);
        let old = |record: &Record| !record.meta.kind.is_alive() && record.meta.expiry < before;
        let newest = self.newest().into_values().filter(old);
        let mut found: Vec<Seqno> = newest.map(|record| record.meta.seqno).collect();
        found.retain(|&seqno| Some(seqno) != last);
        found.sort();
        found
    }

    pub(super) fn purge(&mut self, seqnos: &[Seqno]) {
        self.purged.extend(seqnos);
        self.kept.purge = seqnos.iter().copied().fold(self.kept.purge, Seqno::max);
    }

    fn state_at(&self, seqno: Seqno) -> BTreeMap<Bytes, Record> {
        let past = self.written.iter().filter(|record| record.meta.seqno <= seqno);
        let mut state: BTreeMap<Bytes, Record> =
            past.map(|record| (record.key.clone(), record.clone())).collect();
        state.retain(|_, record| !self.purged.contains(&record.meta.seqno));
        state
    }
}
