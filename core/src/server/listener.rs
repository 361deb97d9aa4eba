//! The ports: they accept clients, give each a task, and see all of them out.

use super::cluster_config::Ports;
use super::connection::Connection;
use super::door::{Door, Kind, Language, next_client};
use super::http;
use super::settings::ServerSettings;
use super::shared::Shared;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::ACCEPT_PAUSE;
use crate::tls::{Presented, Socket};
use core::future::Future;
use core::pin::pin;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

/// A server that listens, and serves once it is [`run`](Server::run).
#[derive(Debug)]
pub struct Server {
    doors: Vec<Door>,
    address: SocketAddr,
    tls: Option<Presented>,
    shared: Arc<Shared>,
}

impl Server {
    /// Takes the ports. Clients may connect from now on; they are served once the server runs. Needs no runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when an address cannot be had; [`ErrorKind::Misuse`] for settings that cannot be,
    /// certificates and keys that cannot be read among them.
    pub fn bind(engine: Engine, settings: ServerSettings) -> Result<Self> {
        check(&settings)?;
        let encrypted = settings.tls_listen.or(settings.https_listen).is_some();
        let tls = encrypted.then(|| Presented::new(&settings.tls_identity)).transpose()?;
        let mut doors = Vec::new();
        for (on, kind) in [
            (Some(settings.listen), BINARY),
            (settings.http_listen, HTTP),
            (settings.tls_listen, TLS),
            (settings.https_listen, HTTPS),
        ] {
            if let Some(on) = on {
                doors.push(Door::take(on, kind)?);
            }
        }
        let port = |kind| address_of(&doors, kind).map(|address| address.port());
        let ports = Ports {
            port: port(BINARY).unwrap_or_default(),
            management_port: port(HTTP).unwrap_or(settings.management_port),
            tls_port: port(TLS),
            https_port: port(HTTPS),
        };
        let address = address_of(&doors, BINARY).unwrap_or(settings.listen);
        let shared = Shared::new(engine, settings, ports)?;
        Ok(Self { doors, address, tls, shared })
    }

    /// The address that it listens on, with the port that it got.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The address that it serves the management endpoints on, if it does.
    #[must_use]
    pub fn http_addr(&self) -> Option<SocketAddr> {
        address_of(&self.doors, HTTP)
    }

    /// The address of the encrypted port, if there is one.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        address_of(&self.doors, TLS)
    }

    /// The address that it serves the management endpoints on, encrypted, if it does.
    #[must_use]
    pub fn https_addr(&self) -> Option<SocketAddr> {
        address_of(&self.doors, HTTPS)
    }

    /// The certificate that was made for the encrypted ports, as PEM, for clients to believe; `None` if it is from
    /// files, or there is no encrypted port.
    #[must_use]
    pub fn generated_certificate(&self) -> Option<&str> {
        self.tls.as_ref()?.generated.as_deref()
    }

    /// Serves until `shutdown` is done; then takes no more clients or requests, sends what is answered, and returns
    /// when every connection is gone. The engine goes on: it is the caller's to shut down.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the runtime cannot watch the ports.
    ///
    /// # Panics
    /// When it is not polled by a tokio runtime with its input, output and time drivers.
    ///
    /// # Cancel safety
    /// Dropped before it is done, it drops every connection where it stands.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let doors: Vec<_> = self.doors.into_iter().map(Door::open).collect::<Result<_>>()?;
        let (stop, stopping) = watch::channel(());
        let mut tasks = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        tracing::info!(address = %self.address, "serving");
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(ended) = tasks.join_next() => note(ended),
                accepted = next_client(&doors) => match accepted {
                    Ok((socket, from, kind)) => {
                        if let Some(client) = Client::admit(&self.shared, socket, from) {
                            let tls = self.tls.as_ref().filter(|_| kind.encrypted).cloned();
                            tasks.spawn(client.serve(kind.language, tls, stopping.clone()));
                        }
                    }
                    Err(error) => pause(&error).await,
                },
            }
        }
        drop(doors);
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

    async fn serve(
        self,
        language: Language,
        tls: Option<Presented>,
        mut stopping: watch::Receiver<()>,
    ) {
        let Self { shared, socket, from, permit } = self;
        tracing::debug!(%from, "a client connected");
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%from, %error, "cannot switch delays off");
        }
        // A peer that lost its power says nothing more, and nobody asks it: the system does.
        if let Err(error) = socket2::SockRef::from(&socket).set_keepalive(true) {
            tracing::debug!(%from, %error, "cannot have the peer looked for");
        }
        let socket = match tls {
            None => Socket::from(socket),
            // In a box of its own, gone once it is done: a task is as large as the largest of what it waits for, and
            // each idle connection is a task.
            Some(tls) => match Box::pin(shake(&shared, tls, socket, from, &mut stopping)).await {
                Some(socket) => socket,
                None => return,
            },
        };
        match language {
            Language::Binary => serve_binary(&shared, socket, from, stopping).await,
            Language::Http => Box::pin(http::serve(shared, socket, from, stopping)).await,
        }
        tracing::debug!(%from, "a client is gone");
        drop(permit);
    }
}

/// The TLS handshake; `None` if it fails, or the server stops first.
async fn shake(
    shared: &Shared,
    tls: Presented,
    socket: TcpStream,
    from: SocketAddr,
    stopping: &mut watch::Receiver<()>,
) -> Option<Socket> {
    // As long as a login may take: who does not get through has not begun to log in.
    let shaking = timeout(shared.settings.login_timeout, tls.acceptor.accept(socket));
    let shaken = tokio::select! {
        shaken = shaking => shaken,
        _ = stopping.changed() => return None,
    };
    match shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) => Some(Socket::encrypted(stream)),
        Err(error) => {
            tracing::debug!(%from, %error, "no TLS connection with a client");
            None
        }
    }
}

async fn serve_binary(
    shared: &Arc<Shared>,
    socket: Socket,
    from: SocketAddr,
    mut stopping: watch::Receiver<()>,
) {
    let mut connection = Connection::new(shared, socket);
    let served = tokio::select! {
        served = connection.serve() => served,
        // Either told to stop, or the server was dropped.
        _ = stopping.changed() => {
            connection.close();
            let flushed = connection.serve().await;
            tracing::debug!(%from, "a client was disconnected: the server stops");
            return log_failure(from, flushed);
        }
    };
    match served {
        // In a box: only a connection that ends needs room for it.
        Ok(()) => Box::pin(connection.linger()).await,
        failed => log_failure(from, failed),
    }
}

fn address_of(doors: &[Door], kind: Kind) -> Option<SocketAddr> {
    doors.iter().find(|door| door.kind() == kind).map(Door::address)
}

/// Bytes of a client's task.
#[cfg(test)]
pub(super) fn task_bytes() -> usize {
    fn of<C, L, T, S, F: Future>(_: impl FnOnce(C, L, T, S) -> F) -> usize {
        size_of::<F>()
    }
    of(Client::serve)
}

const BINARY: Kind = Kind { language: Language::Binary, encrypted: false };
const HTTP: Kind = Kind { language: Language::Http, encrypted: false };
const TLS: Kind = Kind { language: Language::Binary, encrypted: true };
const HTTPS: Kind = Kind { language: Language::Http, encrypted: true };

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
