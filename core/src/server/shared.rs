//! What all connections of a server share.

use super::cluster_config::{ClusterConfig, Ports};
use super::error_map::ErrorMaps;
use super::scram::Accounts;
use super::settings::ServerSettings;
use crate::engine::Engine;
use crate::error::Result;
use crate::limits::SERVER_SOCKETS_MAX;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

/// What all connections of a server share; nothing in it changes.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) settings: ServerSettings,
    pub(super) accounts: Accounts,
    pub(super) config: ClusterConfig,
    pub(super) error_maps: ErrorMaps,
    pub(super) started: Instant,
    /// A permit for each socket.
    pub(super) sockets: Arc<Semaphore>,
}

impl Shared {
    pub(super) fn new(engine: Engine, settings: ServerSettings, ports: Ports) -> Result<Arc<Self>> {
        let accounts = Accounts::new(&settings.users)?;
        let config = ClusterConfig::new(&settings, ports, engine.vbuckets());
        let error_maps = ErrorMaps::new();
        let sockets = Arc::new(Semaphore::new(SERVER_SOCKETS_MAX));
        let started = Instant::now();
        Ok(Arc::new(Self { engine, settings, accounts, config, error_maps, started, sockets }))
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
