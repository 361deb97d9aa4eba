//! APPEND and PREPEND.

use super::expiry::living;
use super::locks::LockStatus;
use super::store::mismatch;
use super::value::plain;
use super::write::{answer, update};
use crate::limits::VALUE_BYTES_MAX;
use crate::partition::{Change, Decision};
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{Datatype, DocKind};
use crate::wire::Status;
use crate::wire::kv::{Concat, ConcatMode};
use std::borrow::Cow;

/// `0e`, `0f`, `19`, `1a` add bytes to a value.
pub(in crate::server) fn concat(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = Concat::parse(frame)?;
    call.check_datatype(request.datatype)?;
    let added = plain(request.datatype, request.value).map_err(Refused::from)?;
    // A value that grows keeps its expiry in any case.
    call.frame.preserves_expiry()?;
    let (now, locked) = (call.unix_now, LockStatus::for_write(call));
    let written = update(call, request.vb, request.key, |found| {
        let Some(found) = living(found, now) else { return Decision::Refuse(Status::NOT_STORED) };
        if let Some(status) = mismatch(request.cas, found, locked) {
            return Decision::Refuse(status);
        }
        let Some(value) = found.value else { return Decision::NeedValue };
        // The joined value is kept as it is: to compress it again would cost each further piece more.
        let Ok(value) = plain(found.meta.datatype, value) else {
            return Decision::Refuse(Status::EINTERNAL);
        };
        if value.len() + added.len() > VALUE_BYTES_MAX {
            return Decision::Refuse(Status::E2BIG);
        }
        let value = match request.mode {
            ConcatMode::Append => [&*value, &*added].concat(),
            ConcatMode::Prepend => [&*added, &*value].concat(),
        };
        Decision::Write(Change {
            kind: DocKind::Alive,
            value: Cow::Owned(value),
            flags: found.meta.flags,
            expiry: found.meta.expiry,
            // Two texts in JSON, one behind the other, are none.
            datatype: Datatype::RAW,
            origin: None,
        })
    })??;
    answer(call, request.vb, &written);
    Ok(())
}
