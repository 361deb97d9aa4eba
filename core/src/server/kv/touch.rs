//! TOUCH and GAT: the value stays, its time changes.

use super::expiry::{deadline, living};
use super::locks::LockStatus;
use super::write::update;
use crate::partition::{Change, Decision};
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{Cas, DocKind, DocMeta, VbId};
use crate::wire::kv::{GetAndTouch, GetAnswer, Touch, WriteAnswer};
use crate::wire::{Opcode, Response, Status};
use std::borrow::Cow;

/// `1c` TOUCH.
pub(in crate::server) fn touch(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = Touch::parse(frame)?;
    let touched = give_time(call, request.vb, request.key, request.expiry)?;
    let Some(Touched { cas, .. }) = touched else { return Err(Status::KEY_ENOENT.into()) };
    let answer = WriteAnswer { cas, token: None };
    answer.encode(frame.header(), call.out());
    Ok(())
}

/// `1d`, `1e` GAT.
pub(in crate::server) fn get_and_touch(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = GetAndTouch::parse(frame)?;
    match give_time(call, request.vb, request.key, request.expiry)? {
        Some(Touched { meta, cas, value }) => {
            let shown = call.peer.shown(meta.datatype, &value);
            let (datatype, value) = shown.map_err(|_| Refused::damaged())?;
            let answer = GetAnswer { cas, flags: meta.flags, datatype, key: &[], value: &value };
            answer.encode(frame.header(), call.out());
        }
        None if request.quiet => {}
        None => Response::to(frame.header(), Status::KEY_ENOENT).encode(call.out()),
    }
    Ok(())
}

/// A document and its new CAS.
struct Touched {
    meta: DocMeta,
    cas: Cas,
    /// Empty unless the command answers with it.
    value: Vec<u8>,
}

/// Why no new version was made.
enum Untouched {
    Missing,
    Locked,
    /// It expires then already.
    AsItWas,
}

/// Gives a document another expiry; `None` if it does not exist.
fn give_time(
    call: &mut Call<'_, '_>,
    vb: VbId,
    key: &[u8],
    expiry: u32,
) -> Result<Option<Touched>, Stop> {
    let now = call.unix_now;
    let expiry = deadline(expiry, now);
    let shows_value = call.frame.opcode() != Opcode::TOUCH;
    let mut touched = None;
    let written = update(call, vb, key, |found| {
        let Some(found) = living(found, now) else { return Decision::Refuse(Untouched::Missing) };
        if found.lock.is_some() {
            return Decision::Refuse(Untouched::Locked);
        }
        let Some(value) = found.value else { return Decision::NeedValue };
        let (meta, cas) = (*found.meta, found.meta.cas);
        let shown = if shows_value { value.to_vec() } else { Vec::new() };
        touched = Some(Touched { meta, cas, value: shown });
        if meta.expiry == expiry {
            return Decision::Refuse(Untouched::AsItWas);
        }
        Decision::Write(Change {
            kind: DocKind::Alive,
            value: Cow::Owned(value.to_vec()),
            flags: meta.flags,
            expiry,
            datatype: meta.datatype,
            origin: None,
        })
    })?;
    match written {
        Ok(written) => Ok(touched.map(|touched| Touched { cas: written.cas, ..touched })),
        Err(Untouched::AsItWas) => {
            // The answer promises that version as much as the answer to its writer does.
            if let (Some(withheld), Some(touched)) = (&mut call.withheld, &touched) {
                withheld.note(vb, touched.meta.seqno, call.output.end());
            }
            Ok(touched)
        }
        Err(Untouched::Missing) => Ok(None),
        Err(Untouched::Locked) => Err(LockStatus::for_write(call).0.into()),
    }
}
