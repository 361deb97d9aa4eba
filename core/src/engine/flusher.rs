//! The thread that makes writes durable: gathers what is committed in memory over many vbuckets, commits it in one
//! synced batch, and then gives up what memory must not keep.

use super::parts::EngineParts;
use super::rollback::RollbackJob;
use crate::error::{Error, ErrorKind, Result};
use crate::guarded::guarded;
use crate::partition::Partition;
use crate::ready::thread_waker;
use crate::store::{Batch, Durability, VbBatch};
use crate::types::Seqno;
use millstream_reclaim::Reader;
use millstream_reclaim::sync::atomic::Ordering;
use millstream_reclaim::sync::workers;
use std::time::{Duration, Instant};

/// How long a failed commit waits before it is tried again, at most.
const RETRY_MAX: Duration = Duration::from_secs(1);
/// The shortest time from one commit to the next. Writers that come meanwhile share the next commit, and none of
/// them pays for waking the flusher: where a sync takes milliseconds it costs nothing, where it takes none it saves
/// a wake a write.
const PERIOD: Duration = Duration::from_millis(2);
/// How long the flusher sleeps when nobody wakes it: the wakes are for latency, this is the guarantee.
const NAP: Duration = Duration::from_millis(500);

/// What a document takes in memory besides key and value, at most: its slot, its key in the index, what malloc adds.
const DOCUMENT_BYTES_MORE: u64 = 512;

/// The same while trimming is held back.
const HELD_BACK_NAP: Duration = Duration::from_millis(5);

/// The flusher's own state.
pub(super) struct Flusher<'a> {
    parts: &'a EngineParts,
    reader: Reader,
    cursor: usize,
    trim_cursor: usize,
    /// Memory is over its budget, and what would be trimmed would only wait for a reader that does not leave.
    held_back: bool,
    /// Which partitions the batch in the making names.
    gathered: Box<[bool]>,
    /// The last batch was full.
    filled: bool,
    /// What memory held when it was counted last, and at most this much was written since.
    counted: u64,
    written: u64,
    committed_at: Instant,
}

/// Runs until the engine stops and everything is persisted, or the store refuses for good. If something panics on this
/// thread (the store, the observer of errors, a waker) nothing is persisted any more, and everybody is told so.
pub(super) fn run(parts: &EngineParts) {
    if let Err(panic) = guarded(|| flush(parts)) {
        parts.give_up("flusher", &panic);
    }
    parts.set_stopped();
}

fn flush(parts: &EngineParts) {
    let reader = parts.domain.reader("flusher");
    let gathered = vec![false; parts.partitions.len()].into_boxed_slice();
    let mut flusher = Flusher {
        parts,
        reader,
        cursor: 0,
        trim_cursor: 0,
        held_back: false,
        gathered,
        filled: false,
        counted: u64::MAX,
        written: 0,
        committed_at: workers::now(),
    };
    let waker = thread_waker();
    loop {
        for job in parts.rollbacks.take_all() {
            flusher.roll_back(job);
        }
        let batch = flusher.gather();
        if !batch.vbs.is_empty() {
            if !flusher.commit(&batch) {
                break;
            }
            flusher.settle(&batch);
            flusher.trim_after(&batch);
            flusher.pace();
            continue;
        }
        if parts.is_stopping() {
            if flusher.all_persisted() {
                break;
            }
            // A writer is between its reservation and its publication.
            workers::yield_now();
            continue;
        }
        if flusher.held_back {
            // Nobody may be able to write, so that no commit comes after which this would be looked at.
            flusher.trim_all();
        }
        flusher.maintain();
        parts.dirty.register(&waker);
        if !parts.dirty.any() && parts.rollbacks.is_empty() && !parts.is_stopping() {
            workers::nap(if flusher.held_back { HELD_BACK_NAP } else { NAP });
        }
    }
    if let Err(error) = parts.store.close() {
        parts.workers.report(0, &error);
        parts.workers.fail(&error);
    }
}

impl Flusher<'_> {
    /// Lets the commit's period pass, unless the engine stops or more than a batch waits. The waker is not registered
    /// meanwhile, so that writers do not wake anybody.
    fn pace(&mut self) {
        let now = workers::now();
        let left = PERIOD.saturating_sub(now.saturating_duration_since(self.committed_at));
        if !left.is_zero() && !self.filled && !self.parts.is_stopping() {
            workers::sleep(left);
        }
        self.committed_at = workers::now();
    }

    /// What is to be persisted, up to a batch's size.
    fn gather(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut left = self.parts.settings.flush_bytes;
        let pin = self.reader.pin();
        let mut again = Vec::new();
        self.gathered.fill(false);
        while left > 0 {
            let Some(member) = self.parts.dirty.take(&mut self.cursor) else { break };
            let Some(partition) = self.parts.partitions.get(member) else { continue };
            if self.gathered[member] {
                // Written to meanwhile: a batch names it once, so that is for the next one.
                again.push(member);
                continue;
            }
            let before = partition.persisted();
            let Some((vb_batch, bytes)) = partition.collect(left, &pin) else { continue };
            left = left.saturating_sub(bytes);
            // Versions that were replaced within the batch are in memory too: they are among the seqnos.
            let versions = vb_batch.high.0.saturating_sub(before.0);
            self.written += bytes as u64 + versions * DOCUMENT_BYTES_MORE;
            self.gathered[member] = true;
            batch.vbs.push(vb_batch);
        }
        self.filled = left == 0;
        for member in again {
            self.parts.dirty.mark(member);
        }
        batch
    }

    /// Commits until the store takes it. Nothing is lost meanwhile: writers are told to come again when memory is
    /// full. False when the engine stops and the store still refuses.
    fn commit(&self, batch: &Batch) -> bool {
        let mut wait = Duration::from_millis(10);
        loop {
            let counters = &self.parts.counters;
            match self.parts.store.commit(batch, Durability::Synced) {
                Ok(()) => {
                    let items: usize = batch.vbs.iter().map(|vb| vb.records.len()).sum();
                    // O1 Relaxed: statistics.
                    counters.commits.fetch_add(1, Ordering::Relaxed);
                    // O1 Relaxed: statistics.
                    counters.committed_items.fetch_add(items as u64, Ordering::Relaxed);
                    return true;
                }
                Err(error) => {
                    // O1 Relaxed: statistics.
                    let before = counters.commit_failures.fetch_add(1, Ordering::Relaxed);
                    self.parts.workers.report(before, &error);
                    if self.parts.is_stopping() {
                        self.parts.workers.fail(&error);
                        return false;
                    }
                }
            }
            workers::nap(wait);
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    /// Takes a vbucket back. Whoever asked has closed its log; what lies at or below the seqno is persisted first.
    fn roll_back(&mut self, job: RollbackJob) {
        let RollbackJob { reply, .. } = &job;
        // Fails when nobody waits any more.
        let _ = reply.send(self.take_back(&job));
    }

    fn take_back(&mut self, job: &RollbackJob) -> Result<Seqno> {
        let (store, vb, to) = (&self.parts.store, job.vb, job.to);
        let Some(partition) = self.parts.partition(vb) else { return Ok(to) };
        loop {
            let collected = partition.collect(self.parts.settings.flush_bytes, &self.reader.pin());
            let Some((part, _)) = collected else { break };
            let batch = Batch { vbs: vec![part] };
            if !self.commit(&batch) {
                return Err(Error::new(ErrorKind::Closed, "the engine is shut down"));
            }
            self.settle(&batch);
        }
        let floor = store.rollback_floor(vb)?;
        if to < floor && to != Seqno::ZERO {
            let what = format!(
                "vb {vb} cannot go back to seqno {to}: versions that it had there were replaced and are no longer \
                 kept; {floor} is the lowest seqno possible, besides 0"
            );
            return Err(Error::new(ErrorKind::Misuse, what));
        }
        let reached = store.rollback(vb, to, &job.failover)?;
        let high = job.given_out;
        // Noted before the seqnos count as settled, so that whoever waits for one of them learns which way it went.
        self.parts.change_claimed(partition, &self.reader.pin(), |info| {
            info.taken_back.note(reached, high);
        })?;
        partition.raise_persisted(high);
        let settled = VbBatch {
            vb,
            records: Vec::new(),
            high,
            replaced_within: false,
            state: None,
            failover: None,
        };
        if !self.commit(&Batch { vbs: vec![settled] }) {
            return Err(Error::new(ErrorKind::Closed, "the engine is shut down"));
        }
        self.parts.commits.notify();
        Ok(reached)
    }

    /// Tells everybody what is persisted now.
    fn settle(&mut self, batch: &Batch) {
        let pin = self.reader.pin();
        for vb in &batch.vbs {
            if let Some(partition) = self.parts.partition(vb.vb) {
                partition.settle(vb.high, &pin);
            }
        }
        drop(pin);
        self.parts.commits.notify();
    }

    /// After a commit: makes room in the windows of what was written, and counts memory if it may be over its budget.
    /// Counting looks at every vbucket, which costs more than a small commit.
    fn trim_after(&mut self, batch: &Batch) {
        let parts = self.parts;
        let pressure = &parts.pressure;
        if self.held_back
            || pressure.excess() > 0
            || self.counted.saturating_add(self.written) > pressure.budget()
        {
            self.trim_all();
        } else if self.make_room(batch.vbs.iter().filter_map(|vb| parts.partition(vb.vb))) > 0 {
            parts.commits.notify();
        }
    }

    /// Makes room in windows, counts memory, and lets persisted segments go where memory is over its budget: round the
    /// partitions, a segment each.
    fn trim_all(&mut self) {
        self.held_back = false;
        let in_windows = self.make_room(self.parts.partitions.iter());
        let pin = self.reader.pin();
        let parts = self.parts;
        let both = parts.partitions.iter().map(|p| p.memory(&pin));
        let (logs, indexes) = both.fold((0, 0), |(logs, indexes), (l, i)| (logs + l, indexes + i));
        let used = logs + indexes;
        // Keys and what is told of their documents stay as long as the documents do.
        parts.pressure.settle_kept(indexes);
        parts.pressure.settle(used);
        (self.counted, self.written) = (used, 0);
        let mut excess = parts.pressure.excess();
        if excess == 0 {
            drop(pin);
            if in_windows > 0 {
                parts.commits.notify();
            }
            return;
        }
        // Some room beyond the budget, so that the next batch does not trim again at once.
        excess += parts.pressure.budget() / 16;
        let mut freed = 0;
        let mut idle_rounds = 0;
        while freed < excess && idle_rounds < parts.partitions.len() {
            // A segment that is trimmed waits for its readers. At the limit memory fills instead, which writers are
            // told: so both are bounded, however long a reader stays.
            if parts.domain.admit().is_err() {
                self.held_back = true;
                break;
            }
            self.trim_cursor = (self.trim_cursor + 1) % parts.partitions.len();
            let from = trim_segment(&parts.partitions[self.trim_cursor], &pin);
            idle_rounds = if from == 0 { idle_rounds + 1 } else { 0 };
            freed += from;
        }
        self.counted = used.saturating_sub(freed);
        parts.pressure.settle(self.counted);
        drop(pin);
        if parts.pressure.is_critical() {
            self.finish_segments(parts.pressure.excess());
        }
        if freed + in_windows > 0 {
            // Whoever was told to come again when memory is free.
            parts.commits.notify();
        }
    }

    /// A window that is nearly full gives up its oldest part however much memory is left: its writers are refused when
    /// it is full, and no other vbucket's documents make room in it. Returns the bytes freed.
    fn make_room<'p>(&mut self, partitions: impl Iterator<Item = &'p Partition>) -> u64 {
        let pin = self.reader.pin();
        let mut freed = 0;
        for partition in partitions {
            if !partition.is_crowded(&pin) {
                continue;
            }
            if self.parts.domain.admit().is_err() {
                self.held_back = true;
                break;
            }
            freed += partition.trim(&pin, |_| !partition.is_crowded(&pin));
        }
        freed
    }

    /// Whether nothing is left in memory only. The logs are closed, by the shutdown and once more here, so that it
    /// does not matter what came between: what is still missing is a write between its reservation and its
    /// publication, which takes no time worth waiting for.
    fn all_persisted(&mut self) -> bool {
        let pin = self.reader.pin();
        let mut all = true;
        for partition in &self.parts.partitions {
            if partition.history(&pin).log.close() > partition.persisted() {
                partition.mark_dirty();
                all = false;
            }
        }
        all
    }

    /// Writers are being refused, and what can be trimmed is: so what holds memory are segments that are not full,
    /// of many vbuckets. They are finished, as many as it takes, and go with the next commit.
    fn finish_segments(&mut self, mut excess: u64) {
        let pin = self.reader.pin();
        let parts = self.parts;
        for _ in 0..parts.partitions.len() {
            self.trim_cursor = (self.trim_cursor + 1) % parts.partitions.len();
            let partition = &parts.partitions[self.trim_cursor];
            let (bytes, _) = partition.memory(&pin);
            if bytes > 0 {
                partition.finish_segment(&pin);
                excess = excess.saturating_sub(bytes);
            }
            if excess == 0 {
                return;
            }
        }
    }

    /// Background work of the store, a slice at a time while nothing else is to do.
    fn maintain(&self) {
        const SLICE: usize = 1024;
        while !self.parts.dirty.any() && !self.parts.is_stopping() {
            match self.parts.store.maintain(SLICE) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.parts.workers.report(0, &error);
                    return;
                }
            }
        }
    }
}

/// Lets one segment go, if one is persisted.
fn trim_segment(partition: &Partition, pin: &millstream_reclaim::Pin<'_>) -> u64 {
    partition.trim(pin, |freed| freed > 0)
}
