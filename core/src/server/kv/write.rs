//! What all commands that change a document have in common.

use crate::partition::{Change, Decision, Found, UpdateError, Written};
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{VbId, VbUuid};
use crate::wire::Status;
use crate::wire::kv::{MutationToken, WriteAnswer};

/// Makes a new version of a document as `decide` says.
pub(super) fn update<'v>(
    call: &mut Call<'_, '_>,
    vb: VbId,
    key: &[u8],
    decide: impl FnMut(Option<Found<'_>>) -> Decision<'v, Status>,
) -> Result<Written, Stop> {
    call.check_key(key)?;
    let stored = call.stored.and_then(Option::as_ref);
    let written = call.session.update(vb, key, stored, decide).map_err(|error| match error {
        UpdateError::Refused(status) => Stop::Refused(status.into()),
        UpdateError::NotInMemory => Stop::NeedsStored,
        UpdateError::Busy => Stop::NeedsMemory,
        UpdateError::TooLarge => Stop::Refused(Status::E2BIG.into()),
        UpdateError::NotActive => {
            let state = call.session.branch(vb).map(|(state, _)| state);
            Stop::Refused(Refused::not_active(state))
        }
    })?;
    if let Some(withheld) = &mut call.withheld {
        withheld.note(vb, written.seqno, call.output.end());
    }
    Ok(written)
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
pub(super) fn expire(call: &mut Call<'_, '_>, vb: VbId, key: &[u8]) {
    let now = call.session.now();
    let _ = update(call, vb, key, |found| match found {
        Some(found) if found.meta.kind.is_alive() && super::expiry::is_over(found.meta.expiry, now) => {
            Decision::Write(Change::expire(now))
        }
        _ => Decision::Refuse(Status::KEY_ENOENT),
    });
}
