//! Groups that tell something of each vbucket.

use super::walk::Entries;
use crate::engine::VbucketStats;
use crate::server::shared::Shared;
use crate::types::VbId;

/// What is told of each vbucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VbGroup {
    States,
    Details,
    Seqnos,
    Failovers,
}

impl VbGroup {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "vbucket" => Self::States,
            "vbucket-details" => Self::Details,
            "vbucket-seqno" => Self::Seqnos,
            "failovers" => Self::Failovers,
            _ => return None,
        })
    }

    pub(super) fn tell(self, vb: VbId, shared: &Shared, entries: &mut Entries<'_>) {
        if self == Self::Failovers {
            return tell_failovers(vb, shared, entries);
        }
        let Some(stats) = shared.engine.vbucket(vb) else { return };
        match self {
            Self::States => entries.put(format_args!("vb_{vb}"), stats.state.as_str()),
            Self::Details => tell_details(vb, &stats, entries),
            Self::Seqnos | Self::Failovers => tell_seqnos(vb, &stats, entries),
        }
    }
}

fn tell_details(vb: VbId, stats: &VbucketStats, entries: &mut Entries<'_>) {
    entries.put(format_args!("vb_{vb}"), stats.state.as_str());
    entries.put(format_args!("vb_{vb}:num_items"), stats.items);
    entries.put(format_args!("vb_{vb}:num_non_resident"), stats.cold_items);
    entries.put(format_args!("vb_{vb}:high_seqno"), stats.high);
    entries.put(format_args!("vb_{vb}:persistence_seqno"), stats.persisted);
    entries.put(format_args!("vb_{vb}:purge_seqno"), stats.purge);
    entries.put(format_args!("vb_{vb}:uuid"), stats.uuid);
    entries.put(format_args!("vb_{vb}:max_cas"), stats.cas_max);
    entries.put(format_args!("vb_{vb}:log_floor_seqno"), stats.log_floor);
    entries.put(format_args!("vb_{vb}:log_memory"), stats.log_bytes);
    entries.put(format_args!("vb_{vb}:ht_memory"), stats.index_bytes);
}

fn tell_seqnos(vb: VbId, stats: &VbucketStats, entries: &mut Entries<'_>) {
    entries.put(format_args!("vb_{vb}:abs_high_seqno"), stats.high);
    entries.put(format_args!("vb_{vb}:high_seqno"), stats.high);
    entries.put(format_args!("vb_{vb}:last_persisted_seqno"), stats.persisted);
    entries.put(format_args!("vb_{vb}:purge_seqno"), stats.purge);
    entries.put(format_args!("vb_{vb}:uuid"), stats.uuid);
}

fn tell_failovers(vb: VbId, shared: &Shared, entries: &mut Entries<'_>) {
    let Some(log) = shared.engine.failover_log(vb) else { return };
    entries.put(format_args!("vb_{vb}:num_entries"), log.len());
    for (at, entry) in log.iter().enumerate() {
        entries.put(format_args!("vb_{vb}:{at}:id"), entry.uuid);
        entries.put(format_args!("vb_{vb}:{at}:seq"), entry.seqno);
    }
}
