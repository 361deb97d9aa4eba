//! Requests that many tests make.

use millstream::types::{Cas, Datatype, VbId};
use millstream::wire::kv::{Get, Store, StoreMode};

/// Writes a document, whatever is there.
pub(super) fn set<'a>(vb: u16, key: &'a [u8], value: &'a [u8]) -> Store<'a> {
    Store {
        mode: StoreMode::Set,
        quiet: false,
        vb: VbId(vb),
        cas: Cas::ZERO,
        flags: 0,
        expiry: 0,
        datatype: Datatype::RAW,
        key,
        value,
    }
}

/// Reads a document.
pub(super) fn get(vb: u16, key: &[u8]) -> Get<'_> {
    Get { vb: VbId(vb), key, with_key: false, quiet: false }
}
