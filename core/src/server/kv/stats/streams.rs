//! The streams of DCP connections.

use super::walk::Entries;
use crate::engine::{StreamDetails, StreamSnapshot};
use crate::stream::StreamState;
use core::fmt::Display;
use serde_json::{Map, Value};

/// One entry for each number.
pub(super) fn tell(name: &str, stream: &StreamSnapshot, entries: &mut Entries<'_>) {
    let prefix = prefix(name, stream);
    numbers(stream, |what, value| entries.put(format_args!("{prefix}_{what}"), value));
}

/// One entry for the stream.
pub(super) fn tell_as_json(name: &str, stream: &StreamSnapshot, entries: &mut Entries<'_>) {
    let mut members = Map::new();
    numbers(stream, |what, value| {
        members.insert(what.to_owned(), Value::String(value.to_string()));
    });
    entries.put(format_args!("{}", prefix(name, stream)), Value::Object(members));
}

/// What tells a stream from the connection's others.
fn prefix(name: &str, stream: &StreamSnapshot) -> String {
    match stream.sid {
        None => format!("{name}:stream_{}", stream.vb),
        Some(sid) => format!("{name}:stream_{}_sid_{sid}", stream.vb),
    }
}

fn numbers(stream: &StreamSnapshot, mut put: impl FnMut(&str, &dyn Display)) {
    put("state", &stream.state.as_str());
    put("items_ready", &stream.ready);
    put("last_sent_seqno", &stream.last_sent);
    put("last_sent_snap_end_seqno", &stream.snapshot_end);
    if let Some(details) = &stream.details {
        asked(details, &mut put);
        counts(details, stream.state, &mut put);
        filter(details, &mut put);
    }
}

fn asked(details: &StreamDetails, put: &mut impl FnMut(&str, &dyn Display)) {
    put("flags", &details.asked.flags);
    put("opaque", &details.name.opaque.0);
    put("start_seqno", &details.asked.start);
    put("end_seqno", &details.asked.end);
    put("vb_uuid", &details.asked.uuid);
    put("snap_start_seqno", &details.asked.snap_start);
    put("snap_end_seqno", &details.asked.snap_end);
}

fn counts(details: &StreamDetails, state: StreamState, put: &mut impl FnMut(&str, &dyn Display)) {
    let counts = &details.counts;
    put("backfill_disk_items", &counts.backfill_items);
    // What is in memory is read from the log, which is no backfill.
    put("backfill_mem_items", &0);
    put("backfill_sent", &counts.backfill_sent);
    put("memory_phase", &counts.memory_sent);
    put("last_read_seqno", &counts.last_read);
    put("last_sent_seqno_advance", &counts.last_advanced);
    put("items_remaining", &details.remaining);
    // A place in the log is a number that its stream keeps; nothing is registered for it.
    put("cursor_registered", &(state == StreamState::InMemory));
    put("change_streams_enabled", &false);
}

fn filter(details: &StreamDetails, put: &mut impl FnMut(&str, &dyn Display)) {
    let filter = &details.filter;
    put("filter_type", &filter.kind);
    if filter.kind == "passthrough" {
        return;
    }
    put("filter_default_allowed", &filter.default_allowed);
    if let Some(scope) = filter.scope {
        put("filter_scope_id", &format_args!("{:#x}", scope.0));
    }
    match details.name.sid {
        Some(sid) => put("filter_sid", &format_args!("sid:{}", sid.0)),
        None => put("filter_sid", &"sid:none"),
    }
    put("filter_size", &filter.collections.len());
    let ids: Vec<String> = filter.collections.iter().map(|id| format!("{:#x}", id.0)).collect();
    put("filter_cids", &ids.join(","));
}
