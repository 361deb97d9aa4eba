//! A vbucket is taken back to an earlier seqno while the engine runs.
//!
//! Whoever asks claims the vbucket, closes its log for ever and ends its streams; the flusher, which alone writes to
//! the store, persists what lies at or below the seqno and takes the store back; then the asker makes a new history
//! of what the store has and puts it in the place of the old one. Seqnos that are given out afterwards are above
//! every one that was given out before.

use super::collections::Stored;
use super::parts::EngineParts;
use crate::error::{Error, ErrorKind, Result};
use crate::failover::{FailoverLog, random_uuid};
use crate::partition::{History, Partition};
use crate::types::{CollectionId, FailoverEntry, Seqno, VbId, VbState, VbUuid};
use millstream_reclaim::Pin;
use millstream_reclaim::sync::atomic::{Ordering, fence};
use millstream_reclaim::sync::workers::{self, Receiver, Sender, channel};
use std::time::Duration;

/// What the flusher is asked to do.
#[derive(Debug)]
pub(super) struct RollbackJob {
    pub(super) vb: VbId,
    pub(super) to: Seqno,
    /// The failover log from then on; the first entry's seqno counts for nothing.
    pub(super) failover: Vec<FailoverEntry>,
    /// Every seqno that was given out is at or below this one.
    pub(super) given_out: Seqno,
    pub(super) reply: Sender<Result<Seqno>>,
}

impl EngineParts {
    /// See [`Engine::roll_back`](super::Engine::roll_back).
    pub(super) fn roll_back(&self, vb: VbId, to: Seqno) -> Result<FailoverEntry> {
        self.go_back(self.existing(vb)?, Some(to))
    }

    /// See [`Engine::empty_vbucket`](super::Engine::empty_vbucket).
    pub(super) fn empty(&self, vb: VbId) -> Result<FailoverEntry> {
        self.go_back(self.existing(vb)?, None)
    }

    /// Takes a vbucket back to a seqno, or makes it as new.
    fn go_back(&self, partition: &Partition, to: Option<Seqno>) -> Result<FailoverEntry> {
        self.check_running()?;
        // No collection comes or goes meanwhile.
        let turn = self.manifest_turn.take();
        let uuid = random_uuid();
        let (job, reply) = self.close_for_rollback(partition, to, uuid)?;
        self.ask_flusher(job);
        let replied = reply.recv();
        let closed = || Error::new(ErrorKind::Closed, "the engine is shut down");
        let reached = match replied.unwrap_or_else(|_| Err(closed())) {
            Ok(reached) => reached,
            Err(error) => {
                self.reopen(partition)?;
                return Err(error);
            }
        };
        let next = match self.reload_patiently(partition) {
            Ok(next) => next,
            Err(error) => {
                self.leave_dead(partition)?;
                let what = format!(
                    "vb {} was taken back and cannot be loaded: it is dead until that is tried again",
                    partition.vb
                );
                return Err(Error::new(error.kind(), what).because(error));
            }
        };
        // What a purge that had begun before the claim has purged since the history was loaded; a store that cannot
        // tell has purged nothing.
        let purge_after = self.store.load(partition.vb).map_or(Seqno::ZERO, |kept| kept.purge);
        let state = {
            let mut reader = self.domain.borrow("rollback");
            // Begun before the look: the shutdown's last pin waits for it, so that what is replaced finds its reaper.
            let pin = reader.pin();
            self.check_running()?;
            partition.replace_history(next, &pin)?;
            // R1 SeqCst fence: a flusher that made its last look (in a pin that began after it saw the engine stop)
            // before the new history was there closed the old one; then we see the engine stop. Else it closes the
            // new one.
            fence(Ordering::SeqCst);
            if self.is_stopping() {
                partition.history(&pin).log.close();
            }
            partition.history(&pin).raise_purge(purge_after);
            self.change_claimed(partition, &pin, |info| match to {
                Some(_) => info.failover.push(uuid, reached),
                None => info.failover = FailoverLog::new(uuid, reached),
            })?;
            partition.limit_flush(Seqno::MAX);
            partition.follow_state(&pin);
            partition.history(&pin).log.let_go();
            self.end_claim(partition, &pin)?;
            partition.info(&pin).state
        };
        self.tell_state(partition, state);
        if self.tell_again(partition, &turn).is_err() {
            // Done all the same: the housekeeper has it tell the rest.
            self.fall_behind(partition);
        }
        Ok(FailoverEntry { uuid, seqno: reached })
    }

    /// Hands the flusher a job, or lets go of it when the flusher has stopped.
    fn ask_flusher(&self, job: RollbackJob) {
        self.rollbacks.push(job);
        self.dirty.wake();
        // R2 SeqCst fence: pairs with the one in `set_stopped`. Whichever is second lets go of the job, whose asker
        // then learns that nobody does it.
        fence(Ordering::SeqCst);
        if self.is_stopped() {
            drop(self.rollbacks.take_all());
        }
    }

    /// Ends all that goes on in the vbucket, so that it stays as it is.
    fn close_for_rollback(
        &self,
        partition: &Partition,
        to: Option<Seqno>,
        uuid: VbUuid,
    ) -> Result<(RollbackJob, Receiver<Result<Seqno>>)> {
        let vb = partition.vb;
        let mut reader = self.domain.borrow("rollback");
        let given_out = {
            let pin = reader.pin();
            self.check_rollback(partition, to, &pin)?;
            self.claim(partition, &pin)?;
            partition.history(&pin).log.hold()
        };
        partition.settle_writers(&mut reader);
        let pin = reader.pin();
        let failover = match to {
            Some(to) => {
                let mut log = partition.info(&pin).failover.clone();
                log.push(uuid, to);
                log
            }
            None => FailoverLog::new(uuid, Seqno::ZERO),
        };
        let to = to.unwrap_or(Seqno::ZERO);
        partition.limit_flush(to);
        self.end_streams(partition, &pin);
        let (reply, replied) = channel();
        let failover = failover.entries().to_vec();
        Ok((RollbackJob { vb, to, failover, given_out, reply }, replied))
    }

    /// Whether there is anything to take back, and it may be.
    fn check_rollback(
        &self,
        partition: &Partition,
        to: Option<Seqno>,
        pin: &Pin<'_>,
    ) -> Result<()> {
        let (vb, high, state) = (partition.vb, partition.high(pin), partition.info(pin).state);
        if let Some(to) = to.filter(|to| *to >= high) {
            let what = format!("vb {vb} is at seqno {high}: nothing lies above {to} to take back");
            return Err(Error::new(ErrorKind::Misuse, what));
        }
        if to.is_none() && state != VbState::Dead {
            let what = format!("vb {vb} is {}: only a dead one is emptied", state.as_str());
            return Err(Error::new(ErrorKind::Misuse, what));
        }
        Ok(())
    }

    /// Nothing came of it: everything is as it was, but for the streams.
    fn reopen(&self, partition: &Partition) -> Result<()> {
        let mut reader = self.domain.borrow("rollback");
        let pin = reader.pin();
        partition.limit_flush(Seqno::MAX);
        partition.follow_state(&pin);
        partition.history(&pin).log.let_go();
        self.end_claim(partition, &pin)?;
        partition.mark_dirty();
        Ok(())
    }

    /// The store is back and memory is not: nobody reads or writes the vbucket until another rollback has loaded it.
    /// Its log stays held.
    fn leave_dead(&self, partition: &Partition) -> Result<()> {
        let mut reader = self.domain.borrow("rollback");
        let pin = reader.pin();
        self.change_claimed(partition, &pin, |info| info.state = VbState::Dead)?;
        self.end_streams(partition, &pin);
        partition.limit_flush(Seqno::MAX);
        partition.follow_state(&pin);
        self.end_claim(partition, &pin)?;
        self.tell_state(partition, VbState::Dead);
        Ok(())
    }

    /// As [`reload`](Self::reload); what is short of memory is tried again for a while.
    fn reload_patiently(&self, partition: &Partition) -> Result<History> {
        let give_up = workers::now() + RELOAD_TIMEOUT;
        loop {
            match self.reload(partition) {
                Err(error) if error.kind() == ErrorKind::Retry && workers::now() < give_up => {
                    workers::nap(PATIENCE);
                    self.check_running()?;
                }
                loaded => return loaded,
            }
        }
    }

    /// A history of what the store has.
    fn reload(&self, partition: &Partition) -> Result<History> {
        let vb = partition.vb;
        let purge = self.store.load(vb)?.purge;
        let mut reader = self.domain.borrow("rollback");
        let (next, manifest) = {
            let pin = reader.pin();
            (partition.new_history(purge, &pin, &self.domain)?, self.manifest(&pin).clone())
        };
        next.log.hold();
        let mut stored = Stored::default();
        self.store.keys(vb, &mut |key, meta| stored.load(vb, &next, key, meta))?;
        let pin = reader.pin();
        let dropped = manifest.collection(CollectionId::ZERO).is_none();
        if dropped && (stored.tells_of_default() || partition.info(&pin).state != VbState::Active) {
            next.default.close();
        }
        stored.hand_over_to(vb, &next, &manifest, &pin)?;
        Ok(next)
    }
}

/// How long a vbucket that was taken back waits for memory.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked whether there is memory.
const PATIENCE: Duration = Duration::from_millis(100);

#[cfg(millstream_loom)]
impl super::Engine {
    /// A job for the flusher; the answer is what its asker waits for.
    pub(crate) fn ask_flusher(&self, vb: VbId) -> Receiver<Result<Seqno>> {
        let (reply, replied) = channel();
        let (to, given_out) = (Seqno::ZERO, Seqno::ZERO);
        self.parts().ask_flusher(RollbackJob { vb, to, failover: Vec::new(), given_out, reply });
        replied
    }

    /// Whether it has done that.
    pub(crate) fn is_flusher_stopped(&self) -> bool {
        self.parts().is_stopped()
    }

    /// What the flusher does last.
    pub(crate) fn set_flusher_stopped(&self) {
        self.parts().set_stopped();
    }
}
