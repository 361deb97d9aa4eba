//! GET_LOCKED and UNLOCK_KEY, and what a lock means to the other commands.

use super::expiry::is_over;
use super::write::expire;
use crate::limits::{LOCK_DEFAULT, LOCK_MAX};
use crate::partition::{Found, Lock, LockError};
use crate::server::call::{Call, Stop};
use crate::server::setup::done;
use crate::server::status::Refused;
use crate::types::Cas;
use crate::wire::kv::{GetAnswer, GetLocked, UnlockKey};
use crate::wire::{Feature, Status};
use core::time::Duration;

/// What a reader is shown in the place of a document's CAS while it is locked, so that nobody writes with it.
const HIDDEN_CAS: Cas = Cas(u64::MAX);

/// The CAS that a reader is shown.
pub(super) fn shown_cas(cas: Cas, lock: Option<Lock>) -> Cas {
    if lock.is_some() { HIDDEN_CAS } else { cas }
}

/// What a client is told that runs into a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LockStatus(pub(super) Status);

impl LockStatus {
    /// Of a write in general: a client that knows of no such status takes it for another version.
    pub(super) fn for_write(call: &Call<'_, '_>) -> Self {
        Self(told(call, Status::LOCKED, Status::KEY_EEXISTS))
    }

    /// Where trying again is all that helps.
    pub(super) fn for_now(call: &Call<'_, '_>) -> Self {
        Self(told(call, Status::LOCKED, Status::ETMPFAIL))
    }
}

/// A status, or what clients are told that did not ask for all of them.
fn told(call: &Call<'_, '_>, status: Status, otherwise: Status) -> Status {
    if call.peer.has(Feature::XERROR) { status } else { otherwise }
}

/// Whether a lock keeps a writer off which names this CAS.
pub(super) fn obstructs(found: Option<Found<'_>>, cas: Cas, locked: LockStatus) -> Option<Status> {
    found?.lock.filter(|lock| lock.cas != cas).map(|_| locked.0)
}

/// `94` GET_LOCKED.
pub(in crate::server) fn read_and_lock(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = GetLocked::parse(frame)?;
    call.active(request.vb)?;
    let key = call.key(request.vb, request.key)?;
    let (now, locked) = (call.unix_now, LockStatus::for_now(call).0);
    let (peer, stored) = (&*call.peer, call.stored.and_then(Option::as_ref));
    let taken = call.session.lock(request.vb, key, stored, duration(request.seconds), |found| {
        if is_over(found.meta.expiry, now) {
            return Err(Unlockable::Expired);
        }
        if found.lock.is_some() {
            return Err(Unlockable::Refused(locked.into()));
        }
        let Some(value) = found.value else { return Ok(None) };
        let shown = peer.shown(found.meta.datatype, value);
        let (datatype, value) = shown.map_err(|_| Unlockable::Refused(Refused::damaged()))?;
        Ok(Some((found.meta.flags, datatype, value.into_owned())))
    });
    match taken {
        Ok(((flags, datatype, value), cas)) => {
            let answer = GetAnswer { cas, flags, datatype, key: &[], value: &value };
            answer.encode(frame.header(), call.out());
            Ok(())
        }
        Err(LockError::Refused(Unlockable::Refused(refused))) => Err(refused.into()),
        Err(LockError::Refused(Unlockable::Expired)) => {
            expire(call, request.vb, key);
            Err(Status::KEY_ENOENT.into())
        }
        Err(LockError::Missing) => Err(Status::KEY_ENOENT.into()),
        Err(LockError::NotInMemory) => Err(Stop::NeedsStored),
        Err(LockError::UnknownCollection) => Err(call.unknown_collection()),
    }
}

/// `95` UNLOCK_KEY.
pub(in crate::server) fn unlock(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = UnlockKey::parse(call.frame)?;
    call.active(request.vb)?;
    let key = call.key(request.vb, request.key)?;
    let (now, locked) = (call.unix_now, LockStatus::for_now(call).0);
    let not_locked = told(call, Status::NOT_LOCKED, Status::ETMPFAIL);
    let unlocked = call.session.unlock(request.vb, key, |found| match found.lock {
        _ if is_over(found.meta.expiry, now) => Err(Status::KEY_ENOENT),
        None => Err(not_locked),
        Some(lock) if lock.cas != request.cas => Err(locked),
        Some(_) => Ok(()),
    });
    match unlocked {
        Ok(()) => done(call),
        Err(LockError::Refused(status)) => Err(status.into()),
        Err(LockError::Missing | LockError::NotInMemory) => Err(Status::KEY_ENOENT.into()),
        Err(LockError::UnknownCollection) => Err(call.unknown_collection()),
    }
}

/// Why a document was not locked.
#[derive(Debug)]
enum Unlockable {
    Expired,
    Refused(Refused),
}

/// How long a lock lasts that was asked for like this.
fn duration(seconds: u32) -> Duration {
    match Duration::from_secs(seconds.into()) {
        Duration::ZERO => LOCK_DEFAULT,
        longer if longer > LOCK_MAX => LOCK_DEFAULT,
        asked => asked,
    }
}
