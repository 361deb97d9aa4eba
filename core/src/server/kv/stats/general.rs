//! The server and its engine.

use super::totals::DcpTotals;
use super::walk::Entries;
use crate::server::setup::VERSION;
use crate::server::shared::Shared;

pub(super) fn tell(shared: &Shared, entries: &mut Entries<'_>) {
    let stats = shared.engine.stats();
    entries.put("pid", std::process::id());
    entries.put("uptime", shared.started.elapsed().as_secs());
    entries.put("version", VERSION);
    entries.put("curr_connections", shared.sockets());
    entries.put("curr_items", stats.active.items);
    entries.put("curr_items_tot", stats.items - stats.dead.items);
    for (name, state) in
        [("active", stats.active), ("replica", stats.replica), ("pending", stats.pending)]
    {
        entries.put(format_args!("vb_{name}_num"), state.vbuckets);
        entries.put(format_args!("vb_{name}_curr_items"), state.items);
        entries.put(format_args!("vb_{name}_num_non_resident"), state.cold_items);
        // Whole, as clients that read it as a number expect.
        entries.put(format_args!("vb_{name}_perc_mem_resident"), state.resident_percent() as u64);
    }
    entries.put("vb_dead_num", stats.dead.vbuckets);
    entries.put("mem_used", stats.memory_bytes);
    entries.put("ep_max_size", stats.memory_budget);
    entries.put("ep_db_file_size", stats.disk_bytes);
    entries.put("ep_commit_num", stats.commits);
    entries.put("ep_total_persisted", stats.committed_items);
    entries.put("ep_queue_size", stats.unpersisted);
    entries.put("ep_item_commit_failed", stats.commit_failures);
    entries.put("ep_expired", stats.expired);
    entries.put("vb_active_expired", stats.expired);
    entries.put("ep_vbuckets", shared.engine.vbuckets());
    DcpTotals::of(&shared.engine.connections(), |_| true).tell(&stats, entries);
    entries.put("millstream_reclaim_pending", stats.garbage);
    entries.put("millstream_reclaim_destroyed", stats.destroyed);
    if let Some(error) = stats.last_error {
        entries.put("millstream_last_error", error);
    }
}
