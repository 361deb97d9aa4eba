//! `/pools/default/nodeServices`, `/nodes/self`: the one node.

use super::answer::{Answer, json, text};
use super::host::Host;
use crate::server::setup::VERSION;
use crate::server::shared::Shared;
use serde_json::{Value, json};

/// The ports of the node, as the other port's global map has them.
pub(super) fn services(shared: &Shared, host: &Host) -> Answer {
    text(host.put_into(&shared.map().global.plain))
}

pub(super) fn this(shared: &Shared, host: &Host) -> Answer {
    json(&node(shared, host))
}

/// The node, as lists of nodes have it.
pub(super) fn node(shared: &Shared, host: &Host) -> Value {
    json!({
        "hostname": host.with(shared.config.management_port()),
        "version": VERSION,
        "status": "healthy",
        "clusterMembership": "active",
        "thisNode": true,
        "uptime": shared.started.elapsed().as_secs().to_string(),
        "services": ["kv"],
        "ports": { "direct": shared.config.port() },
    })
}
