//! From settings to the DCP_CONTROLs that say them.

use super::settings::DcpSettings;
use crate::wire::dcp::OpenFlags;

/// A setting of the connection, and whether a server may refuse it.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) optional: bool,
}

/// The one that decides who ends a stream which the client closes.
pub(super) const END_ON_CLOSE: &str = "send_stream_end_on_client_close_stream";

pub(super) fn controls(settings: &DcpSettings) -> Vec<Wanted> {
    let mut all = Vec::new();
    let mut add = |name: &str, value: &str, optional| {
        all.push(Wanted { name: name.into(), value: value.into(), optional });
    };
    if let Some(interval) = settings.noop_interval {
        add("enable_noop", "true", false);
        add("set_noop_interval", &interval.as_secs_f64().to_string(), false);
    }
    add("set_priority", settings.priority.as_str(), true);
    if settings.expirations && settings.flags.contains(OpenFlags::INCLUDE_DELETE_TIMES) {
        add("enable_expiry_opcode", "true", false);
    }
    if settings.purge_seqnos {
        add("max_marker_version", "2.2", false);
    }
    if settings.stream_ids {
        add("enable_stream_id", "true", false);
    }
    if settings.end_on_close {
        add(END_ON_CLOSE, "true", true);
    }
    for (name, value) in &settings.controls {
        add(name, value, false);
    }
    // Last, so that nothing that follows has to fit a window.
    if settings.buffer_bytes > 0 {
        add("connection_buffer_size", &settings.buffer_bytes.to_string(), false);
    }
    all
}
