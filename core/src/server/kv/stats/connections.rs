//! DCP connections and their streams.

use super::walk::Entries;
use crate::engine::{BackfillSnapshot, ConnectionSnapshot, StreamSnapshot};
use crate::stream::StreamState;

pub(super) fn tell(connection: &ConnectionSnapshot, entries: &mut Entries<'_>) {
    // What tools look for in front of a connection's name.
    let name = format_args!("eq_dcpq:{}", connection.name).to_string();
    entries.put(format_args!("{name}:type"), "producer");
    entries.put(format_args!("{name}:pending_disconnect"), connection.pending_disconnect);
    entries.put(format_args!("{name}:items_sent"), connection.items_sent);
    entries.put(format_args!("{name}:total_bytes_sent"), connection.bytes_sent);
    entries.put(format_args!("{name}:max_buffer_bytes"), connection.max_buffer_bytes);
    entries.put(format_args!("{name}:unacked_bytes"), connection.unacked_bytes);
    entries.put(format_args!("{name}:total_acked_bytes"), connection.total_acked_bytes);
    entries.put(format_args!("{name}:flow_control"), on_or_off(connection.max_buffer_bytes > 0));
    let dead =
        connection.streams.iter().filter(|s| matches!(s.state, StreamState::Dead(_))).count();
    entries.put(format_args!("{name}:num_streams"), connection.streams.len());
    entries.put(format_args!("{name}:num_dead_streams"), dead);
    if let Some(backfills) = &connection.backfills {
        tell_backfills(&name, backfills, entries);
    }
    for stream in &connection.streams {
        tell_stream(&name, stream, entries);
    }
}

fn tell_backfills(name: &str, backfills: &BackfillSnapshot, entries: &mut Entries<'_>) {
    let order = if backfills.sequential { "sequential" } else { "round-robin" };
    entries.put(format_args!("{name}:backfill_order"), order);
    entries.put(format_args!("{name}:backfill_buffer_bytes_read"), backfills.buffer_bytes);
    entries.put(format_args!("{name}:backfill_buffer_max_bytes"), backfills.buffer_bytes_max);
    entries.put(format_args!("{name}:backfill_buffer_full"), backfills.buffer_full);
    entries.put(format_args!("{name}:backfill_num_initializing"), backfills.initializing);
    entries.put(format_args!("{name}:backfill_num_active"), backfills.active);
    entries.put(format_args!("{name}:backfill_num_pending"), backfills.pending);
}

fn tell_stream(name: &str, stream: &StreamSnapshot, entries: &mut Entries<'_>) {
    let prefix = format_args!("{name}:stream_{}_", stream.vb).to_string();
    entries.put(format_args!("{prefix}state"), stream.state.as_str());
    entries.put(format_args!("{prefix}last_sent_seqno"), stream.last_sent);
    entries.put(format_args!("{prefix}last_sent_snap_end_seqno"), stream.snapshot_end);
}

fn on_or_off(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}
