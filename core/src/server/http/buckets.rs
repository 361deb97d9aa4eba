//! `/pools/default/buckets`, `/pools/default/buckets/{bucket}`, `/pools/default/b/{bucket}`: the one bucket.

use super::answer::{Answer, json, text};
use super::host::Host;
use super::nodes::node;
use crate::server::shared::Shared;
use serde_json::{Value, json};

pub(super) fn list(shared: &Shared, host: &Host) -> Answer {
    json(&json!([bucket(shared, host)]))
}

pub(super) fn one(shared: &Shared, host: &Host) -> Answer {
    json(&bucket(shared, host))
}

/// The map alone, as the other port tells it.
pub(super) fn map(shared: &Shared, host: &Host) -> Answer {
    text(host.put_into(&shared.map().bucket.plain))
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

fn bucket(shared: &Shared, host: &Host) -> Value {
    let name = &shared.settings.bucket;
    let stats = shared.engine.stats();
    let vbuckets = shared.engine.vbuckets();
    json!({
        "name": name,
        "bucketType": "membase",
        "storageBackend": "couchstore",
        "nodeLocator": "vbucket",
        "numVBuckets": vbuckets,
        "uuid": shared.config.uuid(),
        "replicaNumber": 0,
        "replicaIndex": false,
        "bucketCapabilitiesVer": "",
        "bucketCapabilities": ["collections"],
        "compressionMode": "passive",
        "conflictResolutionType": "seqno",
        "evictionPolicy": "valueOnly",
        "maxTTL": 0,
        // Which of the ways to change a bucket there are: none.
        "controllers": {},
        "uri": format!("/pools/default/buckets/{name}"),
        "streamingUri": format!("/pools/default/bucketsStreaming/{name}"),
        "nodes": [node(shared, host)],
        "basicStats": {
            "itemCount": stats.active.items,
            "vbActiveNumNonResident": stats.active.cold_items,
            "memUsed": stats.memory_bytes,
            "quotaPercentUsed": percent(stats.memory_bytes, stats.memory_budget),
            "diskUsed": stats.disk_bytes,
        },
        "quota": { "ram": stats.memory_budget, "rawRAM": stats.memory_budget },
        "vBucketServerMap": {
            "hashAlgorithm": "CRC",
            "numReplicas": 0,
            "serverList": [host.with(shared.config.port())],
            "vBucketMap": shared.map().rows(),
        },
    })
}
