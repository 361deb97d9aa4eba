//! The decision once more, as sets: who wrote each seqno, and what a client would hold.

use crate::failover::RollbackQuery;
use crate::types::FailoverEntry;
use std::collections::BTreeSet;

/// What a node or a client has of a vbucket: for each seqno, the branch that wrote it.
type History = BTreeSet<(u64, u64)>;

/// Everything up to `last`, written by the branches of `entries` (newest first), the newest of
/// which never ended.
fn history(entries: &[FailoverEntry], last: u64) -> History {
    (1..=last)
        .map(|seqno| {
            // The youngest branch that had begun before this seqno; what is older than the log
            // itself was written by its oldest branch, as far as anybody knows.
            let writer = entries
                .iter()
                .find(|entry| entry.seqno.get() < seqno)
                .or(entries.last())
                .expect("a log has an entry");
            (seqno, writer.uuid.get())
        })
        .collect()
}

/// The seqno that the client has to go back to, or `None` if it may go on.
pub(super) fn go_back_to(entries: &[FailoverEntry], query: &RollbackQuery) -> Option<u64> {
    let start = query.start.get();
    let (snap_start, snap_end) = (query.snap_start.get(), query.snap_end.get());
    let uuid_counts = start > 0 || (query.strict && query.uuid.get() != 0);
    if !uuid_counts {
        return None;
    }

    // Deletions that the client never saw and nobody can show it any more.
    let gone: BTreeSet<u64> = (1..=query.purge.get()).collect();
    let unseen: BTreeSet<u64> = gone.iter().copied().filter(|seqno| *seqno > start).collect();
    let told = query.client_purge.is_some_and(|known| known == query.purge);
    if start > 0 && !unseen.is_empty() && !told && !query.exempt_from_purge {
        return Some(0);
    }

    let Some(branch) = entries.iter().position(|entry| entry.uuid == query.uuid) else {
        return Some(0);
    };
    let ours = history(entries, query.high.get());
    let theirs = history(&entries[branch..], snap_end.max(start).max(query.high.get()));
    let shared: BTreeSet<u64> = (0..=query.high.get())
        .filter(|last| {
            let upto = |all: &History| all.range(..=(*last, u64::MAX)).copied().collect::<Vec<_>>();
            upto(&ours) == upto(&theirs)
        })
        .collect();

    // Points at which the client's documents are what some node once had.
    let consistent = start == snap_start || start == snap_end;
    let (must_be_shared, best) = if consistent { (start, start) } else { (snap_end, snap_start) };
    if shared.contains(&must_be_shared) {
        return None;
    }
    shared.into_iter().filter(|last| *last <= best).max()
}
