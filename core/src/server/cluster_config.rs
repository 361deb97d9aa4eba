//! The map of a cluster of one node, as clients want to read it. It never changes, so that it is written once.

use super::call::{Call, Stop};
use super::settings::ServerSettings;
use crate::engine::Engine;
use crate::snappy::Compressor;
use crate::types::{Datatype, VbId};
use crate::wire::kv::{ConfigVersion, GetClusterConfig};
use crate::wire::{Feature, Response, Status};
use serde_json::{Value, json};

/// The texts of the map.
#[derive(Debug)]
pub(super) struct ClusterConfig {
    /// For connections that have not selected a bucket.
    global: Text,
    /// For those that have.
    bucket: Text,
    port: u16,
    management_port: u16,
}

/// A text, and the same compressed with Snappy.
#[derive(Debug)]
struct Text {
    plain: Box<[u8]>,
    /// If that is much shorter.
    compressed: Option<Box<[u8]>>,
}

/// The ports of the node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) port: u16,
    pub(super) management_port: u16,
    /// The encrypted port of this protocol, if there is one.
    pub(super) tls_port: Option<u16>,
    /// The encrypted port of the management service, if there is one.
    pub(super) https_port: Option<u16>,
}

/// The version of the map.
const VERSION: ConfigVersion = ConfigVersion { epoch: 1, revision: 1 };
/// Clients put the address there that they reached the node at.
const DIALLED: &str = "$HOST";

impl ClusterConfig {
    pub(super) fn new(settings: &ServerSettings, ports: Ports, engine: &Engine) -> Self {
        let Ports { port, management_port, tls_port, https_port } = ports;
        let mut global = json!({
            "rev": VERSION.revision,
            "revEpoch": VERSION.epoch,
            "nodesExt": [{
                "services": { "mgmt": management_port, "kv": port },
                "thisNode": true,
            }],
            "clusterCapabilitiesVer": [1, 0],
            "clusterCapabilities": {},
        });
        let services = &mut global["nodesExt"][0]["services"];
        for (service, port) in [("kvSSL", tls_port), ("mgmtSSL", https_port)] {
            if let Some(port) = port {
                services[service] = json!(port);
            }
        }
        let mut bucket = global.clone();
        bucket["name"] = json!(settings.bucket);
        bucket["uuid"] = json!(uuid_of(engine));
        bucket["nodeLocator"] = json!("vbucket");
        bucket["bucketCapabilities"] = json!(["collections"]);
        bucket["bucketCapabilitiesVer"] = json!("");
        bucket["nodes"] = json!([{}]);
        bucket["vBucketServerMap"] = json!({
            "hashAlgorithm": "CRC",
            "numReplicas": 0,
            "serverList": [format!("{DIALLED}:{port}")],
            "vBucketMap": vec![[0]; engine.vbuckets() as usize],
        });
        let (global, bucket) = (Text::new(&global), Text::new(&bucket));
        Self { global, bucket, port, management_port }
    }

    /// The map without a bucket.
    pub(super) fn global(&self) -> &[u8] {
        &self.global.plain
    }

    /// The map with the bucket.
    pub(super) fn bucket(&self) -> &[u8] {
        &self.bucket.plain
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
    let text = if call.peer.bucket_selected { &config.bucket } else { &config.global };
    let json = call.peer.json();
    let compressed = text.compressed.as_deref();
    let (datatype, text) = match compressed.filter(|_| call.peer.has(Feature::SNAPPY_EVERYWHERE)) {
        _ if known => (Datatype::RAW, &[][..]),
        Some(compressed) => (json.with(Datatype::SNAPPY), compressed),
        None => (json, &*text.plain),
    };
    let answer = Response::to(call.frame.header(), Status::SUCCESS).value(datatype, text);
    answer.encode(call.out());
    Ok(())
}

impl Text {
    fn new(value: &Value) -> Self {
        let plain = value.to_string().into_bytes();
        let mut compressed = Vec::new();
        let is_shorter = Compressor::default().compress(&plain, &mut compressed);
        Self { plain: plain.into(), compressed: is_shorter.then(|| compressed.into()) }
    }
}

/// What tells this bucket from another of its name: the oldest branches of its history.
fn uuid_of(engine: &Engine) -> String {
    // Lossless: the last number is 16 bits.
    let ends = [0, engine.vbuckets().saturating_sub(1) as u16];
    let oldest = |vb| engine.failover_log(VbId(vb)).and_then(|log| log.last().copied());
    ends.iter().map(|vb| format!("{:016x}", oldest(*vb).map_or(0, |entry| entry.uuid.0))).collect()
}
