//! The server and its engine.

use super::walk::Entries;
use crate::engine::ConnectionSnapshot;
use crate::server::setup::VERSION;
use crate::server::shared::Shared;

pub(super) fn tell(shared: &Shared, entries: &mut Entries<'_>) {
    let stats = shared.engine.stats();
    let connections = shared.engine.connections();
    entries.put("pid", std::process::id());
    entries.put("uptime", shared.started.elapsed().as_secs());
    entries.put("version", VERSION);
    entries.put("curr_connections", shared.sockets());
    entries.put("curr_items", stats.items);
    entries.put("mem_used", stats.memory_bytes);
    entries.put("ep_max_size", stats.memory_budget);
    entries.put("ep_db_file_size", stats.disk_bytes);
    entries.put("ep_commit_num", stats.commits);
    entries.put("ep_total_persisted", stats.committed_items);
    entries.put("ep_item_commit_failed", stats.commit_failures);
    entries.put("ep_expired", stats.expired);
    entries.put("ep_vbuckets", shared.engine.vbuckets());
    entries.put("ep_dcp_count", connections.len());
    entries.put("ep_dcp_producer_count", connections.len());
    entries.put("ep_dcp_consumer_count", 0);
    entries
        .put("ep_dcp_dead_conn_count", connections.iter().filter(|c| c.pending_disconnect).count());
    entries.put("ep_dcp_items_sent", connections.iter().map(|c| c.items_sent).sum::<u64>());
    entries.put("ep_dcp_total_bytes", connections.iter().map(|c| c.bytes_sent).sum::<u64>());
    let uncompressed = connections.iter().map(|c| c.uncompressed_bytes_sent).sum::<u64>();
    entries.put("ep_dcp_total_uncompressed_data_size", uncompressed);
    let remaining = connections.iter().map(ConnectionSnapshot::items_remaining).sum::<u64>();
    entries.put("ep_dcp_items_remaining", remaining);
    entries.put("ep_dcp_num_running_backfills", stats.backfills);
    entries.put("ep_dcp_max_running_backfills", stats.backfills_max);
    entries.put("millstream_reclaim_pending", stats.garbage);
    entries.put("millstream_reclaim_destroyed", stats.destroyed);
    if let Some(error) = stats.last_error {
        entries.put("millstream_last_error", error);
    }
}
