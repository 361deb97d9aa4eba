//! A vbucket changes its state: the new state is published first, the streams that were opened under the old one
//! are looked for then; a request that runs meanwhile sees one or is seen by the other.

use super::parts::EngineParts;
use crate::error::{Error, ErrorKind, Result};
use crate::failover::random_uuid;
use crate::partition::{Partition, VbInfo};
use crate::types::{EndReason, VbId, VbState};
use millstream_reclaim::Pin;
use millstream_reclaim::sync::atomic::{Ordering, fence};

impl EngineParts {
    /// See [`Engine::set_vbucket_state`](super::Engine::set_vbucket_state).
    pub(super) fn set_state(&self, vb: VbId, state: VbState, pin: &Pin<'_>) -> Result<()> {
        let Some(partition) = self.partition(vb) else {
            return Err(Error::new(ErrorKind::Misuse, format!("there is no vbucket {vb}")));
        };
        if self.is_stopping() {
            // It would not be persisted.
            return Err(Error::new(ErrorKind::Closed, "the engine is shut down"));
        }
        if state != VbState::Active {
            // Before the change is seen: no write is made under the new state.
            partition.history(pin).log.seal();
        }
        // However much awaits reclamation: a change of state lets go of what the old one allowed, and whoever was
        // refused here would have sealed the log for nothing.
        let changed = partition.info.update_past_limit(pin, |info| {
            if info.state == state {
                return None;
            }
            let mut failover = info.failover.clone();
            if state == VbState::Active {
                failover.push(random_uuid(), partition.high(pin));
            }
            Some(VbInfo { state, failover, version: info.version + 1 })
        });
        if !changed.expect("a partition's state is replaced, never retired") {
            // The log follows already, or whoever published this state after our seal is about to see to it.
            return Ok(());
        }
        // F1 SeqCst fence: see `Producer::insert`.
        fence(Ordering::SeqCst);
        gate!(StatePublished);
        self.connections.for_each(pin, |connection| {
            connection.kill_vbucket(vb, EndReason::StateChanged);
        });
        partition.follow_state(pin);
        partition.note_state_change();
        if state == VbState::Active {
            // The housekeeper has it tell what it missed.
            self.fall_behind(partition);
        } else {
            // Whoever waits for it to catch up waits for nothing now.
            self.commits.notify();
        }
        Ok(())
    }
}

impl Partition {
    /// Seals the log or takes the seal off, as the vbucket's state says; one that a shutdown closed stays shut. Of
    /// several threads that change the state at once, each looks again after its turn, so that the last state that was
    /// published is the one that the log follows.
    fn follow_state(&self, pin: &Pin<'_>) {
        let log = &self.history(pin).log;
        loop {
            let version = self.info(pin).version;
            match self.info(pin).state {
                VbState::Active => log.unseal(),
                _ => {
                    log.seal();
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
