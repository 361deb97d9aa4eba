//! DELETE.

use super::expiry::living;
use super::locks::LockStatus;
use super::store::mismatch;
use super::write::{answer, update};
use crate::partition::{Change, Decision};
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::Cas;
use crate::wire::Status;
use crate::wire::kv::Delete;

/// `04`, `14` delete a document.
pub(in crate::server) fn delete(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = Delete::parse(frame)?;
    if call.frame.preserves_expiry()? {
        let why = "a document that is deleted has no expiry to keep";
        return Err(Refused::new(Status::EINVAL, why).into());
    }
    let now = call.unix_now;
    // Who names no version is told as other writers are.
    let any = request.cas == Cas::ZERO;
    let locked = if any { LockStatus::for_write(call) } else { LockStatus::for_now(call) };
    let written = update(call, request.vb, request.key, |found| match living(found, now) {
        None => Decision::Refuse(Status::KEY_ENOENT),
        Some(found) => match mismatch(request.cas, found, locked) {
            Some(status) => Decision::Refuse(status),
            None => Decision::Write(Change::delete(now)),
        },
    })??;
    answer(call, request.vb, &written);
    Ok(())
}
