//! The map of a cluster of one node, as clients want to read it. It is written again whenever a vbucket begins or
//! ceases to be active, under a higher revision: clients do not give up on a vbucket that the map gives to a node.

use super::call::{Call, Stop};
use super::peer::Peer;
use super::settings::ServerSettings;
use crate::engine::Engine;
use crate::snappy::Compressor;
use crate::types::{Datatype, VbState};
use crate::wire::kv::{ConfigVersion, GetClusterConfig};
use crate::wire::{Feature, Response, Status};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// The map, and what it is made of.
#[derive(Debug)]
pub(super) struct ClusterConfig {
    bucket: Bucket,
    ports: Ports,
    texts: watch::Sender<Arc<MapTexts>>,
}

/// The bucket.
#[derive(Debug)]
struct Bucket {
    name: String,
    uuid: String,
}

/// The texts of one version of the map.
#[derive(Debug)]
pub(super) struct MapTexts {
    pub(super) version: ConfigVersion,
    /// For connections that have not selected a bucket.
    pub(super) global: Text,
    /// For those that have.
    pub(super) bucket: Text,
    /// Which vbuckets this node has.
    active: Box<[bool]>,
    /// The engine's number for the states that it was made of.
    pub(super) told: u64,
}

/// A text, and the same compressed with Snappy.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) plain: Box<[u8]>,
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

/// The first part of the map's version.
const EPOCH: u64 = 1;
/// Clients put the address there that they reached the node at.
const DIALLED: &str = "$HOST";

impl ClusterConfig {
    pub(super) fn new(settings: &ServerSettings, ports: Ports, engine: &Engine) -> Self {
        let bucket =
            Bucket { name: settings.bucket.clone(), uuid: format!("{:032x}", engine.identity()) };
        let told = engine.states_told();
        let active = active(engine);
        // So that it is above that of every map that was told before this run, unless the clock went back.
        let revision = milliseconds();
        let texts = MapTexts::new(&bucket, ports, revision, active, told);
        Self { bucket, ports, texts: watch::Sender::new(Arc::new(texts)) }
    }

    /// The map now.
    pub(super) fn now(&self, engine: &Engine) -> Arc<MapTexts> {
        let told = engine.states_told();
        let known = Arc::clone(&self.texts.borrow());
        if known.told >= told {
            return known;
        }
        // Looked at after the number was taken: whatever happened before that is seen.
        let active = active(engine);
        self.texts.send_if_modified(|texts| {
            if texts.told >= told {
                return false;
            }
            let revision = match active == texts.active {
                true => texts.version.revision,
                false => milliseconds().max(texts.version.revision + 1),
            };
            *texts = Arc::new(MapTexts::new(&self.bucket, self.ports, revision, active, told));
            true
        });
        Arc::clone(&self.texts.borrow())
    }

    /// The bucket's own, which outlives restarts.
    pub(super) fn uuid(&self) -> &str {
        &self.bucket.uuid
    }

    /// The port of this protocol.
    pub(super) fn port(&self) -> u16 {
        self.ports.port
    }

    /// The port that clients are told to find the management service on.
    pub(super) fn management_port(&self) -> u16 {
        self.ports.management_port
    }
}

impl MapTexts {
    fn new(made: &Bucket, ports: Ports, revision: u64, active: Box<[bool]>, told: u64) -> Self {
        let Ports { port, management_port, tls_port, https_port } = ports;
        let version = ConfigVersion { epoch: EPOCH, revision };
        let mut global = json!({
            "rev": version.revision,
            "revEpoch": version.epoch,
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
        bucket["name"] = json!(made.name);
        bucket["uuid"] = json!(made.uuid);
        bucket["nodeLocator"] = json!("vbucket");
        bucket["bucketCapabilities"] = json!(["collections"]);
        bucket["bucketCapabilitiesVer"] = json!("");
        bucket["nodes"] = json!([{}]);
        bucket["vBucketServerMap"] = json!({
            "hashAlgorithm": "CRC",
            "numReplicas": 0,
            "serverList": [format!("{DIALLED}:{port}")],
            "vBucketMap": rows(&active),
        });
        let (global, bucket) = (Text::new(&global), Text::new(&bucket));
        Self { version, global, bucket, active, told }
    }

    /// Which node has which vbucket: the one, or none.
    pub(super) fn rows(&self) -> Vec<[i32; 1]> {
        rows(&self.active)
    }
}

fn rows(active: &[bool]) -> Vec<[i32; 1]> {
    active.iter().map(|active| if *active { [0] } else { [-1] }).collect()
}

fn active(engine: &Engine) -> Box<[bool]> {
    let states = engine.high_seqnos();
    states.iter().map(|(_, state, _)| *state == VbState::Active).collect()
}

fn milliseconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX / 2)
}

/// `b5` GET_CLUSTER_CONFIG.
pub(super) fn get_cluster_config(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = GetClusterConfig::parse(call.frame)?;
    let config = call.shared.map();
    let known = call.peer.has(Feature::CLUSTER_CONFIG_WITH_KNOWN_VERSION)
        && request.known.is_some_and(|known| known >= config.version);
    let text = if call.peer.bucket_selected { &config.bucket } else { &config.global };
    let (datatype, text) = if known { (Datatype::RAW, &[][..]) } else { text.shown(call.peer) };
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

    /// The text as a client agreed to read it.
    pub(super) fn shown(&self, peer: &Peer) -> (Datatype, &[u8]) {
        let json = peer.json();
        match self.compressed.as_deref().filter(|_| peer.has(Feature::SNAPPY_EVERYWHERE)) {
            Some(compressed) => (json.with(Datatype::SNAPPY), compressed),
            None => (json, &self.plain),
        }
    }
}
