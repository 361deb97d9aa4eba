//! `/pools/default/buckets/{bucket}/stats/{name}`: a count of the bucket, by which tools that copy it tell how far they
//! are.

use super::answer::{Answer, json, refused};
use super::host::Host;
use crate::server::shared::Shared;
use hyper::StatusCode;
use serde_json::{Value, json};

/// The latest sample of each node is the last of its list: here there is one node, and one sample, of now.
pub(super) fn tell(shared: &Shared, host: &Host, name: &str) -> Answer {
    let Some(value) = value(shared, name) else {
        return refused(StatusCode::NOT_FOUND, "there is no such count");
    };
    let node = host.with(shared.config.management_port());
    let now = 1_000 * u64::from(shared.engine.unix_seconds());
    json(&json!({
        "samplesCount": 1,
        "isPersistent": true,
        "interval": 1_000,
        "lastTStamp": now,
        "timestamp": [now],
        "nodeStats": { node: [value] },
    }))
}

fn value(shared: &Shared, name: &str) -> Option<Value> {
    let stats = shared.engine.stats();
    Some(match name {
        "curr_items" => stats.active.items.into(),
        "curr_items_tot" => (stats.items - stats.dead.items).into(),
        "mem_used" => stats.memory_bytes.into(),
        "vb_active_num" => stats.active.vbuckets.into(),
        "vb_active_num_non_resident" => stats.active.cold_items.into(),
        "vb_active_resident_items_ratio" => stats.active.resident_percent().into(),
        "vb_replica_curr_items" => stats.replica.items.into(),
        "vb_replica_num" => stats.replica.vbuckets.into(),
        "vb_replica_resident_items_ratio" => stats.replica.resident_percent().into(),
        _ => return None,
    })
}
