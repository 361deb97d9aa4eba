//! SET, ADD, REPLACE.

use super::expiry::{deadline, living};
use super::locks::{LockStatus, obstructs};
use super::value::checked;
use super::write::{answer, update};
use crate::partition::{Change, Decision, Found};
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{Cas, DocKind};
use crate::wire::Status;
use crate::wire::kv::{Store, StoreMode};
use std::borrow::Cow;

/// `01`, `02`, `03` and `11`, `12`, `13` write a document.
pub(in crate::server) fn store(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = Store::parse(frame)?;
    let datatype = checked(call, request.datatype, request.value)?;
    let keeps_expiry = call.frame.preserves_expiry()?;
    if keeps_expiry && request.mode == StoreMode::Add {
        let why = "a document that is added has no expiry to keep";
        return Err(Refused::new(Status::EINVAL, why).into());
    }
    let (now, locked) = (call.unix_now, LockStatus::for_write(call));
    let change = Change {
        kind: DocKind::Alive,
        value: Cow::Borrowed(request.value),
        flags: request.flags,
        expiry: deadline(request.expiry, now),
        datatype,
        origin: None,
    };
    let written = update(call, request.vb, request.key, |found| {
        let found = living(found, now);
        if let Some(status) = obstacle(request.mode, request.cas, found, locked) {
            return Decision::Refuse(status);
        }
        let kept = found.filter(|_| keeps_expiry).map(|found| found.meta.expiry);
        Decision::Write(Change { expiry: kept.unwrap_or(change.expiry), ..change.clone() })
    })??;
    answer(call, request.vb, &written);
    Ok(())
}

/// What keeps a document from being written.
pub(super) fn obstacle(
    mode: StoreMode,
    cas: Cas,
    found: Option<Found<'_>>,
    locked: LockStatus,
) -> Option<Status> {
    match (mode, found) {
        (StoreMode::Add, Some(_)) => Some(Status::KEY_EEXISTS),
        (StoreMode::Replace, None) => Some(Status::KEY_ENOENT),
        (_, None) if cas != Cas::ZERO => Some(Status::KEY_ENOENT),
        (_, Some(found)) => mismatch(cas, found, locked),
        (_, None) => None,
    }
}

/// Whether the document is another version than the client thinks, or somebody else has locked it.
pub(super) fn mismatch(cas: Cas, found: Found<'_>, locked: LockStatus) -> Option<Status> {
    if found.lock.is_some() {
        return obstructs(Some(found), cas, locked);
    }
    (cas != Cas::ZERO && cas != found.meta.cas).then_some(Status::KEY_EEXISTS)
}
