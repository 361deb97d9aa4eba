//! What a server is told when it is made: plain data, every field with a default.

use crate::limits::{LOGIN_TIMEOUT, MEMORY_TIMEOUT, STUCK_TIMEOUT};
use crate::tls::TlsIdentity;
use core::fmt;
use core::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The settings of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerSettings {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address to serve the management endpoints on, over HTTP; port 0 takes a free one.
    pub http_listen: Option<SocketAddr>,
    /// The address to serve the same as on [`listen`](Self::listen) on, encrypted; port 0 takes a free one.
    pub tls_listen: Option<SocketAddr>,
    /// The address to serve the management endpoints on, encrypted; port 0 takes a free one.
    pub https_listen: Option<SocketAddr>,
    /// What is shown on the encrypted ports.
    pub tls_identity: TlsIdentity,
    /// The name of the one bucket.
    pub bucket: String,
    /// Who may log in. With nobody in it, every login is accepted, and none is needed.
    pub users: Vec<User>,
    /// When a write is answered.
    pub ack: AckMode,
    /// The port that clients are told to find the management service on. Most refuse a cluster map that names none;
    /// nothing has to listen there. Not used with [`http_listen`](Self::http_listen), whose port it is then.
    pub management_port: u16,
    /// How long a client may take to log in, if it has to.
    pub login_timeout: Duration,
    /// How long a write waits for memory before the client is told to come again.
    pub memory_timeout: Duration,
    /// A regular expression: DCP connections whose whole name it matches are closed when their window has been full
    /// for [`stuck_timeout`](Self::stuck_timeout) and nothing was acknowledged. `None`: none are.
    pub stuck_names: Option<String>,
    /// See [`stuck_names`](Self::stuck_names).
    pub stuck_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 11_210)),
            http_listen: None,
            tls_listen: None,
            https_listen: None,
            tls_identity: TlsIdentity::default(),
            bucket: "default".to_owned(),
            users: Vec::new(),
            ack: AckMode::Memory,
            management_port: 8091,
            login_timeout: LOGIN_TIMEOUT,
            memory_timeout: MEMORY_TIMEOUT,
            stuck_names: None,
            stuck_timeout: STUCK_TIMEOUT,
        }
    }
}

/// Somebody who may log in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
}

impl User {
    /// A user.
    pub fn new(name: impl Into<String>, password: Secret) -> Self {
        Self { name: name.into(), password }
    }
}

/// When a write is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckMode {
    /// When it is in memory and streams may show it: a crash loses what was written since the last commit, which
    /// OBSERVE_SEQNO tells, and readers that saw it are rolled back.
    #[default]
    Memory,
    /// When it is synced in the store: a crash loses nothing that was answered.
    Persisted,
}

/// A password: not shown, and compared in a time that does not tell how much of it was right.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// A password of these bytes.
    pub fn new(password: impl Into<Vec<u8>>) -> Self {
        Self(password.into().into_boxed_slice())
    }

    /// The password itself.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `other` is the same password. Takes as long as `other` is long, whatever the answer.
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> bool {
        let mut difference = self.0.len() ^ other.len();
        for (at, &byte) in other.iter().enumerate() {
            let ours = self.0.get(at).copied().unwrap_or(0);
            difference |= usize::from(black_box(ours ^ byte));
        }
        black_box(difference) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
