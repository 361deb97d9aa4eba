//! The port: it accepts clients, gives each a task, and sees all of them out.

use super::cluster_config::Ports;
use super::connection::Connection;
use super::http;
use super::settings::ServerSettings;
use super::shared::Shared;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::ACCEPT_PAUSE;
use core::future::Future;
use core::pin::pin;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::{JoinError, JoinSet};

/// A server that listens, and serves once it is [`run`](Server::run).
#[derive(Debug)]
pub struct Server {
    listener: std::net::TcpListener,
    address: SocketAddr,
    http: Option<(std::net::TcpListener, SocketAddr)>,
    shared: Arc<Shared>,
}

impl Server {
    /// Takes the port. Clients may connect from now on; they are served once the server runs. Needs no runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the address cannot be had; [`ErrorKind::Misuse`] for settings that cannot be.
    pub fn bind(engine: Engine, settings: ServerSettings) -> Result<Self> {
        check(&settings)?;
        let (listener, address) = listen(settings.listen)?;
        let http = settings.http_listen.map(listen).transpose()?;
        let management_port =
            http.as_ref().map_or(settings.management_port, |(_, address)| address.port());
        let ports = Ports { port: address.port(), management_port };
        let shared = Shared::new(engine, settings, ports)?;
        Ok(Self { listener, address, http, shared })
    }

    /// The address that it listens on, with the port that it got.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The address that it serves the management endpoints on, if it does.
    #[must_use]
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(|(_, address)| *address)
    }

    /// Serves until `shutdown` is done; then takes no more clients or requests, sends what is answered, and returns
    /// when every connection is gone. The engine goes on: it is the caller's to shut down.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the runtime cannot watch the port.
    ///
    /// # Panics
    /// When it is not polled by a tokio runtime with its input, output and time drivers.
    ///
    /// # Cancel safety
    /// Dropped before it is done, it drops every connection where it stands.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let listener = watched(self.listener)?;
        let http = self.http.map(|(listener, _)| watched(listener)).transpose()?;
        let (stop, stopping) = watch::channel(());
        let mut tasks = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        tracing::info!(address = %self.address, "serving");
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(ended) = tasks.join_next() => note(ended),
                accepted = listener.accept() => match accepted {
                    Ok((socket, from)) => {
                        if let Some(client) = Client::admit(&self.shared, socket, from) {
                            tasks.spawn(client.serve(stopping.clone()));
                        }
                    }
                    Err(error) => pause(&error).await,
                },
                accepted = accept_if(http.as_ref()) => match accepted {
                    Ok((socket, from)) => {
                        if let Some(client) = Client::admit(&self.shared, socket, from) {
                            tasks.spawn(client.serve_http(stopping.clone()));
                        }
                    }
                    Err(error) => pause(&error).await,
                },
            }
        }
        drop((listener, http));
        // Fails when nobody is there to hear it.
        let _ = stop.send(());
        while let Some(ended) = tasks.join_next().await {
            note(ended);
        }
        tracing::info!(address = %self.address, "stopped");
        Ok(())
    }
}

/// A client that was accepted.
struct Client {
    shared: Arc<Shared>,
    socket: TcpStream,
    from: SocketAddr,
    permit: OwnedSemaphorePermit,
}

impl Client {
    /// `None` if too many are connected: the socket is closed then.
    fn admit(shared: &Arc<Shared>, socket: TcpStream, from: SocketAddr) -> Option<Self> {
        let Ok(permit) = Arc::clone(&shared.sockets).try_acquire_owned() else {
            tracing::warn!(%from, "refused a client: too many are connected");
            return None;
        };
        Some(Self { shared: Arc::clone(shared), socket, from, permit })
    }

    async fn serve_http(self, stopping: watch::Receiver<()>) {
        let Self { shared, socket, from, permit } = self;
        http::serve(shared, socket, from, permit, stopping).await;
    }

    async fn serve(self, mut stopping: watch::Receiver<()>) {
        let Self { shared, socket, from, permit } = self;
        tracing::debug!(%from, "a client connected");
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%from, %error, "cannot switch delays off");
        }
        let mut connection = Connection::new(&shared, socket);
        let served = tokio::select! {
            served = connection.serve() => served,
            // Either told to stop, or the server was dropped.
            _ = stopping.changed() => {
                connection.close();
                let flushed = connection.serve().await;
                tracing::debug!(%from, "a client was disconnected: the server stops");
                drop(connection);
                drop(permit);
                return log_failure(from, flushed);
            }
        };
        match served {
            Ok(()) => connection.linger().await,
            failed => log_failure(from, failed),
        }
        tracing::debug!(%from, "a client is gone");
        drop(permit);
    }
}

/// Takes a port.
fn listen(on: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr)> {
    let refused = |error: std::io::Error| {
        let what = format!("cannot listen on {on}");
        Error::new(ErrorKind::Unavailable, what).because(error)
    };
    let listener = std::net::TcpListener::bind(on).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

fn watched(listener: std::net::TcpListener) -> Result<TcpListener> {
    TcpListener::from_std(listener)
        .map_err(|error| Error::new(ErrorKind::Unavailable, "cannot watch the port").because(error))
}

/// The next client of a port that may not be there: then there never is one.
async fn accept_if(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => core::future::pending().await,
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a client");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

fn log_failure(from: SocketAddr, served: std::io::Result<()>) {
    if let Err(error) = served {
        tracing::debug!(%from, %error, "a connection failed");
    }
}

/// A task that panicked has taken its connection with it, and nothing else.
fn note(ended: core::result::Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

fn check(settings: &ServerSettings) -> Result<()> {
    let misuse = |what: String| Err(Error::new(ErrorKind::Misuse, what));
    if settings.bucket.is_empty() || settings.bucket.len() > BUCKET_BYTES_MAX {
        return misuse(format!("a bucket's name has 1 to {BUCKET_BYTES_MAX} bytes"));
    }
    if settings.management_port == 0 {
        return misuse("clients take no cluster map without a management port".into());
    }
    let timeouts = [settings.login_timeout, settings.memory_timeout, settings.stuck_timeout];
    if timeouts.iter().any(|timeout| *timeout > TIMEOUT_MAX) {
        return misuse(format!("a timeout is at most {} seconds", TIMEOUT_MAX.as_secs()));
    }
    for user in &settings.users {
        if user.name.is_empty() || user.name.contains('\0') {
            return misuse("a user's name is not empty and has no NUL".into());
        }
    }
    Ok(())
}

/// Longest timeout that a setting may ask for, so that a deadline stays within a clock's range.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest name of a bucket that tools accept.
const BUCKET_BYTES_MAX: usize = 100;
