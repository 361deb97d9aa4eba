//! The failover log: which branches a vbucket's history went through.

use crate::limits::FAILOVER_ENTRIES_MAX;
use crate::types::{FailoverEntry, Seqno, VbUuid};

/// The branches of one vbucket's history, newest first: never empty, never more than
/// [`FAILOVER_ENTRIES_MAX`], no uuid 0, no uuid twice, and no seqno above that of a newer entry.
///
/// The branch of an entry reaches from its own seqno (exclusive) to the seqno of the next newer
/// entry (inclusive), or to the vbucket's high seqno if it is the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverLog {
    entries: Vec<FailoverEntry>,
}

/// What [`FailoverLog::from_entries`] made of stored entries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Sanitised {
    /// The log; `None` if no entry was usable, so that the vbucket starts a branch of its own.
    pub log: Option<FailoverLog>,
    /// How many entries were dropped.
    pub dropped: usize,
}

impl FailoverLog {
    /// A log with one branch, which began above `seqno`.
    ///
    /// # Panics
    /// If `uuid` is 0, the wire's word for "none".
    #[must_use]
    pub fn new(uuid: VbUuid, seqno: Seqno) -> Self {
        assert!(uuid != VbUuid::ZERO, "a branch needs a uuid other than 0");
        Self { entries: vec![FailoverEntry { uuid, seqno }] }
    }

    /// A log from stored entries, newest first.
    ///
    /// Read from the newest on, an entry is dropped if its uuid is 0 or was met before, if its
    /// seqno is above that of the entry kept before it, or if the log is full.
    pub fn from_entries(stored: &[FailoverEntry]) -> Sanitised {
        let mut entries: Vec<FailoverEntry> = Vec::with_capacity(FAILOVER_ENTRIES_MAX);
        for entry in stored {
            let falls = entries.last().is_none_or(|newer| entry.seqno <= newer.seqno);
            let named = entry.uuid != VbUuid::ZERO && entries.iter().all(|e| e.uuid != entry.uuid);
            if falls && named && entries.len() < FAILOVER_ENTRIES_MAX {
                entries.push(*entry);
            }
        }
        let dropped = stored.len() - entries.len();
        Sanitised { log: (!entries.is_empty()).then_some(Self { entries }), dropped }
    }

    /// Starts a branch above `seqno`: entries that began above it are dropped, then, if the log is
    /// full, the oldest.
    ///
    /// # Panics
    /// If `uuid` is 0 or already names a branch that is kept.
    pub fn push(&mut self, uuid: VbUuid, seqno: Seqno) {
        assert!(uuid != VbUuid::ZERO, "a branch needs a uuid other than 0");
        self.entries.retain(|entry| entry.seqno <= seqno);
        assert!(self.position(uuid).is_none(), "uuid {uuid} already names a branch");
        self.entries.truncate(FAILOVER_ENTRIES_MAX - 1);
        self.entries.insert(0, FailoverEntry { uuid, seqno });
    }

    /// Drops the branches that began above `high`, after a rollback to it; returns how many.
    ///
    /// The log never gets empty: when every branch began above `high`, the oldest stays and is said
    /// to have begun at `high`. An owner that goes on to write starts a branch of its own with
    /// [`push`](FailoverLog::push), since what it writes is not what the kept branch had there.
    pub fn prune_above(&mut self, high: Seqno) -> usize {
        let before = self.entries.len();
        let kept = self.entries.iter().filter(|entry| entry.seqno <= high).count().max(1);
        self.entries.drain(..before - kept);
        let newest = &mut self.entries[0];
        newest.seqno = newest.seqno.min(high);
        before - kept
    }

    /// The branch that the vbucket is on.
    #[must_use]
    pub fn newest(&self) -> FailoverEntry {
        self.entries[0]
    }

    /// All entries, newest first; at least one.
    #[must_use]
    pub fn entries(&self) -> &[FailoverEntry] {
        &self.entries
    }

    /// The last seqno of a branch, if the log has it: where the next newer one began, and `high`
    /// for the newest; never above `high`.
    #[must_use]
    pub fn branch_end(&self, uuid: VbUuid, high: Seqno) -> Option<Seqno> {
        match self.position(uuid)? {
            0 => Some(high),
            at => Some(self.entries[at - 1].seqno.min(high)),
        }
    }

    /// Appends the log as it goes over the wire: for each entry, newest first, uuid and seqno,
    /// big-endian.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.wire_bytes());
        for entry in &self.entries {
            out.extend_from_slice(&entry.uuid.get().to_be_bytes());
            out.extend_from_slice(&entry.seqno.get().to_be_bytes());
        }
    }

    /// How many bytes [`encode`](FailoverLog::encode) appends.
    #[must_use]
    pub fn wire_bytes(&self) -> usize {
        self.entries.len() * ENTRY_BYTES
    }

    fn position(&self, uuid: VbUuid) -> Option<usize> {
        self.entries.iter().position(|entry| entry.uuid == uuid)
    }
}

/// One entry on the wire.
const ENTRY_BYTES: usize = 16;
