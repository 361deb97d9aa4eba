//! What each status means, for clients that meet one they do not know.

use super::call::{Call, Stop};
use super::status::Refused;
use crate::wire::kv::GetErrorMap;
use crate::wire::{Response, Status};
use serde_json::{Map, Value, json};

/// The texts, by version; the newest last.
#[derive(Debug)]
pub(super) struct ErrorMaps([Box<[u8]>; 2]);

impl ErrorMaps {
    pub(super) fn new() -> Self {
        Self([text(1), text(2)])
    }

    /// The newest text that a client can read which knows versions up to `version`.
    fn up_to(&self, version: u16) -> Option<&[u8]> {
        let newest = usize::from(version).min(self.0.len());
        newest.checked_sub(1).map(|at| &*self.0[at])
    }
}

/// `fe` GET_ERROR_MAP.
pub(super) fn get_error_map(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = GetErrorMap::parse(call.frame)?;
    let Some(map) = call.shared.error_maps.up_to(request.version) else {
        return Err(Refused::new(Status::EINVAL, "there is no error map of version 0").into());
    };
    let answer = Response::to(call.frame.header(), Status::SUCCESS).value(call.peer.json(), map);
    answer.encode(call.out());
    Ok(())
}

fn text(version: u16) -> Box<[u8]> {
    let errors: Map<String, Value> = Status::ALL
        .iter()
        .map(|status| {
            let entry = json!({
                "name": status.name().unwrap_or_default(),
                "desc": status.text().unwrap_or_default(),
                "attrs": attributes(*status),
            });
            (format!("{:x}", status.0), entry)
        })
        .collect();
    let map = json!({ "version": version, "revision": 1, "errors": errors });
    map.to_string().into_bytes().into_boxed_slice()
}

/// What a client may do about a status.
fn attributes(status: Status) -> &'static [&'static str] {
    match status {
        Status::SUCCESS | Status::AUTH_CONTINUE => &["success"],
        Status::KEY_ENOENT
        | Status::KEY_EEXISTS
        | Status::NOT_STORED
        | Status::DELTA_BADVAL
        | Status::UNKNOWN_COLLECTION
        | Status::UNKNOWN_SCOPE => &["item-only"],
        Status::LOCKED => &["item-locked", "item-only", "retry-now"],
        Status::NOT_LOCKED => &["item-only"],
        Status::NOT_MY_VBUCKET => &["fetch-config", "invalid-input"],
        Status::AUTH_ERROR | Status::AUTH_STALE => &["auth", "conn-state-invalidated"],
        Status::EACCESS => &["support"],
        Status::UNKNOWN_COMMAND | Status::NOT_SUPPORTED => &["support"],
        Status::ENOMEM | Status::EBUSY | Status::ETMPFAIL => &["temp", "retry-later"],
        Status::NOT_INITIALIZED => &["temp", "retry-later", "conn-state-invalidated"],
        Status::EINTERNAL => &["internal"],
        Status::ROLLBACK | Status::DCP_STREAM_NOT_FOUND | Status::OPAQUE_NO_MATCH => &["dcp"],
        Status::DCP_STREAM_ID_INVALID => &["dcp", "invalid-input"],
        _ => &["invalid-input"],
    }
}
