//! The rollback decision: may a client resume where it says it is?

use super::FailoverLog;
use crate::types::{Seqno, VbUuid};
use core::fmt;

/// What a client says of itself, and what the vbucket has to compare it with.
///
/// `snap_start ≤ start ≤ snap_end` is the caller's to check beforehand; [`decide`] answers other
/// ranges too, without meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollbackQuery {
    /// The last seqno that the client has.
    pub start: Seqno,
    /// Where the snapshot began that the client was in.
    pub snap_start: Seqno,
    /// Where that snapshot ends.
    pub snap_end: Seqno,
    /// The branch that the client saw last; 0 if it names none.
    pub uuid: VbUuid,
    /// Whether the uuid counts even for a client that has nothing.
    pub strict: bool,
    /// The vbucket's high seqno.
    pub high: Seqno,
    /// The vbucket's purge seqno: the highest seqno of a tombstone that is gone. 0 if the client
    /// said that purged tombstones do not matter to it.
    pub purge: Seqno,
    /// The purge seqno that the client knows of already.
    pub client_purge: Option<Seqno>,
    /// Whether nothing that the client's filter lets through was purged (see [`exempt_by_filter`]).
    pub exempt_from_purge: bool,
}

/// The answer to a [`RollbackQuery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The client goes on from where it is.
    Accept {
        /// Why.
        rule: Rule,
    },
    /// The client has to go back first.
    Rollback {
        /// The newest seqno at which the client may ask again.
        to: Seqno,
        /// Why.
        rule: Rule,
    },
}

/// Which branch of the decision gave the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Accept: the client has nothing, so that it can have nothing wrong.
    FromZero,
    /// Accept: the whole snapshot lies on the branch that both share.
    SnapshotShared,
    /// Accept: the client has nothing of the snapshot yet, and its seqno is shared.
    SnapshotNotBegun,
    /// Rollback to 0: tombstones that the client has not seen are gone.
    Purged,
    /// Rollback to 0: the vbucket's history knows no such branch.
    UnknownUuid,
    /// Rollback to the branch's end: the client holds a complete snapshot above it.
    CompleteBeyond,
    /// Rollback to the branch's end: the client stands above it and has nothing of its snapshot.
    NotBegunBeyond,
    /// Rollback to the branch's end: the snapshot that the client is in lies wholly above it.
    SnapshotBeyond,
    /// Rollback to the snapshot's start: the branch ends inside the snapshot that the client is in.
    SnapshotCut,
}

/// What is asked again when a backfill is about to read, since tombstones may have been purged
/// meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackfillQuery {
    /// The first seqno to read.
    pub first: Seqno,
    /// The purge seqno of what is read; 0 if the client said that purged tombstones do not matter
    /// to it.
    pub purge: Seqno,
    /// The purge seqno that the client knows of already.
    pub client_purge: Option<Seqno>,
    /// Whether nothing that the client's filter lets through was purged (see [`exempt_by_filter`]).
    pub exempt_from_purge: bool,
    /// Whether `first` was raised to where the filter's collections begin: before it they had
    /// nothing.
    pub first_of_filter: bool,
}

/// Whether a client may resume, and if not, where it has to go back to.
pub fn decide(log: &FailoverLog, query: &RollbackQuery) -> Verdict {
    let RollbackQuery { start, snap_start, snap_end, uuid, .. } = *query;
    if start == Seqno::ZERO && !(query.strict && uuid != VbUuid::ZERO) {
        return Verdict::Accept { rule: Rule::FromZero };
    }
    if purged(query) {
        return Verdict::Rollback { to: Seqno::ZERO, rule: Rule::Purged };
    }
    let Some(end) = log.branch_end(uuid, query.high) else {
        return Verdict::Rollback { to: Seqno::ZERO, rule: Rule::UnknownUuid };
    };
    // Between snapshots the client's own seqno is all that counts; inside one it holds a mixture
    // that is consistent again only at the snapshot's end.
    let (needed, beyond) = if start == snap_start {
        (start, Rule::NotBegunBeyond)
    } else if start == snap_end {
        (start, Rule::CompleteBeyond)
    } else {
        (snap_end, Rule::SnapshotBeyond)
    };
    if needed <= end {
        let whole = snap_end <= end;
        return Verdict::Accept {
            rule: if whole { Rule::SnapshotShared } else { Rule::SnapshotNotBegun },
        };
    }
    if beyond != Rule::SnapshotBeyond || end < snap_start {
        return Verdict::Rollback { to: end, rule: beyond };
    }
    Verdict::Rollback { to: snap_start, rule: Rule::SnapshotCut }
}

/// Whether a client with a filter on collections is spared the purge test: it has everything of
/// them up to `filter_high`, their highest seqno, and what was purged above that cannot be theirs.
#[must_use]
pub fn exempt_by_filter(start: Seqno, purge: Seqno, filter_high: Seqno) -> bool {
    filter_high <= start && start < purge
}

/// Whether a backfill would miss tombstones that are gone, so that the stream has to end and the
/// client to ask again.
#[must_use]
pub fn purge_forbids_backfill(query: &BackfillQuery) -> bool {
    let harmless =
        query.exempt_from_purge || query.first_of_filter || query.client_purge == Some(query.purge);
    query.first > Seqno(1) && query.first <= query.purge && !harmless
}

impl RollbackQuery {
    /// A client between two snapshots: it has everything up to `start` on branch `uuid`, of a
    /// vbucket whose high seqno is `high`; nothing purged, not strict.
    #[must_use]
    pub fn at(start: Seqno, uuid: VbUuid, high: Seqno) -> Self {
        Self {
            start,
            snap_start: start,
            snap_end: start,
            uuid,
            strict: false,
            high,
            purge: Seqno::ZERO,
            client_purge: None,
            exempt_from_purge: false,
        }
    }
}

impl Verdict {
    /// Whether the client goes on from where it is.
    #[must_use]
    pub fn is_accept(self) -> bool {
        matches!(self, Self::Accept { .. })
    }

    /// Where the client has to go back to, if it has to.
    #[must_use]
    pub fn rollback_to(self) -> Option<Seqno> {
        match self {
            Self::Accept { .. } => None,
            Self::Rollback { to, .. } => Some(to),
        }
    }

    /// Which branch of the decision gave it.
    #[must_use]
    pub fn rule(self) -> Rule {
        match self {
            Self::Accept { rule } | Self::Rollback { rule, .. } => rule,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept { rule } => write!(f, "accepted: {rule}"),
            Self::Rollback { to, rule } => write!(f, "rollback to {to}: {rule}"),
        }
    }
}

impl Rule {
    /// All of them, in the order in which the decision looks at them.
    pub const ALL: [Self; 9] = [
        Self::FromZero,
        Self::Purged,
        Self::UnknownUuid,
        Self::SnapshotShared,
        Self::SnapshotNotBegun,
        Self::CompleteBeyond,
        Self::NotBegunBeyond,
        Self::SnapshotBeyond,
        Self::SnapshotCut,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FromZero => "the client has nothing yet",
            Self::SnapshotShared => "the client's snapshot lies on the branch that both share",
            Self::SnapshotNotBegun => {
                "the client has nothing of its snapshot, and its seqno lies on the shared branch"
            }
            Self::Purged => "tombstones above the client's seqno were purged",
            Self::UnknownUuid => "the failover log does not know the client's branch",
            Self::CompleteBeyond => "the client's complete snapshot ends above the shared branch",
            Self::NotBegunBeyond => "the client's seqno lies above the shared branch",
            Self::SnapshotBeyond => "the client is inside a snapshot above the shared branch",
            Self::SnapshotCut => "the shared branch ends inside the client's snapshot",
        })
    }
}

/// Whether the client missed tombstones that are gone.
fn purged(query: &RollbackQuery) -> bool {
    let known = query.exempt_from_purge || query.client_purge == Some(query.purge);
    query.start != Seqno::ZERO && query.start < query.purge && !known
}
