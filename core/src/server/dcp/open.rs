//! DCP_OPEN.
//!
//! | flag | |
//! |---|---|
//! | 1 producer | needed: there are no consumers here |
//! | 4 extended attributes | granted: no document has any, so that all of them are sent |
//! | 8, 64 no values | granted, one of them |
//! | 32 delete times | granted |
//! | 256 deleted attributes | granted with 4, as that is |
//! | 512 skip deletions | granted where collections were agreed on |

use crate::error::ErrorKind;
use crate::limits::OUTPUT_BYTES_STREAM;
use crate::producer::{IncludeValues, OpenOptions};
use crate::server::call::{Call, Stop};
use crate::server::setup::done;
use crate::server::status::Refused;
use crate::wire::dcp::{Open, OpenFlags};
use crate::wire::{Feature, Status};

/// The flags that are built.
const BUILT: OpenFlags = OpenFlags::PRODUCER
    .with(OpenFlags::INCLUDE_XATTRS)
    .with(OpenFlags::NO_VALUE)
    .with(OpenFlags::INCLUDE_DELETE_TIMES)
    .with(OpenFlags::NO_VALUE_WITH_DATATYPE)
    .with(OpenFlags::INCLUDE_DELETED_USER_XATTRS)
    .with(OpenFlags::SKIP_DELETES_IN_INITIAL_BACKFILL);

/// `50` DCP_OPEN.
pub(in crate::server) fn open(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = Open::parse(call.frame)?;
    if call.peer.dcp.is_some() {
        let why = "the connection was opened for DCP already";
        return Err(Refused::new(Status::EINVAL, why).into());
    }
    if !request.flags.contains(OpenFlags::PRODUCER) {
        let why = "only producers can be opened here";
        return Err(Refused::new(Status::NOT_SUPPORTED, why).into());
    }
    let missing = request.flags.without(BUILT);
    if missing != OpenFlags::NONE {
        let why = format!("the flags {:#x} are not supported here", missing.0);
        return Err(Refused::new(Status::NOT_SUPPORTED, why).into());
    }
    let skip_deletes = request.flags.contains(OpenFlags::SKIP_DELETES_IN_INITIAL_BACKFILL);
    if skip_deletes && !call.peer.has(Feature::COLLECTIONS) {
        // Without them nobody is told of seqnos that are not shown.
        let why = "skipping deletions needs collections, which were not agreed on";
        return Err(Refused::new(Status::EINVAL, why).into());
    }
    let Ok(name) = core::str::from_utf8(request.name) else {
        return Err(Refused::new(Status::EINVAL, "the name is not UTF-8").into());
    };
    let options = OpenOptions {
        include_delete_times: request.flags.contains(OpenFlags::INCLUDE_DELETE_TIMES),
        include_xattrs: request.flags.contains(OpenFlags::INCLUDE_XATTRS),
        user: call.peer.user.as_deref().map(Box::from),
        stuck_timeout: call.shared.stuck_timeout(name),
        include_deleted_user_xattrs: request.flags.contains(OpenFlags::INCLUDE_DELETED_USER_XATTRS),
        include_values: include_values(request.flags),
        collections: call.peer.has(Feature::COLLECTIONS),
        snappy: call.peer.reads_snappy(),
        skip_deletes_in_initial_backfill: skip_deletes,
        ..OpenOptions::default()
    };
    match call.shared.engine.connect(name, options) {
        Ok(producer) => call.peer.dcp = Some(producer),
        Err(error) if error.kind() == ErrorKind::Closed => return Err(Stop::Close),
        Err(error) => return Err(error.into()),
    }
    call.output.keep(OUTPUT_BYTES_STREAM);
    tracing::debug!(name, "a DCP connection was opened");
    done(call)
}

fn include_values(flags: OpenFlags) -> IncludeValues {
    if flags.contains(OpenFlags::NO_VALUE) {
        IncludeValues::No
    } else if flags.contains(OpenFlags::NO_VALUE_WITH_DATATYPE) {
        IncludeValues::NoButDatatype
    } else {
        IncludeValues::Yes
    }
}
