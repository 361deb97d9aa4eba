//! A server without sockets: for tests that look at what bytes do.

use super::cluster_config::Ports;
use super::connection::Connection;
use super::settings::ServerSettings;
use super::shared::Shared;
use crate::engine::Engine;
use crate::error::Result;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

/// A server without sockets. Its connections are those of a [`Server`](crate::server::Server) in everything but where
/// their bytes come from and go to.
#[derive(Clone, Debug)]
pub struct Offline {
    shared: Arc<Shared>,
}

/// A connection of an [`Offline`] server.
pub struct Conversation {
    connection: Connection<()>,
}

impl Offline {
    /// A server over an engine. The addresses in its settings are not used.
    ///
    /// # Errors
    /// As [`Server::bind`](crate::server::Server::bind).
    pub fn new(engine: Engine, settings: ServerSettings) -> Result<Self> {
        let ports = Ports {
            port: 11_210,
            management_port: settings.management_port,
            tls_port: None,
            https_port: None,
        };
        Ok(Self { shared: Shared::new(engine, settings, ports)? })
    }

    /// A client connects.
    #[must_use]
    pub fn connect(&self) -> Conversation {
        Conversation { connection: Connection::new(&self.shared, ()) }
    }
}

impl Conversation {
    /// The client sends bytes: everything that comes back at once is appended to `heard`. Returns whether the
    /// connection goes on. What the client left unsaid of a message is awaited with the next call.
    ///
    /// # Panics
    /// When the connection goes on turning without coming to rest; outside of a tokio runtime.
    pub async fn say(&mut self, bytes: &[u8], heard: &mut Vec<u8>) -> bool {
        self.connection.reader.feed(bytes);
        for _ in 0..TURNS_MAX {
            self.connection.turn();
            self.hear(heard);
            if self.connection.is_closing() {
                return false;
            }
            if self.connection.is_waiting() {
                if poll_fn(|cx| self.connection.poll_own_events(cx)).await.is_err() {
                    return false;
                }
                self.hear(heard);
            } else if !self.connection.has_work() {
                return true;
            }
        }
        panic!("no rest after {TURNS_MAX} turns");
    }

    /// Done when the server may have something to say by itself, such as what a backfill has read meanwhile. False when
    /// the conversation is over.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn has_news(&mut self) -> bool {
        !self.connection.is_closing()
            && poll_fn(|cx| self.connection.poll_own_events(cx)).await.is_ok()
    }

    fn hear(&mut self, heard: &mut Vec<u8>) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(written) = self.connection.output.poll_write(&mut cx, heard) {
            // A vector takes everything.
            debug_assert!(written.is_ok());
        }
    }
}

impl Connection<()> {
    /// Whether it can go on only when the store or memory has answered.
    fn is_waiting(&self) -> bool {
        self.suspended.is_some() || self.output.len() > 0
    }

    /// Whether another turn has something to do.
    fn has_work(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.backlog || self.walk.is_some() || self.poll_own_events(&mut cx).is_ready()
    }
}

/// Far more turns than what one call says can need: each handles up to 1,024 requests or sends 256 KiB.
const TURNS_MAX: u32 = 100_000;
