//! What all commands that change a document have in common.

use super::expiry::is_over;
use crate::collections::Key;
use crate::partition::{Change, Decision, Found, UpdateError, Written};
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{VbId, VbUuid};
use crate::wire::kv::{MutationToken, WriteAnswer};

/// Makes a new version of a document as `decide` says; what it refuses with is handed back.
pub(super) fn update<'v, E>(
    call: &mut Call<'_, '_>,
    vb: VbId,
    key: &[u8],
    decide: impl FnMut(Option<Found<'_>>) -> Decision<'v, E>,
) -> Result<Result<Written, E>, Stop> {
    if !call.session.has_vbucket(vb) {
        return Err(Refused::not_active(None).into());
    }
    let key = call.key_to_write(key)?;
    let stored = call.stored.and_then(Option::as_ref);
    let written = match call.session.update(vb, key, stored, decide) {
        Ok(written) => written,
        Err(UpdateError::Refused(why)) => return Ok(Err(why)),
        Err(UpdateError::NotInMemory) => return Err(Stop::NeedsStored),
        Err(UpdateError::Busy) => return Err(Stop::NeedsMemory),
        Err(UpdateError::UnknownCollection) => return Err(call.unknown_collection()),
        Err(UpdateError::TooLarge) => return Err(Refused::too_large().into()),
        Err(UpdateError::NotActive) => {
            let state = call.session.branch(vb).map(|(state, _)| state);
            return Err(Refused::not_active(state).into());
        }
    };
    if let Some(withheld) = &mut call.withheld {
        withheld.note(vb, written.seqno, call.output.end());
    }
    Ok(Ok(written))
}

/// Where a write is, for connections that asked to be told.
pub(super) fn token(call: &mut Call<'_, '_>, vb: VbId, written: &Written) -> Option<MutationToken> {
    if !call.wants_token() {
        return None;
    }
    let uuid = call.session.branch(vb).map_or(VbUuid::ZERO, |(_, uuid)| uuid);
    Some(MutationToken { uuid, seqno: written.seqno })
}

/// Answers a write, unless it came as a quiet command.
pub(super) fn answer(call: &mut Call<'_, '_>, vb: VbId, written: &Written) {
    if !call.frame.opcode().is_quiet() {
        let token = token(call, vb, written);
        let answer = WriteAnswer { cas: written.cas, token };
        answer.encode(call.frame.header(), call.out());
    }
}

/// Turns a document whose time has run out into a tombstone, now that somebody has noticed. If it cannot be done now,
/// somebody else will notice.
pub(super) fn expire(call: &mut Call<'_, '_>, vb: VbId, key: Key<'_>) {
    let now = call.unix_now;
    let _ = call.session.update(vb, key, None, |found| match found {
        Some(found) if found.meta.kind.is_alive() && is_over(found.meta.expiry, now) => {
            Decision::Write(Change::expire(now))
        }
        _ => Decision::Refuse(()),
    });
}
