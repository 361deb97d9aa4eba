//! Versions that were made elsewhere: what other servers and restoring tools write.

use super::locks::{LockStatus, obstructs, shown_cas};
use super::value::checked;
use super::write::{answer, update};
use crate::engine::NotInMemory;
use crate::partition::{Change, Decision, Found, Origin};
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{Cas, Datatype, DocKind};
use crate::wire::kv::{GetMeta, GetMetaAnswer, MetaOptions, WithMeta};
use crate::wire::{Opcode, Response, Status};
use std::borrow::Cow;

/// `a0`, `a1` tell a document's version.
pub(in crate::server) fn version_of(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = GetMeta::parse(frame)?;
    call.active(request.vb)?;
    let key = call.key(request.vb, request.key)?;
    let shown = |found: Option<Found<'_>>| found.map(|found| (*found.meta, found.lock));
    let meta = match (call.session.look(request.vb, key, shown), call.stored) {
        (Ok(meta), _) => meta,
        (Err(NotInMemory { .. }), None) => return Err(Stop::NeedsStored),
        (Err(NotInMemory { lock }), Some(stored)) => {
            stored.as_ref().map(|fetched| (fetched.record().meta, lock))
        }
    };
    match meta {
        Some((meta, lock)) => {
            let answer = GetMetaAnswer {
                deleted: !meta.kind.is_alive(),
                flags: meta.flags,
                expiry: meta.expiry,
                rev: meta.rev,
                cas: shown_cas(meta.cas, lock),
                datatype: request.with_datatype.then_some(meta.datatype),
            };
            answer.encode(frame.header(), call.out());
        }
        None if request.quiet => {}
        None => Response::to(frame.header(), Status::KEY_ENOENT).encode(call.out()),
    }
    Ok(())
}

/// `a2` to `a5` write a document as it is elsewhere.
pub(in crate::server) fn store_with_meta(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = WithMeta::parse(call.frame)?;
    let datatype = checked(call, request.datatype, request.value)?;
    let change = Change {
        value: Cow::Borrowed(request.value),
        expiry: request.expiry,
        ..change(&request, DocKind::Alive, datatype)
    };
    take(call, &request, &change)
}

/// `a8`, `a9` write a tombstone as it is elsewhere.
pub(in crate::server) fn delete_with_meta(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = WithMeta::parse(call.frame)?;
    if !request.value.is_empty() {
        let why = "a tombstone has no value: extended attributes are not built";
        return Err(Refused::new(Status::NOT_SUPPORTED, why).into());
    }
    let is_expiration = request.options.contains(MetaOptions::IS_EXPIRATION);
    let kind = if is_expiration { DocKind::Expired } else { DocKind::Deleted };
    let made = if request.expiry == 0 { call.unix_now } else { request.expiry };
    let change = Change { expiry: made, ..change(&request, kind, Datatype::RAW) };
    take(call, &request, &change)
}

fn change(request: &WithMeta<'_>, kind: DocKind, datatype: Datatype) -> Change<'static> {
    let is_new = request.options.contains(MetaOptions::REGENERATE_CAS);
    let origin = Origin { cas: (!is_new).then_some(request.cas), rev: request.rev };
    let flags = request.flags;
    Change { kind, flags, datatype, origin: Some(origin), ..Change::set(&[][..]) }
}

fn take(call: &mut Call<'_, '_>, request: &WithMeta<'_>, change: &Change<'_>) -> Result<(), Stop> {
    let is_deletion = request.opcode.loud() == Opcode::DEL_WITH_META;
    let locked = if is_deletion { LockStatus::for_now(call) } else { LockStatus::for_write(call) };
    let written = update(call, request.vb, request.key, |found| {
        let obstacle = obstacle(request, found);
        match obstacle.or_else(|| obstructs(found, request.expected, locked)) {
            Some(status) => Decision::Refuse(status),
            None => Decision::Write(change.clone()),
        }
    })??;
    answer(call, request.vb, &written);
    Ok(())
}

/// What keeps the version from being taken: a tombstone of the document is a version as any other.
fn obstacle(request: &WithMeta<'_>, found: Option<Found<'_>>) -> Option<Status> {
    let alive = found.filter(|found| found.meta.kind.is_alive());
    if request.expected != Cas::ZERO {
        match alive {
            None => return Some(Status::KEY_ENOENT),
            // The token of a lock is looked at last.
            Some(found) if found.lock.is_none() && found.meta.cas != request.expected => {
                return Some(Status::KEY_EEXISTS);
            }
            Some(_) => {}
        }
    }
    if request.opcode == Opcode::ADD_WITH_META && alive.is_some() {
        return Some(Status::KEY_EEXISTS);
    }
    let skips = request.options.contains(MetaOptions::SKIP_CONFLICT_RESOLUTION);
    let here = found.filter(|_| !skips)?.meta;
    // The version that was changed more often wins; further fields only break ties, the same way everywhere.
    let theirs = (request.rev, request.cas, request.expiry, request.flags);
    let ours = (here.rev, here.cas, here.expiry, here.flags);
    (theirs <= ours).then_some(Status::KEY_EEXISTS)
}
