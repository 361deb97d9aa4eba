//! What the clients read from the cluster's map.

use crate::limits::VBUCKETS_MAX;
use serde_json::Value;

/// How many vbuckets there are: rows of the vbucket map.
pub(super) fn vbuckets(config: &Value) -> Option<u32> {
    let rows = config.get("vBucketServerMap")?.get("vBucketMap")?.as_array()?;
    let n = u32::try_from(rows.len()).ok()?;
    (1..=VBUCKETS_MAX).contains(&n).then_some(n)
}
