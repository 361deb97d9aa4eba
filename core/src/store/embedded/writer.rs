//! The one writer: every change of the database passes through [`Core::apply`].

use super::folder::sync_folder;
use super::head::{Head, Run};
use super::keys::{Gen, commit_key, counters_key, failover_key};
use super::making::Making;
use super::options::EmbeddedOptions;
use super::synced::{Promise, Synced};
use super::values::{Counters, encode_counters, encode_failover, mark};
use super::vbucket::{Slot, Vbucket, lock};
use crate::error::{Error, ErrorKind, Result};
use crate::store::checks::{check_running, check_vb};
use crate::store::contract::Durability;
use crate::types::{FailoverEntry, Seqno, VbId};
use fjall::OwnedWriteBatch;
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

/// What the store and its scans share. The order of locks: `writer`, then a slot, then `sweep` or `scans_open`.
pub(super) struct Core {
    pub(super) path: PathBuf,
    pub(super) options: EmbeddedOptions,
    pub(super) identity: u128,
    pub(super) database: Making,
    pub(super) slots: Box<[Slot]>,
    pub(super) writer: Mutex<Writer>,
    /// Vbuckets where the end of a scan may have left versions that nobody needs.
    pub(super) sweep: Mutex<BTreeSet<VbId>>,
    pub(super) scans_open: Mutex<usize>,
    /// Last, so that it is given up last.
    pub(super) _lock: File,
}

/// What only one thread at a time may use.
pub(super) struct Writer {
    pub(super) head: Head,
    pub(super) synced: Synced,
    pub(super) run_before: Run,
    /// What the head says, or is to say, of this run.
    pub(super) window: u64,
    /// The head says that the folder is being made, until something is written.
    pub(super) making: bool,
    pub(super) begun: bool,
    pub(super) closed: bool,
    pub(super) commit: u64,
    /// Vbuckets written since the last sync.
    pub(super) unsynced: BTreeSet<VbId>,
    /// Generations to be deleted, and how far that has come.
    pub(super) dead: VecDeque<Dead>,
    /// How far the sweep of a vbucket has come.
    pub(super) swept: Option<(VbId, Gen, Seqno)>,
    /// A write failed: what the database holds is not known.
    pub(super) broken: bool,
}

/// A generation to be deleted.
#[derive(Clone, Debug)]
pub(super) struct Dead {
    pub(super) vb: VbId,
    pub(super) generation: Gen,
    /// How many of its keyspaces are done.
    pub(super) done: usize,
    /// The last key deleted in the one after those.
    pub(super) after: Option<Vec<u8>>,
}

impl Dead {
    /// One of which nothing is deleted yet.
    pub(super) fn new(vb: VbId, generation: Gen) -> Self {
        Self { vb, generation, done: 0, after: None }
    }
}

/// What a write makes of one vbucket.
pub(super) struct Change {
    pub(super) vb: VbId,
    pub(super) kept: Counters,
    /// Its failover log, if it changes.
    pub(super) failover: Option<Vec<FailoverEntry>>,
    /// Whether its history is no longer what open scans show.
    pub(super) ends_scans: bool,
}

/// Vbuckets whose write is under way; scans are not opened until it is over.
pub(super) struct Busy<'a> {
    core: &'a Core,
    vbs: Vec<VbId>,
}

impl Core {
    /// The slot of a vbucket.
    pub(super) fn slot(&self, vb: VbId) -> Result<&Slot> {
        check_vb(vb, self.options.vbuckets)?;
        Ok(&self.slots[usize::from(vb.get())])
    }

    /// The right to write.
    pub(super) fn writer(&self) -> Result<MutexGuard<'_, Writer>> {
        let mut writer = lock(&self.writer);
        check_running(writer.begun, writer.closed)?;
        if writer.broken {
            let path = self.path.display();
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!("a write to the store in {path} failed; it has to be opened again"),
            ));
        }
        if writer.making {
            self.database.wait()?;
            sync_folder(&self.path)?;
            let window = writer.window;
            writer.head.record(Run::Open { window })?;
            writer.making = false;
        }
        Ok(writer)
    }

    /// Nothing is under way yet.
    pub(super) fn busy(&self) -> Busy<'_> {
        Busy { core: self, vbs: Vec::new() }
    }

    /// Writes a batch and the counters that it changes, atomically.
    pub(super) fn apply(
        &self,
        writer: &mut Writer,
        busy: Busy<'_>,
        mut batch: OwnedWriteBatch,
        mut changes: Vec<Change>,
        durability: Durability,
    ) -> Result<()> {
        for change in &mut changes {
            self.put_change(change, &mut batch);
        }
        self.put_commit(writer.commit, &mut batch);
        writer.broken = true;
        self.database.write(batch)?;
        writer.commit += 1;
        for change in changes {
            writer.unsynced.insert(change.vb);
            self.publish(change)?;
        }
        drop(busy);
        if durability == Durability::Synced {
            self.sync(writer)?;
        }
        writer.broken = false;
        Ok(())
    }

    /// Makes everything written survive a power cut, and promises it.
    pub(super) fn sync(&self, writer: &mut Writer) -> Result<()> {
        self.database.sync()?;
        let unsynced = std::mem::take(&mut writer.unsynced);
        let promises = unsynced.into_iter().map(|vb| {
            let kept = self.slots[usize::from(vb.get())].lock().kept;
            (vb, Promise { change: kept.change, high: kept.high })
        });
        writer.synced.raise(promises)
    }

    fn put_change(&self, change: &mut Change, batch: &mut OwnedWriteBatch) {
        let (vb, meta) = (change.vb, &self.database.meta);
        let mut value = Vec::new();
        change.kept.change += 1;
        if let Some(log) = &change.failover {
            let entries = u8::try_from(log.len()).expect("failover logs were checked");
            change.kept.failover_entries = entries;
            encode_failover(vb, log, &mut value);
            batch.insert(meta, failover_key(vb), &value[..]);
        }
        encode_counters(vb, &change.kept, &mut value);
        batch.insert(meta, counters_key(vb), &value[..]);
    }

    /// Puts this commit's number and deletes the one before: two that were swapped would leave both.
    fn put_commit(&self, commit: u64, batch: &mut OwnedWriteBatch) {
        let meta = &self.database.meta;
        let key = commit_key(commit + 1);
        batch.insert(meta, key, mark(&key));
        batch.remove(meta, commit_key(commit));
    }

    fn publish(&self, change: Change) -> Result<()> {
        let mut vbucket = self.slot(change.vb)?.lock();
        let Vbucket { kept, failover, pins, .. } = &mut *vbucket;
        *kept = change.kept;
        if let Some(log) = change.failover {
            *failover = log;
        }
        if change.ends_scans {
            pins.end_all();
        }
        if kept.superseded > 0 && pins.is_empty() {
            lock(&self.sweep).insert(change.vb);
        }
        Ok(())
    }
}

impl Busy<'_> {
    /// Marks a vbucket, and gives what is known of it now to `plan`.
    pub(super) fn hold<T>(&mut self, vb: VbId, plan: impl FnOnce(&mut Vbucket) -> T) -> Result<T> {
        let mut vbucket = self.core.slot(vb)?.sound()?;
        vbucket.busy = true;
        self.vbs.push(vb);
        Ok(plan(&mut vbucket))
    }

    /// Marks a vbucket, damaged or not.
    pub(super) fn hold_damaged<T>(
        &mut self,
        vb: VbId,
        plan: impl FnOnce(&mut Vbucket) -> T,
    ) -> Result<T> {
        let mut vbucket = self.core.slot(vb)?.lock();
        vbucket.busy = true;
        self.vbs.push(vb);
        Ok(plan(&mut vbucket))
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        for vb in &self.vbs {
            self.core.slots[usize::from(vb.get())].settle();
        }
    }
}
