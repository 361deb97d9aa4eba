//! What all connections of a server share.

use super::cluster_config::ClusterConfig;
use super::error_map::ErrorMaps;
use super::settings::ServerSettings;
use crate::engine::Engine;
use crate::limits::SERVER_SOCKETS_MAX;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

/// What all connections of a server share; nothing in it changes.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) settings: ServerSettings,
    pub(super) config: ClusterConfig,
    pub(super) error_maps: ErrorMaps,
    pub(super) started: Instant,
    /// A permit for each socket.
    pub(super) sockets: Arc<Semaphore>,
}

impl Shared {
    pub(super) fn new(engine: Engine, settings: ServerSettings, port: u16) -> Arc<Self> {
        let config = ClusterConfig::new(&settings, port, engine.vbuckets());
        let error_maps = ErrorMaps::new();
        let sockets = Arc::new(Semaphore::new(SERVER_SOCKETS_MAX));
        Arc::new(Self { engine, settings, config, error_maps, started: Instant::now(), sockets })
    }

    /// How many clients are connected.
    pub(super) fn sockets(&self) -> usize {
        SERVER_SOCKETS_MAX - self.sockets.available_permits()
    }

    /// Whether clients have to log in.
    pub(super) fn needs_login(&self) -> bool {
        !self.settings.users.is_empty()
    }
}
