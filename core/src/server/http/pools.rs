//! `/pools`, `/pools/default`, `/versions`, `/whoami`: what answers, and to whom.

use super::answer::{Answer, json};
use super::host::Host;
use super::nodes::node;
use crate::server::setup::VERSION;
use crate::server::shared::Shared;
use serde_json::json;

pub(super) fn all() -> Answer {
    json(&json!({
        "implementationVersion": VERSION,
        "isAdminCreds": true,
        "componentsVersion": { "ns_server": VERSION },
        "pools": [{ "name": "default", "uri": "/pools/default" }],
    }))
}

pub(super) fn default(shared: &Shared, host: &Host) -> Answer {
    json(&json!({
        "name": "default",
        "nodes": [node(shared, host)],
        "buckets": { "uri": "/pools/default/buckets" },
    }))
}

pub(super) fn versions() -> Answer {
    json(&json!({
        "implementationVersion": VERSION,
        "componentsVersion": { "ns_server": VERSION },
    }))
}

pub(super) fn whoami(user: &str) -> Answer {
    let domain = "local";
    json(&json!({ "id": user, "domain": domain, "roles": [{ "role": "admin" }] }))
}
