//! A connection that is ready for requests.

use super::failure::{self, Broken};
use super::link::Link;
use super::settings::ConnectSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::tls::{self, Socket};
use crate::types::Opaque;
use crate::wire::{FeatureSet, Frame, FrameRef, Header, Opcode};
use bytes::BytesMut;
use core::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{self, Instant};

/// A connection that has agreed on features, authenticated and selected its bucket.
#[derive(Debug)]
pub struct Connection<S = Socket> {
    link: Link<S>,
    peer: String,
    timeout: Duration,
    opaque: u32,
    pub(super) features: FeatureSet,
    pub(super) config: serde_json::Value,
    pub(super) vbuckets: Option<u32>,
}

impl Connection {
    /// Connects over TCP, encrypted if the settings say so, with the steps of [`Connection::over`].
    ///
    /// # Errors
    /// As [`Connection::over`]; `Unavailable` when the host cannot be reached in time; `Peer` when it shows a
    /// certificate that is not believed; `Misuse` for a file of certificates that cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn connect(settings: &ConnectSettings) -> Result<Self> {
        let peer = &settings.address;
        let connecting = time::timeout(settings.timeout, TcpStream::connect(peer.as_str())).await;
        let stream = connecting
            .map_err(|_| failure::timed_out(peer, "connecting"))?
            .map_err(|e| Broken::Io(e).during(peer, "connecting"))?;
        stream.set_nodelay(true).map_err(|e| Broken::Io(e).during(peer, "connecting"))?;
        let Some(trust) = &settings.tls else { return Self::over(stream.into(), settings).await };
        let shaking = time::timeout(settings.timeout, tls::connect(stream, peer, trust)).await;
        let socket = shaking.map_err(|_| failure::timed_out(peer, "the TLS handshake"))??;
        Self::over(socket, settings).await
    }

    /// Whether it is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.link.stream().is_encrypted()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Makes a connection of a byte stream: HELLO, GET_ERROR_MAP (may fail), SASL PLAIN if there are credentials,
    /// SELECT_BUCKET if there is a bucket, GET_CLUSTER_CONFIG.
    ///
    /// # Errors
    /// When the server refuses a step, takes too long for one, or sends what cannot be. The text names the host
    /// and the step.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream.
    pub async fn over(stream: S, settings: &ConnectSettings) -> Result<Self> {
        let mut connection = Self {
            link: Link::new(stream),
            peer: settings.address.clone(),
            timeout: settings.timeout,
            opaque: 0,
            features: FeatureSet::EMPTY,
            config: serde_json::Value::Null,
            vbuckets: None,
        };
        connection.bootstrap(settings).await?;
        Ok(connection)
    }

    /// The host and port, as they were given.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// What the server granted.
    #[must_use]
    pub fn features(&self) -> FeatureSet {
        self.features
    }

    /// The cluster's map as the server gave it.
    #[must_use]
    pub fn config(&self) -> &serde_json::Value {
        &self.config
    }

    /// How many vbuckets the bucket has.
    ///
    /// # Errors
    /// `Peer` when the server's map does not say, `Misuse` when the connection was made without a bucket.
    pub fn vbuckets(&self) -> Result<u32> {
        self.vbuckets.ok_or_else(|| {
            let what = format!("{}: no bucket is selected, so there are no vbuckets", self.peer);
            Error::new(ErrorKind::Misuse, what)
        })
    }

    /// A number that no request of this connection has used lately.
    pub(super) fn next_opaque(&mut self) -> Opaque {
        self.opaque = self.opaque.wrapping_add(1);
        Opaque(self.opaque)
    }

    /// Where requests are appended.
    pub(super) fn out(&mut self) -> &mut BytesMut {
        self.link.out()
    }

    /// The next message, if it is there already.
    pub(super) fn take(&mut self) -> Result<Option<Frame>> {
        self.link.take().map_err(|broken| broken.during(&self.peer, "receiving"))
    }

    /// The next message where it lies, if it is there already.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<Option<FrameRef<'_>>> {
        self.link.peek().map_err(|broken| broken.during(&self.peer, "receiving"))
    }

    /// The host, and the body of the message in front, of which this is the header.
    #[inline]
    pub(super) fn front(&self, header: &Header) -> (&str, &[u8]) {
        (&self.peer, self.link.body_in_front(header))
    }

    /// Passes over the message that was looked at.
    #[inline]
    pub(super) fn pass_over(&mut self, wire_len: usize) {
        self.link.pass_over(wire_len);
    }

    /// Reads so much at once from now on.
    pub(super) fn set_read_ahead(&mut self, bytes: usize) {
        self.link.set_read_ahead(bytes);
    }

    /// Returns when a message is there; an error if none has come by then. Cancel safe.
    pub(super) async fn wait_by(&mut self, deadline: Option<Instant>) -> Result<()> {
        let waited = match deadline {
            None => self.link.wait().await,
            Some(deadline) => time::timeout_at(deadline, self.link.wait())
                .await
                .map_err(|_| failure::silent(&self.peer))?,
        };
        waited.map_err(|broken| broken.during(&self.peer, "receiving"))
    }

    /// Writes until at most `left` bytes wait. Cancel safe.
    pub(super) async fn write_down_to(&mut self, left: usize) -> Result<()> {
        while self.link.out().len() > left {
            let writing = time::timeout(self.timeout, self.link.write_some(left)).await;
            let written = writing.map_err(|_| failure::timed_out(&self.peer, "sending"))?;
            written.map_err(|broken| broken.during(&self.peer, "sending"))?;
        }
        Ok(())
    }

    /// The next message, within the time for a step.
    pub(super) async fn receive_in_time(&mut self, step: Opcode) -> Result<Frame> {
        let name = step.name().unwrap_or("a request");
        match time::timeout(self.timeout, self.link.receive()).await {
            Ok(received) => received.map_err(|broken| broken.during(&self.peer, name)),
            Err(_) => Err(failure::timed_out(&self.peer, name)),
        }
    }

    /// Sends one request and waits for its answer, whatever its status.
    ///
    /// Messages with another opaque are dropped: answers to requests whose caller went away, and pushes that
    /// nobody asked for.
    pub(super) async fn ask(
        &mut self,
        encode: impl FnOnce(Opaque, &mut BytesMut),
    ) -> Result<Frame> {
        let opaque = self.next_opaque();
        let out = self.link.out();
        let at = out.len();
        encode(opaque, out);
        let step = Opcode(out[at + 1]);
        loop {
            let frame = self.receive_in_time(step).await?;
            if frame.opaque() == opaque && frame.header().magic.is_response() {
                return Ok(frame);
            }
        }
    }

    /// [`Connection::ask`], and an error unless the answer is success.
    pub(super) async fn ask_ok(
        &mut self,
        encode: impl FnOnce(Opaque, &mut BytesMut),
    ) -> Result<Frame> {
        let frame = self.ask(encode).await?;
        self.accept(&frame)?;
        Ok(frame)
    }

    /// An error unless the answer is success.
    pub(super) fn accept(&self, frame: &Frame) -> Result<()> {
        if frame.status().is_success() {
            return Ok(());
        }
        Err(failure::refused(&self.peer, frame.opcode(), frame.status()))
    }

    /// Reads an answer by its own parser.
    pub(super) fn read<T>(&self, parsed: Result<T, crate::wire::WireError>) -> Result<T> {
        parsed.map_err(|why| failure::malformed(&self.peer, why))
    }
}
