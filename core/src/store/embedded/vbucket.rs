//! What is held in memory of one vbucket: its counters, and which scans are open.

use super::keys::{damaged, seqno_of};
use super::synced::Promise;
use super::values::{Counters, decode_record_key};
use crate::error::Result;
use crate::store::contract::Persisted;
use crate::store::pins::Pins;
use crate::types::{FailoverEntry, Seqno, VbId};
use fjall::Slice;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A vbucket and its lock, which is never held while something is written.
#[derive(Debug, Default)]
pub(super) struct Slot {
    vbucket: Mutex<Vbucket>,
    settled: Condvar,
}

/// What is held in memory of one vbucket.
#[derive(Debug, Default)]
pub(super) struct Vbucket {
    pub(super) kept: Counters,
    pub(super) failover: Vec<FailoverEntry>,
    pub(super) pins: Pins,
    /// What is wrong with it, in a sentence. It is neither read nor written until it is reset.
    pub(super) damage: Option<String>,
    /// A write of it is under way, which has already decided by `pins` what may be deleted.
    pub(super) busy: bool,
}

impl Slot {
    /// A vbucket as it was found.
    pub(super) fn new(vbucket: Vbucket) -> Self {
        Self { vbucket: Mutex::new(vbucket), settled: Condvar::new() }
    }

    /// Locks it, damaged or not.
    pub(super) fn lock(&self) -> MutexGuard<'_, Vbucket> {
        lock(&self.vbucket)
    }

    /// Locks it, unless it is damaged.
    pub(super) fn sound(&self) -> Result<MutexGuard<'_, Vbucket>> {
        let vbucket = self.lock();
        match &vbucket.damage {
            Some(what) => Err(damaged(what.clone())),
            None => Ok(vbucket),
        }
    }

    /// Locks it while no write of it is under way, unless it is damaged.
    pub(super) fn settled(&self) -> Result<MutexGuard<'_, Vbucket>> {
        let mut vbucket = self.sound()?;
        while vbucket.busy {
            vbucket = self.settled.wait(vbucket).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(vbucket)
    }

    /// Notes that a write is over.
    pub(super) fn settle(&self) {
        self.lock().busy = false;
        self.settled.notify_all();
    }
}

impl Vbucket {
    /// What the contract calls persisted.
    pub(super) fn persisted(&self) -> Persisted {
        Persisted {
            state: self.kept.state,
            high: self.kept.high,
            purge: self.kept.purge,
            cas_max: self.kept.cas_max,
            items: self.kept.items,
            failover: self.failover.clone(),
        }
    }

    /// Checks the vbucket against what was promised to be there.
    pub(super) fn check_promise(&mut self, vb: VbId, promise: &Result<Promise>) {
        match promise {
            Err(e) => self.damage = Some(e.to_string()),
            Ok(promise) if promise.change > self.kept.change => {
                let Promise { change, high } = promise;
                let (here, here_high) = (self.kept.change, self.kept.high);
                self.damage = Some(format!(
                    "vb {vb} lost what was synced: its change {change}, up to seqno {high}, was, \
                     but only change {here}, up to seqno {here_high}, is there"
                ));
            }
            Ok(_) => {}
        }
    }

    /// Checks the last entry of `seq` against the counters.
    pub(super) fn check_last(&self, vb: VbId, last: Option<(Slice, Slice)>) -> Result<()> {
        let found = match last {
            Some((key, value)) => {
                decode_record_key(&key, &value)?;
                seqno_of(&key)?
            }
            None => Seqno::ZERO,
        };
        let expected = self.kept.last;
        if found == expected {
            return Ok(());
        }
        Err(damaged(format!(
            "vb {vb}: its last record should be at seqno {expected}, but is at seqno {found}"
        )))
    }
}

/// Nothing that runs under a lock of the store leaves its data half changed, so a panic does not spoil it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
