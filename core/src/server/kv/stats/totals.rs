//! What all DCP connections have done together.

use super::aggregate;
use super::walk::Entries;
use crate::engine::{ConnectionSnapshot, EngineStats};

/// Numbers of every connection, and sums over those that are told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct DcpTotals {
    connections: usize,
    closed: usize,
    items_sent: u64,
    bytes_sent: u64,
    uncompressed_bytes_sent: u64,
    items_remaining: u64,
    from_disk: u64,
}

impl DcpTotals {
    pub(super) fn of(
        connections: &[ConnectionSnapshot],
        told: impl Fn(&ConnectionSnapshot) -> bool,
    ) -> Self {
        let sum = |of: fn(&ConnectionSnapshot) -> u64| {
            connections.iter().filter(|connection| told(connection)).map(of).sum()
        };
        Self {
            connections: connections.len(),
            closed: connections.iter().filter(|c| c.pending_disconnect).count(),
            items_sent: sum(|c| c.items_sent),
            bytes_sent: sum(|c| c.bytes_sent),
            uncompressed_bytes_sent: sum(|c| c.uncompressed_bytes_sent),
            items_remaining: sum(ConnectionSnapshot::items_remaining),
            from_disk: sum(aggregate::items_from_disk),
        }
    }

    /// As tools expect them behind the list of connections, however few those are.
    pub(super) fn tell(self, engine: &EngineStats, entries: &mut Entries<'_>) {
        entries.put("ep_dcp_count", self.connections);
        entries.put("ep_dcp_producer_count", self.connections);
        entries.put("ep_dcp_consumer_count", 0);
        entries.put("ep_dcp_dead_conn_count", self.closed);
        entries.put("ep_dcp_items_sent", self.items_sent);
        entries.put("ep_dcp_total_bytes", self.bytes_sent);
        entries.put("ep_dcp_total_uncompressed_data_size", self.uncompressed_bytes_sent);
        entries.put("ep_dcp_items_remaining", self.items_remaining);
        entries.put("ep_dcp_backfill_disk", self.from_disk);
        entries.put("ep_dcp_backfill_memory", 0);
        entries.put("ep_dcp_num_running_backfills", engine.backfills);
        entries.put("ep_dcp_max_running_backfills", engine.backfills_max);
    }
}
