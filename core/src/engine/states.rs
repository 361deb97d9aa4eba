//! A vbucket changes its state: the new state is published first, the streams that were opened under the old one
//! are looked for then; a request that runs meanwhile sees one or is seen by the other.

use super::parts::EngineParts;
use crate::error::{Error, ErrorKind, Result};
use crate::failover::random_uuid;
use crate::partition::{Partition, VbInfo};
use crate::types::{EndReason, FailoverEntry, VbId, VbState};
use millstream_reclaim::Pin;
use millstream_reclaim::sync::atomic::{Ordering, fence};

/// Former states that may wait for reclamation beyond the limit on garbage, besides four of each vbucket.
const STATES_PENDING: u64 = 64;

impl EngineParts {
    /// See [`Engine::set_vbucket_state`](super::Engine::set_vbucket_state).
    pub(super) fn set_state(&self, vb: VbId, state: VbState, pin: &Pin<'_>) -> Result<()> {
        let partition = self.existing(vb)?;
        self.check_running()?;
        if partition.info(pin).held {
            return Err(held(vb));
        }
        // Before anything is changed. A change lets go of what the old state allowed, so that it may go further than
        // what begins something new; not without end, since each leaves a state behind.
        self.domain.admit_beyond(STATES_PENDING + 4 * self.partitions.len() as u64)?;
        if state != VbState::Active {
            // Before the change is seen: no write is made under the new state.
            partition.history(pin).log.seal();
        }
        let (mut changed, mut is_held) = (false, false);
        // However much awaits reclamation now: whoever was refused here would have sealed the log for nothing.
        partition.info.update_past_limit(pin, |info| {
            is_held = info.held;
            changed = !is_held && info.state != state;
            if !changed {
                return None;
            }
            let mut failover = info.failover.clone();
            if state == VbState::Active {
                failover.push(random_uuid(), partition.high(pin));
            }
            Some(VbInfo { state, failover, version: info.version + 1, ..info.clone() })
        })?;
        if is_held {
            partition.follow_state(pin);
            return Err(held(vb));
        }
        if !changed {
            // The log follows already, or whoever published this state after our seal is about to see to it.
            return Ok(());
        }
        self.end_streams(partition, pin);
        partition.follow_state(pin);
        self.tell_state(partition, state);
        Ok(())
    }

    /// See [`Engine::fail_over`](super::Engine::fail_over).
    pub(super) fn fail_over(&self, vb: VbId) -> Result<FailoverEntry> {
        let partition = self.existing(vb)?;
        self.check_running()?;
        let mut reader = self.domain.borrow("failover");
        {
            let pin = reader.pin();
            self.claim(partition, &pin)?;
            partition.history(&pin).log.hold();
        }
        partition.settle_writers(&mut reader);
        let pin = &reader.pin();
        let history = partition.history(pin);
        let entry = FailoverEntry { uuid: random_uuid(), seqno: history.high(pin) };
        self.change_claimed(partition, pin, |info| {
            info.state = VbState::Active;
            info.failover.push(entry.uuid, entry.seqno);
        })?;
        self.end_streams(partition, pin);
        partition.follow_state(pin);
        history.log.let_go();
        self.end_claim(partition, pin)?;
        self.tell_state(partition, VbState::Active);
        Ok(entry)
    }

    /// Nothing changes after the shutdown: it would not be persisted.
    pub(super) fn check_running(&self) -> Result<()> {
        match self.is_stopping() {
            true => Err(Error::new(ErrorKind::Closed, "the engine is shut down")),
            false => Ok(()),
        }
    }

    /// A vbucket, which has to be there.
    pub(super) fn existing(&self, vb: VbId) -> Result<&Partition> {
        let missing = || Error::new(ErrorKind::Misuse, format!("there is no vbucket {vb}"));
        self.partition(vb).ok_or_else(missing)
    }

    /// Takes a vbucket for the caller alone: no state is set, no stream opened and nobody else claims it until
    /// [`end_claim`](Self::end_claim). Whoever holds its log has claimed it before, and lets go before the claim
    /// ends, so that a log has one holder at a time.
    pub(super) fn claim(&self, partition: &Partition, pin: &Pin<'_>) -> Result<()> {
        let claimed = partition.info.update(pin, |info| {
            (!info.held).then(|| VbInfo { held: true, version: info.version + 1, ..info.clone() })
        })?;
        if claimed { Ok(()) } else { Err(held(partition.vb)) }
    }

    /// Publishes what the holder of a claim changes; the claim goes on.
    pub(super) fn change_claimed(
        &self,
        partition: &Partition,
        pin: &Pin<'_>,
        change: impl Fn(&mut VbInfo),
    ) -> Result<()> {
        partition.info.update_past_limit(pin, |info| {
            let mut next = VbInfo { version: info.version + 1, ..info.clone() };
            change(&mut next);
            Some(next)
        })?;
        Ok(())
    }

    /// Ends a claim, after everything else.
    pub(super) fn end_claim(&self, partition: &Partition, pin: &Pin<'_>) -> Result<()> {
        self.change_claimed(partition, pin, |info| info.held = false)
    }

    /// Ends the streams that were opened before the change that has just been published.
    pub(super) fn end_streams(&self, partition: &Partition, pin: &Pin<'_>) {
        // F1 SeqCst fence: see `Producer::insert`.
        fence(Ordering::SeqCst);
        gate!(StatePublished);
        self.connections.for_each(pin, |connection| {
            connection.kill_vbucket(partition.vb, EndReason::StateChanged);
        });
    }

    /// Has a change persisted, and tells those who wait for one.
    pub(super) fn tell_state(&self, partition: &Partition, state: VbState) {
        partition.note_state_change();
        self.states.notify();
        if state == VbState::Active {
            // The housekeeper has it tell what it missed.
            self.fall_behind(partition);
        } else {
            // Whoever waits for it to catch up waits for nothing now.
            self.commits.notify();
        }
    }
}

impl Partition {
    /// Seals the log or takes the seal off, as the vbucket's state says; one that a shutdown closed stays shut. Of
    /// several threads that change the state at once, each looks again after its turn, so that the last state that was
    /// published is the one that the log follows.
    pub(super) fn follow_state(&self, pin: &Pin<'_>) {
        loop {
            let version = self.info(pin).version;
            let history = self.history(pin);
            match self.info(pin).state {
                VbState::Active => history.log.unseal(),
                _ => {
                    history.log.seal();
                }
            }
            // F1 SeqCst fence: if another's change is before it, we see it below; else it follows the state after us.
            fence(Ordering::SeqCst);
            if self.info(pin).version == version {
                return;
            }
        }
    }
}

/// Somebody holds the vbucket.
pub(super) fn held(vb: VbId) -> Error {
    Error::new(ErrorKind::Retry, format!("vb {vb} is changing already: try again"))
}
