//! What all connections of a server share.

use super::cluster_config::{ClusterConfig, MapTexts, Ports};
use super::error_map::ErrorMaps;
use super::scram::Accounts;
use super::settings::ServerSettings;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::SERVER_SOCKETS_MAX;
use regex::Regex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) settings: ServerSettings,
    pub(super) accounts: Accounts,
    pub(super) config: Arc<ClusterConfig>,
    pub(super) error_maps: ErrorMaps,
    pub(super) started: Instant,
    /// Which DCP connections are watched for being stuck.
    stuck_names: Option<Regex>,
    /// A permit for each socket.
    pub(super) sockets: Arc<Semaphore>,
}

impl Shared {
    pub(super) fn new(engine: Engine, settings: ServerSettings, ports: Ports) -> Result<Arc<Self>> {
        let accounts = Accounts::new(&settings.users)?;
        let config = Arc::new(ClusterConfig::new(&settings, ports, &engine));
        let error_maps = ErrorMaps::new();
        let sockets = Arc::new(Semaphore::new(SERVER_SOCKETS_MAX));
        let started = Instant::now();
        let stuck_names = settings.stuck_names.as_deref().map(whole).transpose()?;
        Ok(Arc::new(Self {
            engine,
            settings,
            accounts,
            config,
            error_maps,
            started,
            stuck_names,
            sockets,
        }))
    }

    /// The map of the cluster now.
    pub(super) fn map(&self) -> Arc<MapTexts> {
        self.config.now(&self.engine)
    }

    /// How many clients are connected.
    pub(super) fn sockets(&self) -> usize {
        SERVER_SOCKETS_MAX - self.sockets.available_permits()
    }

    /// How long the window of a DCP connection of that name may be full without an acknowledgement.
    pub(super) fn stuck_timeout(&self, name: &str) -> Option<Duration> {
        let matches = |names: &Regex| {
            // The name by itself, or as statistics show it.
            names.is_match(name) || names.is_match(&format!("{STATS_PREFIX}{name}"))
        };
        self.stuck_names.as_ref().is_some_and(matches).then_some(self.settings.stuck_timeout)
    }

    /// Whether clients have to log in.
    pub(super) fn needs_login(&self) -> bool {
        !self.settings.users.is_empty()
    }
}

/// What statistics put in front of a DCP connection's name, as tools expect it.
pub(super) const STATS_PREFIX: &str = "eq_dcpq:";

/// An expression that has to match all of a name.
fn whole(pattern: &str) -> Result<Regex> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        let what = format!("the names of stuck connections: {pattern:?} is no regular expression");
        Error::new(ErrorKind::Misuse, what).because(error)
    })
}
