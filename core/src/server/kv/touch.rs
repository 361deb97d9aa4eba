//! TOUCH and GAT: the value stays, its time changes.

use super::expiry::{deadline, living};
use super::write::update;
use crate::partition::{Change, Decision};
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{Cas, DocKind, DocMeta, VbId};
use crate::wire::Status;
use crate::wire::kv::{GetAndTouch, GetAnswer, Touch, WriteAnswer};
use std::borrow::Cow;

/// `1c` TOUCH.
pub(in crate::server) fn touch(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = Touch::parse(frame)?;
    let touched = give_time(call, request.vb, request.key, request.expiry)?;
    let answer = WriteAnswer { cas: touched.cas, token: None };
    answer.encode(frame.header(), call.out());
    Ok(())
}

/// `1d`, `1e` GAT.
pub(in crate::server) fn get_and_touch(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = GetAndTouch::parse(frame)?;
    let miss = Refused::from(Status::KEY_ENOENT);
    let touched = match give_time(call, request.vb, request.key, request.expiry) {
        Err(Stop::Refused(refused)) if request.quiet && refused == miss => return Ok(()),
        result => result?,
    };
    let answer = GetAnswer {
        cas: touched.cas,
        flags: touched.meta.flags,
        datatype: call.peer.shown(touched.meta.datatype),
        key: &[],
        value: &touched.value,
    };
    answer.encode(frame.header(), call.out());
    Ok(())
}

/// A document with its new time.
struct Touched {
    meta: DocMeta,
    cas: Cas,
    value: Vec<u8>,
}

/// Gives a document another expiry. If it has that already, nothing is written.
fn give_time(call: &mut Call<'_, '_>, vb: VbId, key: &[u8], expiry: u32) -> Result<Touched, Stop> {
    call.active(vb)?;
    let now = call.session.now();
    let expiry = deadline(expiry, now);
    let mut touched = None;
    let written = update(call, vb, key, |found| {
        let Some(found) = living(found, now) else { return Decision::Refuse(Status::KEY_ENOENT) };
        let Some(value) = found.value else { return Decision::NeedValue };
        let (meta, cas) = (*found.meta, found.meta.cas);
        touched = Some(Touched { meta, cas, value: value.to_vec() });
        if meta.expiry == expiry {
            return Decision::Refuse(Status::SUCCESS);
        }
        Decision::Write(Change {
            kind: DocKind::Alive,
            value: Cow::Owned(value.to_vec()),
            flags: meta.flags,
            expiry,
            datatype: meta.datatype,
        })
    });
    let unchanged = Refused::from(Status::SUCCESS);
    let cas = match written {
        Ok(written) => Some(written.cas),
        Err(Stop::Refused(refused)) if refused == unchanged => None,
        Err(stop) => return Err(stop),
    };
    let mut touched = touched.expect("a decision that wrote, or found nothing to write, saw the document");
    touched.cas = cas.unwrap_or(touched.cas);
    Ok(touched)
}
