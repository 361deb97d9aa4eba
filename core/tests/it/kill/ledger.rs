//! What clients wrote and what they were told, for all vbuckets and keys.

use super::{Tally, VBUCKETS};
use millstream::types::{Cas, FailoverEntry, Seqno, VbId, VbUuid};
use millstream::wire::vbucket_of;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A value that was written, or none for a deletion.
pub(super) type Value = Option<Vec<u8>>;

/// A write that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) key: Vec<u8>,
    /// Every write has a value of its own.
    pub(super) value: Value,
    /// Whether the server promised that it is persisted.
    pub(super) persisted: bool,
    /// Where it took place, as far as any client was told.
    pub(super) seqno: Option<Seqno>,
}

/// What a client knows of the newest version of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) seqno: Seqno,
    pub(super) cas: Cas,
    pub(super) flags: u32,
    pub(super) value: Value,
}

/// What is stored after a restart, as one client reads it.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) highs: Vec<Seqno>,
    pub(super) logs: Vec<Vec<FailoverEntry>>,
    pub(super) documents: BTreeMap<Vec<u8>, Stored>,
}

impl Survey {
    /// Where a client of the branch before goes back to: to where the new branch begins, or to the last document, if
    /// nothing lies between the two.
    pub(super) fn back_to(&self, vb: VbId) -> Seqno {
        let vb = usize::from(vb.get());
        self.logs[vb][0].seqno.min(self.highs[vb])
    }
}

/// What clients wrote and were told.
#[derive(Debug)]
pub(super) struct Ledger {
    /// What was stored at the start of this round.
    before: Survey,
    /// What was sent since then, in the order of each key.
    sent: Vec<Sent>,
    /// The seqno of each value that any client read.
    read: HashMap<Vec<u8>, Seqno>,
    /// The highest seqno that any client ever saw, of each vbucket.
    pub(super) seen: Vec<Seqno>,
    /// The highest seqno that the server called persisted.
    persisted: Vec<Seqno>,
    uuids: BTreeSet<VbUuid>,
    first: bool,
}

impl Ledger {
    pub(super) fn new() -> Self {
        let none = vec![Seqno::ZERO; usize::from(VBUCKETS)];
        Self {
            before: Survey::default(),
            sent: Vec::new(),
            read: HashMap::new(),
            seen: none.clone(),
            persisted: none,
            uuids: BTreeSet::new(),
            first: true,
        }
    }

    /// The branch of each vbucket at the start of this round.
    pub(super) fn branches(&self) -> Vec<VbUuid> {
        self.before.logs.iter().map(|log| log[0].uuid).collect()
    }

    /// Writes that were sent; of each key in their order.
    pub(super) fn sent(&mut self, writes: Vec<Sent>) {
        for write in &writes {
            if let Some(seqno) = write.seqno {
                self.saw(vbucket(&write.key), seqno);
            }
        }
        self.sent.extend(writes);
    }

    /// A client read this value at this seqno.
    pub(super) fn read(&mut self, vb: VbId, seqno: Seqno, value: Option<&[u8]>) {
        self.saw(vb, seqno);
        if let Some(value) = value {
            self.read.insert(value.to_vec(), seqno);
        }
    }

    /// The server said that a vbucket is persisted up to here.
    pub(super) fn persisted(&mut self, vb: VbId, seqno: Seqno) {
        let known = &mut self.persisted[usize::from(vb.get())];
        *known = seqno.max(*known);
        self.saw(vb, seqno);
    }

    fn saw(&mut self, vb: VbId, seqno: Seqno) {
        let known = &mut self.seen[usize::from(vb.get())];
        *known = seqno.max(*known);
    }

    /// Holds what is stored against what was written, and begins a new round.
    pub(super) fn settle(&mut self, survey: Survey, tally: &mut Tally) {
        self.fill_in_seqnos();
        if self.first {
            self.first = false;
        } else {
            for vb in 0..usize::from(VBUCKETS) {
                self.check_branch(vb, &survey);
                tally.branches += 1;
            }
            self.check_documents(&survey, tally);
        }
        for (vb, high) in survey.highs.iter().enumerate() {
            self.saw(VbId(vb as u16), *high);
        }
        self.uuids.extend(survey.logs.iter().flatten().map(|entry| entry.uuid));
        self.before = survey;
        self.sent.clear();
        self.read.clear();
    }

    /// A write whose answer did not come, or did not say where, may have been read.
    fn fill_in_seqnos(&mut self) {
        for write in &mut self.sent {
            let read = write.value.as_ref().and_then(|value| self.read.get(value));
            if let (Some(told), Some(read)) = (write.seqno, read) {
                assert_eq!(told, *read, "the writer was told another seqno than the reader");
            }
            write.seqno = write.seqno.or(read.copied());
        }
    }

    /// The new branch has a new name, and begins where what survived ends.
    fn check_branch(&self, vb: usize, survey: &Survey) {
        let (old, new) = (&self.before.logs[vb], &survey.logs[vb]);
        let branch = new[0];
        assert!(!self.uuids.contains(&branch.uuid), "vb {vb}: {branch:?} is not new");
        let kept = new.len() - 1;
        assert_eq!(new[1..], old[..kept], "vb {vb}: the older branches");
        assert!(
            kept == old.len() || new.len() == millstream::limits::FAILOVER_ENTRIES_MAX,
            "vb {vb}: {new:?}"
        );

        let persisted = self.persisted[vb].max(old[0].seqno);
        assert!(
            branch.seqno >= persisted,
            "vb {vb}: {branch:?} begins below {persisted}, which was persisted"
        );
        // Writes that took place and of which nobody was told where have one seqno each.
        let of_vb = |key: &[u8]| usize::from(vbucket(key).get()) == vb;
        let sent = self.sent.iter().filter(|write| of_vb(&write.key));
        let unknown = sent.filter(|write| write.seqno.is_none()).count();
        let stored = survey.documents.iter().filter(|(key, _)| of_vb(key));
        let last = stored.map(|(_, stored)| stored.seqno).max().unwrap_or_default();
        // If nothing of this round survived, history ends where the round began: above all that was handed out
        // before, whether anybody saw it or not.
        let possible = self.seen[vb].max(last).get() + unknown as u64;
        assert!(
            branch.seqno.get() <= possible || last <= old[0].seqno,
            "vb {vb}: {new:?} begins above {possible}, which nobody wrote, after {old:?}"
        );
    }

    /// What is stored of each key is the newest write up to where the new branch begins.
    fn check_documents(&self, survey: &Survey, tally: &mut Tally) {
        let mut by_key: BTreeMap<&[u8], Vec<&Sent>> = BTreeMap::new();
        for write in &self.sent {
            by_key.entry(&write.key).or_default().push(write);
        }
        let keys = by_key.keys().copied().chain(self.before.documents.keys().map(Vec::as_slice));
        let keys: BTreeSet<&[u8]> =
            keys.chain(survey.documents.keys().map(Vec::as_slice)).collect();
        for key in keys {
            let writes = by_key.get(key).map_or(&[][..], Vec::as_slice);
            self.check_key(key, writes, survey, tally);
        }
    }

    fn check_key(&self, key: &[u8], writes: &[&Sent], survey: &Survey, tally: &mut Tally) {
        let vb = usize::from(vbucket(key).get());
        let (end, persisted) = (survey.logs[vb][0].seqno, self.persisted[vb]);
        let name = key.escape_ascii();
        let none = Stored::default();
        let before = self.before.documents.get(key).unwrap_or(&none);
        let now = survey.documents.get(key).unwrap_or(&none);
        assert!(now.seqno <= end, "{name}: {} is above {end}, where the branch begins", now.seqno);

        // Which of the writes is there: the last that could be, since deletions have no value that tells them apart.
        let is_there =
            |write: &&&Sent| write.value == now.value && write.seqno.is_none_or(|s| s == now.seqno);
        let there = writes.iter().rposition(|write| is_there(&write));
        let known = there.is_some() || now == before;
        assert!(
            known,
            "{name}: what is there, {now:?}, is neither what was there nor what was written"
        );

        let is_persisted =
            |write: &Sent| write.persisted || write.seqno.is_some_and(|seqno| seqno <= persisted);
        tally.persisted += writes.iter().filter(|write| is_persisted(write)).count() as u64;
        let newest = writes.iter().rposition(|write| is_persisted(write));
        if newest > there {
            tally.lost += 1;
            eprintln!("{name}: lost {:?}, there is {now:?}", newest.map(|at| writes[at]));
        }
        for write in writes {
            let Some(seqno) = write.seqno else { continue };
            assert!(
                seqno <= now.seqno || seqno > end,
                "{name}: {seqno} is missing below {end}, there is {now:?}"
            );
            tally.unpersisted += u64::from(seqno > end);
        }
    }
}

/// The vbucket of a key.
pub(super) fn vbucket(key: &[u8]) -> VbId {
    vbucket_of(key, u32::from(VBUCKETS))
}
