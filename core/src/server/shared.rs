//! What all connections of a server share.

use super::cluster_config::ClusterConfig;
use super::error_map::ErrorMaps;
use super::settings::ServerSettings;
use crate::engine::Engine;
use std::sync::Arc;
use std::time::Instant;

/// What all connections of a server share; nothing in it changes.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) settings: ServerSettings,
    pub(super) config: ClusterConfig,
    pub(super) error_maps: ErrorMaps,
    pub(super) started: Instant,
}

impl Shared {
    pub(super) fn new(engine: Engine, settings: ServerSettings, port: u16) -> Arc<Self> {
        let config = ClusterConfig::new(&settings, port, engine.vbuckets());
        let error_maps = ErrorMaps::new();
        Arc::new(Self { engine, settings, config, error_maps, started: Instant::now() })
    }

    /// Whether clients have to log in.
    pub(super) fn needs_login(&self) -> bool {
        !self.settings.users.is_empty()
    }
}
