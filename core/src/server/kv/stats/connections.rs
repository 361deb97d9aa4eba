//! DCP connections.

use super::asked::StreamFormat;
use super::streams;
use super::text::{Spell, Uptime};
use super::walk::Entries;
use crate::engine::{BackfillSnapshot, ConnectionSnapshot};
use crate::producer::{MarkerVersion, PauseReason, Priority};
use crate::server::shared::STATS_PREFIX;
use crate::stream::StreamState;
use core::fmt::Display;
use std::time::Instant;

/// The entries of one connection: what tools look for in front of its name, the name, and what is told.
struct Named<'a, 'e> {
    name: String,
    entries: &'a mut Entries<'e>,
}

impl Named<'_, '_> {
    fn put(&mut self, what: &str, value: impl Display) {
        self.entries.put(format_args!("{}:{what}", self.name), value);
    }
}

/// Tells of a connection. `started` is when the server was, `now` is now.
pub(super) fn tell(
    connection: &ConnectionSnapshot,
    format: StreamFormat,
    (started, now): (Instant, Instant),
    entries: &mut Entries<'_>,
) {
    let name = format!("{STATS_PREFIX}{}", connection.name);
    let mut named = Named { name, entries };
    tell_life(connection, (started, now), &mut named);
    tell_sent(connection, started, &mut named);
    tell_settings(connection, &mut named);
    tell_window(connection, started, &mut named);
    if let Some(backfills) = &connection.backfills {
        tell_backfills(backfills, &mut named);
    }
    let dead =
        connection.streams.iter().filter(|s| matches!(s.state, StreamState::Dead(_))).count();
    named.put("dcp_ready_queue_size", connection.ready);
    named.put("num_streams", connection.streams.len());
    named.put("num_dead_streams", dead);
    let name = named.name;
    for stream in &connection.streams {
        match format {
            StreamFormat::Legacy => streams::tell(&name, stream, entries),
            StreamFormat::Json => streams::tell_as_json(&name, stream, entries),
            StreamFormat::Skip => {}
        }
    }
}

fn tell_life(
    connection: &ConnectionSnapshot,
    (started, now): (Instant, Instant),
    named: &mut Named<'_, '_>,
) {
    if let Some(user) = &connection.user {
        named.put("user", user);
    }
    named.put("type", "producer");
    named.put("created", Uptime { started, at: connection.created });
    named.put("pending_disconnect", connection.pending_disconnect);
    named.put("supports_ack", true);
    let pauses = &connection.pauses;
    named.put("paused", pauses.current().is_some());
    named.put("paused_count", pauses.windows_full());
    named.put("unpaused_count", pauses.past(PauseReason::WindowFull).count);
    if let Some((reason, since)) = pauses.current() {
        named.put("paused_current_reason", reason.as_str());
        named.put("paused_current_duration", Spell(now.saturating_duration_since(since)));
    }
    for reason in PauseReason::ALL {
        let past = pauses.past(reason);
        if past.count > 0 {
            named.put(&format!("paused_previous_{}_count", reason.as_str()), past.count);
            let duration = Spell(past.duration);
            named.put(&format!("paused_previous_{}_duration", reason.as_str()), duration);
        }
    }
}

fn tell_sent(connection: &ConnectionSnapshot, started: Instant, named: &mut Named<'_, '_>) {
    let remaining = connection.items_remaining();
    named.put("items_sent", connection.items_sent);
    named.put("items_remaining", remaining);
    named.put("total_bytes_sent", connection.bytes_sent);
    named.put("total_uncompressed_data_size", connection.uncompressed_bytes_sent);
    let last_sent = connection.last_sent.unwrap_or(connection.created);
    named.put("last_sent_time", format_args!("{:.6}", Uptime { started, at: last_sent }));
    let at = connection.last_received;
    named.put("last_receive_time", format_args!("{:.6}", Uptime { started, at }));
}

fn tell_settings(connection: &ConnectionSnapshot, named: &mut Named<'_, '_>) {
    let settings = &connection.settings;
    named.put(
        "priority",
        match settings.priority {
            Priority::High => "high",
            Priority::Medium => "medium",
            Priority::Low => "low",
        },
    );
    named.put("noop_enabled", settings.noop);
    named.put("noop_tx_interval", Spell(settings.noop_interval));
    named.put("noop_wait", connection.noop_pending);
    named.put("force_value_compression", settings.force_value_compression);
    named.put("cursor_dropping", settings.cursor_dropping);
    named.put("send_stream_end_on_client_close_stream", settings.stream_end_on_client_close);
    named.put("enable_expiry_opcode", settings.expiry_opcode);
    named.put("enable_stream_id", settings.stream_ids);
    named.put("synchronous_replication", settings.sync_replication);
    named.put("synchronous_writes", settings.sync_writes);
    named.put("flatbuffers_system_events", settings.flatbuffers_system_events);
    named.put("change_streams_enabled", settings.change_streams);
    named.put(
        "max_marker_version",
        match settings.marker_version {
            MarkerVersion::V1 => "1.0",
            MarkerVersion::V2_0 => "2.0",
            MarkerVersion::V2_2 => "2.2",
        },
    );
}

fn tell_window(connection: &ConnectionSnapshot, started: Instant, named: &mut Named<'_, '_>) {
    let on = connection.max_buffer_bytes > 0;
    if on {
        named.put("max_buffer_bytes", connection.max_buffer_bytes);
        named.put("unacked_bytes", connection.unacked_bytes);
        named.put("total_acked_bytes", connection.total_acked_bytes);
    }
    named.put("flow_control", if on { "enabled" } else { "disabled" });
    let stuck = &connection.stuck;
    named.put("should_disconnect_when_stuck", stuck.timeout().is_some());
    if let Some(timeout) = stuck.timeout() {
        named.put("disconnect_when_stuck_timeout", timeout.as_secs());
    }
    if let Some((acked, at)) = stuck.seen() {
        named.put("flow_control_last_checked_acked_bytes", acked);
        named.put("flow_control_last_checked_time", Uptime { started, at });
    }
}

fn tell_backfills(backfills: &BackfillSnapshot, named: &mut Named<'_, '_>) {
    named.put("backfill_order", if backfills.sequential { "sequential" } else { "round-robin" });
    named.put("backfill_buffer_bytes_read", backfills.buffer_bytes);
    named.put("backfill_buffer_max_bytes", backfills.buffer_bytes_max);
    named.put("backfill_buffer_full", backfills.buffer_full);
    named.put("backfill_num_initializing", backfills.initializing);
    named.put("backfill_num_active", backfills.active);
    // A backfill that waits is taken up again by whoever frees what it waits for; none sleeps.
    named.put("backfill_num_snoozing", 0);
    named.put("backfill_num_pending", backfills.pending);
}
