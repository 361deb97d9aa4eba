//! The map of a cluster of one node, as clients want to read it. It never changes, so that it is written once.

use super::call::{Call, Stop};
use super::settings::ServerSettings;
use crate::types::Datatype;
use crate::wire::kv::{ConfigVersion, GetClusterConfig};
use crate::wire::{Feature, Response, Status};
use serde_json::{Value, json};

/// The texts of the map.
#[derive(Debug)]
pub(super) struct ClusterConfig {
    /// For connections that have not selected a bucket.
    global: Box<[u8]>,
    /// For those that have.
    bucket: Box<[u8]>,
    port: u16,
    management_port: u16,
}

/// The ports of the node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) port: u16,
    pub(super) management_port: u16,
}

/// The version of the map.
const VERSION: ConfigVersion = ConfigVersion { epoch: 1, revision: 1 };
/// Clients put the address there that they reached the node at.
const DIALLED: &str = "$HOST";

impl ClusterConfig {
    pub(super) fn new(settings: &ServerSettings, ports: Ports, vbuckets: u32) -> Self {
        let Ports { port, management_port } = ports;
        let global = json!({
            "rev": VERSION.revision,
            "revEpoch": VERSION.epoch,
            "nodesExt": [{
                "services": { "mgmt": management_port, "kv": port },
                "thisNode": true,
            }],
            "clusterCapabilitiesVer": [1, 0],
            "clusterCapabilities": {},
        });
        let mut bucket = global.clone();
        bucket["name"] = json!(settings.bucket);
        bucket["nodeLocator"] = json!("vbucket");
        bucket["bucketCapabilities"] = json!(["collections"]);
        bucket["bucketCapabilitiesVer"] = json!("");
        bucket["nodes"] = json!([{}]);
        bucket["vBucketServerMap"] = json!({
            "hashAlgorithm": "CRC",
            "numReplicas": 0,
            "serverList": [format!("{DIALLED}:{port}")],
            "vBucketMap": vec![[0]; vbuckets as usize],
        });
        Self { global: text(&global), bucket: text(&bucket), port, management_port }
    }

    /// The map without a bucket.
    pub(super) fn global(&self) -> &[u8] {
        &self.global
    }

    /// The map with the bucket.
    pub(super) fn bucket(&self) -> &[u8] {
        &self.bucket
    }

    /// The port of this protocol.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The port that clients are told to find the management service on.
    pub(super) fn management_port(&self) -> u16 {
        self.management_port
    }
}

/// `b5` GET_CLUSTER_CONFIG.
pub(super) fn get_cluster_config(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = GetClusterConfig::parse(call.frame)?;
    let known = call.peer.has(Feature::CLUSTER_CONFIG_WITH_KNOWN_VERSION)
        && request.known.is_some_and(|known| known >= VERSION);
    let config = &call.shared.config;
    let text = match (known, call.peer.bucket_selected) {
        (true, _) => &[],
        (false, true) => &*config.bucket,
        (false, false) => &*config.global,
    };
    let datatype = if text.is_empty() { Datatype::RAW } else { call.peer.json() };
    let answer = Response::to(call.frame.header(), Status::SUCCESS).value(datatype, text);
    answer.encode(call.out());
    Ok(())
}

fn text(value: &Value) -> Box<[u8]> {
    value.to_string().into_bytes().into_boxed_slice()
}
