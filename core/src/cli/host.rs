//! A store, an engine and a server, from the first to the last moment.

use super::exit::{Failure, cause};
use crate::engine::{Engine, EngineBuilder, EngineSettings};
use crate::error::{Error, ErrorKind};
use crate::server::{Server, ServerSettings};
use crate::store::{EmbeddedOptions, EmbeddedStore, MemoryStore};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What to serve.
#[derive(Debug)]
pub(super) struct HostSettings {
    /// The folder of the store; `None` for one in memory.
    pub(super) data: Option<PathBuf>,
    pub(super) vbuckets: u32,
    pub(super) memory_bytes: u64,
    pub(super) idle_timeout: Duration,
    pub(super) purge_after: Option<Duration>,
    pub(super) server: ServerSettings,
    /// Whether any free port will do if the wanted one is taken.
    pub(super) any_port: bool,
}

/// An engine that is open, and a server that has its port.
#[derive(Debug)]
pub(super) struct Host {
    engine: Engine,
    server: Server,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) listen: SocketAddr,
    pub(super) http: Option<SocketAddr>,
    pub(super) tls: Option<SocketAddr>,
    pub(super) https: Option<SocketAddr>,
}

/// A server at work.
#[derive(Debug)]
pub(super) struct Running {
    engine: Engine,
    addresses: Addresses,
    stop: oneshot::Sender<()>,
    task: JoinHandle<crate::Result<()>>,
}

impl Host {
    /// Opens the store and takes the port. Blocks while it reads the disk.
    pub(super) fn open(settings: HostSettings) -> Result<Self, Failure> {
        let vbuckets = settings.vbuckets;
        let builder = match &settings.data {
            Some(folder) => {
                EngineBuilder::new(EmbeddedStore::open(folder, EmbeddedOptions::new(vbuckets))?)
            }
            None => EngineBuilder::new(MemoryStore::new(vbuckets)),
        };
        let engine_settings = EngineSettings {
            memory_bytes: settings.memory_bytes,
            idle_timeout: settings.idle_timeout,
            purge_after: settings.purge_after,
            ..EngineSettings::default()
        };
        let engine = builder
            .settings(engine_settings)
            .on_error(|error| tracing::error!(%error, "the engine goes on after an error"))
            .open()?;
        match bind(&engine, settings.server, settings.any_port) {
            Ok(server) => Ok(Self { engine, server }),
            Err(error) => {
                engine.shutdown();
                // Nothing was written, so there is nothing to lose if this does not end in time.
                let _ = engine.quiesce_blocking(CLOSE_TIME);
                Err(error.into())
            }
        }
    }

    /// The address, with the port that was got.
    pub(super) fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// The certificate that was made for the encrypted ports, if one was.
    pub(super) fn generated_certificate(&self) -> Option<&str> {
        self.server.generated_certificate()
    }

    /// The engine.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Serves from now on, in the background.
    pub(super) fn start(self) -> Running {
        let addresses = Addresses {
            listen: self.address(),
            http: self.server.http_addr(),
            tls: self.server.tls_addr(),
            https: self.server.https_addr(),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(self.server.run(async move {
            // A sender that was dropped wants the same.
            let _ = stopped.await;
        }));
        Running { engine: self.engine, addresses, stop, task }
    }
}

impl Running {
    /// Where it listens, with the ports that were got.
    pub(super) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Waits until the server ends without having been told to. Cancel safe.
    pub(super) async fn broken(&mut self) -> Failure {
        match (&mut self.task).await {
            Ok(Ok(())) => Failure::failed("the server ended by itself"),
            Ok(Err(error)) => error.into(),
            Err(error) => Failure::failed(format!("the server failed: {error}")),
        }
    }

    /// Ends in order: connections, then what is not persisted, then the store.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        let served = if self.task.is_finished() {
            Ok(())
        } else {
            drop(self.stop);
            match (&mut self.task).await {
                Ok(served) => served.map_err(Failure::from),
                Err(error) => Err(Failure::failed(format!("the server failed: {error}"))),
            }
        };
        self.engine.shutdown();
        let report = self.engine.quiesce().await;
        served?;
        if report.clean {
            tracing::info!("closed the store in order");
            return Ok(());
        }
        let why = report.failure.unwrap_or_else(|| "no reason is known".into());
        Err(Failure::failed(format!("the store was not closed in order: {why}")))
    }
}

fn bind(engine: &Engine, mut settings: ServerSettings, any_port: bool) -> Result<Server, Error> {
    let bound = Server::bind(engine.clone(), settings.clone());
    match bound {
        Err(error) if any_port && is_taken(&error) => {
            settings.listen.set_port(0);
            Server::bind(engine.clone(), settings)
        }
        bound => bound,
    }
}

fn is_taken(error: &Error) -> bool {
    error.kind() == ErrorKind::Unavailable
        && cause::<io::Error>(error).is_some_and(|e| e.kind() == io::ErrorKind::AddrInUse)
}

/// How long a store that was just opened may take to close again.
const CLOSE_TIME: Duration = Duration::from_secs(10);
