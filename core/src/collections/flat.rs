//! System events as FlatBuffers, in the tables that clients know:
//!
//! ```text
//! Collection         0 uid u64 | 1 scope u32 | 2 collection u32 | 3 has max TTL bool | 4 max TTL u32 | 5 name
//! DroppedCollection  0 uid u64 | 1 scope u32 | 2 collection u32
//! Scope              0 uid u64 | 1 scope u32 | 2 name
//! DroppedScope       0 uid u64 | 1 scope u32
//! ```
//!
//! A made and a changed collection have the same table. Fields that are not there have the value 0: such are those that
//! clients know behind these, which tell of things that are not here (history, metering, flushes, system collections).

use super::event::{SystemChange, SystemEvent};
use crate::types::{CollectionId, ScopeId};
use flatbuffers::{FlatBufferBuilder, VOffsetT};

/// An event in its table.
pub(crate) fn flat(event: &SystemEvent<'_>) -> Vec<u8> {
    let mut out = FlatBufferBuilder::with_capacity(CAPACITY);
    let name = match event.change.name() {
        "" => None,
        name => Some(out.create_string(name)),
    };
    let table = out.start_table();
    out.push_slot(slot(0), event.manifest.0, 0);
    out.push_slot(slot(1), scope(&event.change).0, 0);
    match event.change {
        SystemChange::CollectionCreated { collection, max_ttl, .. }
        | SystemChange::CollectionModified { collection, max_ttl, .. } => {
            out.push_slot(slot(2), collection.0, CollectionId::ZERO.0);
            out.push_slot(slot(3), max_ttl != 0, false);
            out.push_slot(slot(4), max_ttl, 0);
            if let Some(name) = name {
                out.push_slot_always(slot(5), name);
            }
        }
        SystemChange::CollectionDropped { collection, .. } => {
            out.push_slot(slot(2), collection.0, CollectionId::ZERO.0);
        }
        SystemChange::ScopeCreated { .. } => {
            if let Some(name) = name {
                out.push_slot_always(slot(2), name);
            }
        }
        SystemChange::ScopeDropped { .. } => {}
    }
    let table = out.end_table(table);
    out.finish_minimal(table);
    out.finished_data().to_vec()
}

fn scope(change: &SystemChange<'_>) -> ScopeId {
    match *change {
        SystemChange::CollectionCreated { scope, .. }
        | SystemChange::CollectionModified { scope, .. }
        | SystemChange::CollectionDropped { scope, .. }
        | SystemChange::ScopeCreated { scope, .. }
        | SystemChange::ScopeDropped { scope } => scope,
    }
}

/// Where a table's list of offsets has that of a field: behind the lengths of the list and of the table.
const fn slot(field: VOffsetT) -> VOffsetT {
    4 + 2 * field
}

/// Enough for all but the longest names.
const CAPACITY: usize = 128;
