//! SET, ADD, REPLACE.

use super::expiry::{deadline, living};
use super::write::{answer, update};
use crate::partition::{Change, Decision, Found};
use crate::server::call::{Call, Stop};
use crate::types::{Cas, Datatype, DocKind};
use crate::wire::Status;
use crate::wire::kv::{Store, StoreMode};
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// `01`, `02`, `03` and `11`, `12`, `13` write a document.
pub(in crate::server) fn store(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = Store::parse(frame)?;
    call.check_datatype(request.datatype)?;
    let now = call.unix_now;
    let change = Change {
        kind: DocKind::Alive,
        value: Cow::Borrowed(request.value),
        flags: request.flags,
        expiry: deadline(request.expiry, now),
        datatype: checked(request.datatype, request.value),
    };
    let written = update(call, request.vb, request.key, |found| {
        match obstacle(request.mode, request.cas, living(found, now)) {
            Some(status) => Decision::Refuse(status),
            None => Decision::Write(change.clone()),
        }
    })??;
    answer(call, request.vb, &written);
    Ok(())
}

/// The datatype of a value: who says that it is JSON is believed when it is, since readers rely on it.
fn checked(datatype: Datatype, value: &[u8]) -> Datatype {
    let is_json = || serde_json::from_slice::<IgnoredAny>(value).is_ok();
    if datatype == Datatype::JSON && !is_json() { Datatype::RAW } else { datatype }
}

/// What keeps a document from being written.
pub(super) fn obstacle(mode: StoreMode, cas: Cas, found: Option<Found<'_>>) -> Option<Status> {
    match (mode, found) {
        (StoreMode::Add, Some(_)) => Some(Status::KEY_EEXISTS),
        (StoreMode::Replace, None) => Some(Status::KEY_ENOENT),
        (_, None) if cas != Cas::ZERO => Some(Status::KEY_ENOENT),
        (_, Some(found)) => mismatch(cas, found),
        (_, None) => None,
    }
}

/// Whether the document is another version than the client thinks.
pub(super) fn mismatch(cas: Cas, found: Found<'_>) -> Option<Status> {
    (cas != Cas::ZERO && cas != found.meta.cas).then_some(Status::KEY_EEXISTS)
}
