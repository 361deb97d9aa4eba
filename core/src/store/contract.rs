//! The contract between the engine and a store.

use crate::error::Result;
use crate::types::{Cas, DocMeta, FailoverEntry, Seqno, VbId, VbState};
use bytes::Bytes;
use std::ops::RangeInclusive;

/// A store of documents by key and by seqno.
///
/// # What the engine promises
/// - Only one thread at a time calls [`commit`](Store::commit), [`rollback`](Store::rollback),
///   [`reset`](Store::reset) and [`close`](Store::close) for one store (the flusher); every other method
///   may be called from any thread at any time, also during those.
/// - The seqnos of one vbucket rise from batch to batch and inside a batch; gaps are normal.
/// - [`begin`](Store::begin) is called once, before everything else.
/// - The keys and values of a batch may share buffers, which live as long as any part of them: a store that keeps
///   them in memory copies what it keeps.
/// - After [`commit`](Store::commit) failed with another kind than [`Misuse`](crate::ErrorKind::Misuse), whether
///   the batch is there is unknown until the store is opened again.
///
/// # What the store promises
/// - A [`Batch`] is atomic: after a crash all of it is there or nothing, over all its vbuckets.
/// - What was committed with [`Durability::Synced`] survives a power cut; with [`Durability::Buffered`] it
///   survives the death of the process and may be lost, newest first, by a power cut.
/// - Of each key exactly the newest version is kept, tombstones included, except where an open [`Scan`] still
///   needs an older one.
/// - A scan shows each key at most once, in the version that was newest at its end seqno, however long it is
///   held and whatever is committed meanwhile; it must not make the store grow without bound. One that ends
///   at the last committed seqno shows all of them; one that ends below it lacks those that had been
///   replaced, above its end, before it was opened, since only newest versions are kept.
/// - A call that the contract forbids is refused with [`Misuse`](crate::ErrorKind::Misuse) and changes nothing;
///   one that writes after [`close`](Store::close), with [`Closed`](crate::ErrorKind::Closed).
/// - No method panics on damaged data: it answers [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) and names
///   the place. A full disk or a refused read is [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable).
///
/// All methods may block on input and output; the engine calls them on threads of their own, never on the
/// path of a streamed message or of a write that replaces a document still in memory.
pub trait Store: Send + Sync + 'static {
    /// How many vbuckets it was made for; ids run from 0.
    fn vbuckets(&self) -> u32;

    /// A number that was drawn when the store was made ([`random_identity`](super::random_identity)) and stays the
    /// same for as long as there is the store, over restarts too; what tells it from others. A store that has none
    /// says `None`, and the engine draws one for each run.
    fn identity(&self) -> Option<u128> {
        None
    }

    /// Starts a run: records durably that the store is in use, by an engine that never gets more than
    /// `window` seqnos ahead of what it committed, and says how the run before it ended.
    fn begin(&self, window: u64) -> Result<Start>;

    /// What is kept of one vbucket besides its documents. A vbucket that was never written is
    /// [`Persisted::default`].
    fn load(&self, vb: VbId) -> Result<Persisted>;

    /// Calls `each` with the key and meta data of the newest version of every key, in key order, tombstones
    /// included. What is committed meanwhile may be shown or not. `each` may call the store.
    fn keys(&self, vb: VbId, each: &mut dyn FnMut(&[u8], &DocMeta)) -> Result<()>;

    /// The newest version of a key, tombstones included.
    fn get(&self, vb: VbId, key: &[u8]) -> Result<Option<Record>>;

    /// Writes a batch atomically.
    fn commit(&self, batch: &Batch, durability: Durability) -> Result<()>;

    /// Opens a scan of the history from `range.start()` up to `range.end()` or the vbucket's last committed
    /// seqno, whichever is smaller: a logical snapshot as of that end.
    fn scan(&self, vb: VbId, range: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>>;

    /// Takes a vbucket back to the state that it had at seqno `to`, or at the newest seqno below it that the
    /// store can still reach (0 at worst), and writes `failover` as its failover log with the seqno of
    /// its first entry set to the seqno reached, which is returned, and without the later entries that lie
    /// above it. `failover` has at least that first entry. The vbucket's [`VbState`] and its highest CAS stay.
    /// Open scans of the vbucket end with [`Closed`](crate::ErrorKind::Closed).
    fn rollback(&self, vb: VbId, to: Seqno, failover: &[FailoverEntry]) -> Result<Seqno>;

    /// The lowest seqno to which [`rollback`](Store::rollback) can take a vbucket now, besides 0, to which it always
    /// can: below it something was replaced that is no longer there, or never was there
    /// ([`replaced_within`](VbBatch::replaced_within)). It outlives a restart.
    fn rollback_floor(&self, vb: VbId) -> Result<Seqno>;

    /// Looks at tombstones of one vbucket above `cut.after` and up to `cut.upto`, in the order of their seqnos, and
    /// deletes those that were made before `cut.before` and that `select` says yes to; raises the purge seqno to the
    /// highest that it deleted. The record with the highest seqno stays: `select` is not asked about it. What an open
    /// scan still has to show stays too, and is [named](PurgePage::spared) if it was selected. It deletes `cut.limit`
    /// at most, and may look at fewer than there are: then it says that there are more. `select` does not call the
    /// store. When it fails, whether what was selected is gone is unknown.
    fn purge_page(
        &self,
        vb: VbId,
        cut: PurgeCut,
        select: &mut dyn FnMut(&[u8], &DocMeta) -> bool,
    ) -> Result<PurgePage>;

    /// Deletes the tombstones of one vbucket that were made before `before` (seconds since 1970), at most
    /// `limit` of them, oldest first, as [`purge_page`](Store::purge_page) does. Returns how many it deleted.
    fn purge(&self, vb: VbId, before: u32, limit: usize) -> Result<usize> {
        let (mut purged, mut after) = (0, Seqno::ZERO);
        loop {
            let (before, upto) = (before.into(), Seqno::MAX);
            let cut = PurgeCut { before, after, upto, limit: limit - purged };
            let page = self.purge_page(vb, cut, &mut |_, _| true)?;
            purged += page.purged;
            if !page.more || purged >= limit {
                return Ok(purged);
            }
            after = page.read_to;
        }
    }

    /// Forgets everything about a vbucket. Its open scans end with [`Closed`](crate::ErrorKind::Closed).
    fn reset(&self, vb: VbId) -> Result<()>;

    /// One slice of background work (deletes what scans no longer need); whether more is left.
    fn maintain(&self, limit: usize) -> Result<bool>;

    /// Whether a commit begins at once. A store that is still being made in the background says no, and has its first
    /// commit wait; it holds nothing until then.
    fn is_ready(&self) -> bool {
        true
    }

    /// Bytes on disk, as far as the store knows.
    fn disk_bytes(&self) -> u64;

    /// Syncs everything and records that the run ended in order. Nothing is committed afterwards.
    fn close(&self) -> Result<()>;
}

/// How the run before this one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Whether it was closed in order (or there was none).
    pub clean: bool,
    /// The `window` of that run; 0 if there was none. Of runs that ended out of order before anything was ever
    /// committed, and of the one that made the first commit, it may be the sum.
    pub window_before: u64,
}

/// Which tombstones [`Store::purge_page`] looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgeCut {
    /// Those that were made before this time, in seconds since 1970; above `u32::MAX` all of them were.
    pub before: u64,
    /// Those above this seqno.
    pub after: Seqno,
    /// Those up to this seqno.
    pub upto: Seqno,
    /// So many of them are deleted at most.
    pub limit: usize,
}

/// What [`Store::purge_page`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgePage {
    /// How many tombstones it deleted.
    pub purged: usize,
    /// Those that were selected and stayed, since an open scan still has to show them; in their order.
    pub spared: Vec<Seqno>,
    /// It has looked at everything up to this seqno.
    pub read_to: Seqno,
    /// Whether there may be more above it.
    pub more: bool,
}

/// What survives a stop of one vbucket, besides its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persisted {
    /// Its state; active for one that was never written.
    pub state: VbState,
    /// The highest seqno committed; voids included, so it may be above the last document's.
    pub high: Seqno,
    /// The highest seqno of a purged tombstone.
    pub purge: Seqno,
    /// The highest CAS committed.
    pub cas_max: Cas,
    /// Documents that are alive.
    pub items: u64,
    /// Its failover log, newest first; empty for one that was never written.
    pub failover: Vec<FailoverEntry>,
}

impl Default for Persisted {
    fn default() -> Self {
        Self {
            state: VbState::Active,
            high: Seqno::ZERO,
            purge: Seqno::ZERO,
            cas_max: Cas::ZERO,
            items: 0,
            failover: Vec::new(),
        }
    }
}

/// One version of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Everything but key and value.
    pub meta: DocMeta,
    /// The key.
    pub key: Bytes,
    /// The value; empty for most tombstones.
    pub value: Bytes,
}

/// Writes to several vbuckets that become durable together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// At most one entry for each vbucket.
    pub vbs: Vec<VbBatch>,
}

/// The writes of a [`Batch`] to one vbucket.
#[derive(Clone, Debug)]
pub struct VbBatch {
    /// The vbucket.
    pub vb: VbId,
    /// New versions, seqnos rising, each key at most once.
    pub records: Vec<Record>,
    /// The highest seqno that this batch settles; at least the last record's, and at least what was committed
    /// before.
    pub high: Seqno,
    /// Versions were replaced within this batch and are not among its records: between what was committed before and
    /// `high` the store has no state that ever was, so that it cannot be taken back to there.
    pub replaced_within: bool,
    /// The vbucket's state from now on, if it changes.
    pub state: Option<VbState>,
    /// The vbucket's failover log from now on, newest first, if it changes.
    pub failover: Option<Vec<FailoverEntry>>,
}

/// How much a commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// The death of the process.
    Buffered,
    /// A power cut.
    Synced,
}

/// How much one call of [`Scan::next`] may read; it stops at the first bound that it reaches, and always
/// reads at least one record.
#[derive(Clone, Copy, Debug)]
pub struct SliceBudget {
    /// Keys and values together.
    pub bytes: usize,
    /// Records.
    pub items: usize,
}

/// Where a slice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Everything up to and including this seqno was looked at.
    pub read_to: Seqno,
    /// Whether the scan goes on.
    pub more: bool,
}

/// A scan of one vbucket's history, read in slices.
///
/// Between slices it holds no snapshot of the underlying database, only a registration which keeps the versions
/// that it still needs; dropping it gives them up. A store that would have to keep too much may end it with
/// [`Retry`](crate::ErrorKind::Retry).
pub trait Scan: Send {
    /// The range that it shows; its end is fixed. Empty (start above end) when there is nothing to read.
    fn range(&self) -> RangeInclusive<Seqno>;

    /// The seqno of the last record that it shows, or 0 if it shows none: what a snapshot marker announces as its
    /// end. It may be below the range's end, since the highest seqnos of a vbucket may be void.
    fn last(&self) -> Seqno;

    /// The seqno of the last record that it shows and whose key is among those that `shows` names, or 0 if there is
    /// none: where a snapshot ends for a client that is not told of seqnos that it is not shown. Asked for before the
    /// first slice; looks at records from the last one down to the one that it finds.
    fn last_whose_key(&mut self, shows: fn(&[u8]) -> bool) -> Result<Seqno>;

    /// The vbucket's purge seqno when the scan was opened.
    fn purge_seqno(&self) -> Seqno;

    /// An upper bound of how many records it will still show.
    fn remaining_estimate(&self) -> u64;

    /// From now on records may come without their values, but for those whose key `needs_value` names. A scan that
    /// gains nothing from that shows them all the same, as this method does unless it is written otherwise.
    fn leave_out_values(&mut self, needs_value: fn(&[u8]) -> bool) {
        let _ = needs_value;
    }

    /// Reads the next slice, in seqno order, appending to `out`.
    fn next(&mut self, budget: SliceBudget, out: &mut Vec<Record>) -> Result<Slice>;
}
