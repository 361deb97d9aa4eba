//! A port of the server: what is spoken behind it, and whether it is encrypted.

use crate::error::{Error, ErrorKind, Result};
use core::future::poll_fn;
use core::task::Poll;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// What is spoken behind a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// The memcached protocol and DCP.
    Binary,
    /// The management endpoints, over HTTP.
    Http,
}

/// A port that was taken. Nobody is let in before it is [`open`](Door::open).
#[derive(Debug)]
pub(super) struct Door {
    listener: std::net::TcpListener,
    address: SocketAddr,
    kind: Kind,
}

/// What is behind a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) language: Language,
    pub(super) encrypted: bool,
}

/// A port that clients are let in by.
#[derive(Debug)]
pub(super) struct OpenDoor {
    listener: TcpListener,
    kind: Kind,
}

impl Door {
    /// Takes a port.
    pub(super) fn take(on: SocketAddr, kind: Kind) -> Result<Self> {
        let refused = |error: io::Error| {
            let what = format!("cannot listen on {on}");
            Error::new(ErrorKind::Unavailable, what).because(error)
        };
        let listener = std::net::TcpListener::bind(on).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, kind })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The address, with the port that was got.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Watches the port, on the runtime that polls this.
    pub(super) fn open(self) -> Result<OpenDoor> {
        let listener = TcpListener::from_std(self.listener).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot watch the port").because(error)
        })?;
        Ok(OpenDoor { listener, kind: self.kind })
    }
}

/// The next client of any of the ports. Cancel safe.
pub(super) async fn next_client(doors: &[OpenDoor]) -> io::Result<(TcpStream, SocketAddr, Kind)> {
    poll_fn(|cx| {
        for door in doors {
            if let Poll::Ready(accepted) = door.listener.poll_accept(cx) {
                return Poll::Ready(accepted.map(|(socket, from)| (socket, from, door.kind)));
            }
        }
        Poll::Pending
    })
    .await
}
