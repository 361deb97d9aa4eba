//! The settings that a client changes once its connection is open (`DCP_CONTROL`).
//!
//! [`Control::parse`] reads key and value, [`Controls::apply`] grants or refuses. What this build
//! does not have is refused, so that a client never believes in a setting without an effect; asking
//! for its absence is granted.
//!
//! | key | values | at first | refused |
//! |---|---|---|---|
//! | `connection_buffer_size` | bytes, u32; 0: off | 0 | |
//! | `stream_buffer_size` | any | | always |
//! | `enable_noop` | `true`, else off | off | |
//! | `set_noop_interval` | seconds, may have a fraction | 20 | below the server's shortest |
//! | `set_priority` | `high`, `medium`, `low` | medium | |
//! | `backfill_order` | `round-robin`, `sequential` | round-robin | |
//! | `force_value_compression` | `true`, else off | off | without Snappy |
//! | `supports_cursor_dropping`, `supports_cursor_dropping_vulcan` | `true`, else off | on, off for replication | |
//! | `supports_hifi_MFU` | `true`, else off | off | |
//! | `send_stream_end_on_client_close_stream` | `true`; else no change | off | |
//! | `enable_expiry_opcode` | `true`, else off | off | |
//! | `enable_stream_id` | `true` | off | with sync writes |
//! | `enable_sync_writes` | `true` | off | with stream ids |
//! | `consumer_name` | a name | none | |
//! | `enable_out_of_order_snapshots` | `true`, `true_with_seqno_advanced` | off | |
//! | `include_deleted_user_xattrs` | `true` | | unless the connection was opened so; changes nothing |
//! | `v7_dcp_status_codes` | `true` | off | |
//! | `flatbuffers_system_events` | `true` | off | |
//! | `change_streams` | `true` | off | without history in the store |
//! | `max_marker_version` | `2.2` | 1.0, or 2.0 with sync replication | without collections |
//! | `cache_transfer` | any | | unless the server has it; changes nothing |

mod apply;
mod feature;
mod parse;
#[cfg(test)]
mod tests;

pub use apply::{ControlRefusal, Controls, Negotiated};
pub use feature::{BuiltControls, Feature};
pub use parse::{Control, ControlError, MarkerVersion, OutOfOrder, Priority};
