//! The key-value client: connection and keys.

use crate::client::connection::Connection;
use crate::client::settings::ConnectSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::KEY_BYTES_MAX;
use crate::tls::Socket;
use crate::types::VbId;
use crate::wire::{CollectionId, Feature, Status, vbucket_of};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};

/// Reads and writes documents, one request at a time, or many without waiting in between.
///
/// # Cancel safety
/// Dropping the future of a request gives up on its answer, not on the request: a write may happen or not. The
/// client stays usable; late answers are recognised by their opaque and dropped.
#[derive(Debug)]
pub struct KvClient<S = Socket> {
    pub(super) connection: Connection<S>,
    vbuckets: u32,
    /// The key of the request at hand as it goes over the wire.
    key: BytesMut,
}

impl KvClient {
    /// Connects.
    ///
    /// # Errors
    /// As [`Connection::connect`]; `Misuse` when the settings name no bucket.
    pub async fn connect(settings: &ConnectSettings) -> Result<Self> {
        Self::new(Connection::connect(settings).await?)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> KvClient<S> {
    /// Uses a connection.
    ///
    /// # Errors
    /// `Misuse` when it has no bucket.
    pub fn new(connection: Connection<S>) -> Result<Self> {
        let vbuckets = connection.vbuckets()?;
        Ok(Self { connection, vbuckets, key: BytesMut::new() })
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &Connection<S> {
        &self.connection
    }

    /// How many vbuckets the bucket has.
    #[must_use]
    pub fn vbuckets(&self) -> u32 {
        self.vbuckets
    }

    /// The vbucket of a key.
    #[must_use]
    pub fn vbucket_of(&self, key: &[u8]) -> VbId {
        vbucket_of(key, self.vbuckets)
    }

    /// The key as it goes over the wire, and its vbucket. A connection with collections uses the default one.
    pub(super) fn place(&mut self, key: &[u8]) -> Result<(VbId, BytesMut)> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            let what = format!("a key has 1 to {KEY_BYTES_MAX} bytes, not {}", key.len());
            return Err(Error::new(ErrorKind::Misuse, what));
        }
        self.key.clear();
        if self.connection.features().contains(Feature::COLLECTIONS) {
            CollectionId::DEFAULT.encode(&mut self.key);
        }
        self.key.extend_from_slice(key);
        Ok((self.vbucket_of(key), self.key.split()))
    }

    /// Gives up on success or on this status alone: whether it was success.
    pub(super) fn unless(&self, frame: &crate::wire::Frame, status: Status) -> Result<bool> {
        if frame.status() == status {
            return Ok(false);
        }
        self.connection.accept(frame).map(|()| true)
    }
}
