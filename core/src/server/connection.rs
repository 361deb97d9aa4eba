//! One client: its socket, what it has agreed on, what it is owed.

use super::AckMode;
use super::kv::StatWalk;
use super::output::Output;
use super::peer::Peer;
use super::shared::Shared;
use super::suspended::Suspended;
use super::timer::Timer;
use super::withheld::Withheld;
use crate::limits::{CLOSE_TIME_MAX, NOOP_INTERVAL_MIN, OUTPUT_BYTES_HIGH, OUTPUT_BYTES_STREAM};
use crate::tls;
use crate::wire::{FrameLimits, FrameReader};
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll};
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::yield_now;

/// What a client is reached through.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin {
    /// Ready when there may be something to read.
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl Socket for tls::Socket {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        tls::Socket::poll_read_ready(self, cx)
    }
}

/// One client. Only what reads and writes needs a socket.
pub(super) struct Connection<S = tls::Socket> {
    pub(super) shared: Arc<Shared>,
    socket: S,
    pub(super) reader: FrameReader,
    pub(super) output: Output,
    pub(super) peer: Peer,
    /// Answers that wait for the store; `None` if none ever do.
    pub(super) withheld: Option<Withheld>,
    /// Statistics whose list goes on.
    pub(super) walk: Option<StatWalk>,
    /// The request that the others wait behind.
    pub(super) suspended: Option<Suspended>,
    /// Requests were received that have not been handled.
    pub(super) backlog: bool,
    /// They can be handled at once: only the turn was over.
    pub(super) more: bool,
    /// When the last turn began.
    pub(super) turned: Instant,
    /// The same in seconds since 1970.
    pub(super) unix_now: u32,
    /// Nothing more comes from the client.
    input_ended: bool,
    /// Until when its last answers may take, once it is to be closed.
    close_by: Option<Instant>,
    timer: Timer,
    /// Bytes moved since other tasks had their turn.
    moved: usize,
}

impl<S> Connection<S> {
    pub(super) fn new(shared: &Arc<Shared>, socket: S) -> Self {
        let now = Instant::now();
        let login_by = shared.needs_login().then(|| now + shared.settings.login_timeout);
        let limits = match login_by {
            Some(_) => FrameLimits::BEFORE_AUTH,
            None => FrameLimits::AFTER_AUTH,
        };
        Self {
            shared: Arc::clone(shared),
            socket,
            reader: FrameReader::of_clients(limits),
            output: Output::new(),
            peer: Peer::new(login_by),
            withheld: (shared.settings.ack == AckMode::Persisted).then(Withheld::default),
            walk: None,
            suspended: None,
            backlog: false,
            more: false,
            turned: now,
            unix_now: 0,
            input_ended: false,
            close_by: None,
            timer: Timer::default(),
            moved: 0,
        }
    }

    /// Takes no more requests; what is answered is sent.
    pub(super) fn close(&mut self) {
        if self.close_by.is_none() {
            self.close_by = Some(Instant::now() + CLOSE_TIME_MAX);
            self.more = false;
            self.suspended = None;
            self.walk = None;
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.close_by.is_some()
    }

    pub(super) fn is_done(&self) -> bool {
        self.close_by.is_some_and(|by| self.output.is_done() || by <= self.turned)
    }

    /// Ready when there is something to do in another turn that does not come from the socket.
    pub(super) fn poll_own_events(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut ready = self.more;
        if let Some(suspended) = &mut self.suspended {
            ready |= suspended.poll_ready(cx).is_ready();
        }
        if let Some(withheld) = &mut self.withheld
            && let Poll::Ready(persisted) =
                withheld.poll_release(cx, &self.shared.engine, &mut self.output)
        {
            if !persisted {
                let what = "the engine stopped before a write was persisted";
                return Poll::Ready(Err(io::Error::other(what)));
            }
            ready = true;
        }
        if self.wants_events()
            && let Some(producer) = &mut self.peer.dcp
        {
            ready |= producer.poll_ready(cx).is_ready();
        }
        let deadline = self.deadline();
        ready |= self.timer.poll(cx, deadline).is_ready();
        if ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Whether requests are wanted: not while some that are here wait, for their turn, for the store, or for the
    /// client to take the answers.
    fn wants_input(&self) -> bool {
        !self.input_ended
            && !self.is_closing()
            && !self.backlog
            && self.output.len() < OUTPUT_BYTES_HIGH
    }

    /// Whether stream messages are wanted: not before a good part of the last ones is gone.
    pub(super) fn wants_events(&self) -> bool {
        !self.is_closing() && self.output.len() <= OUTPUT_BYTES_STREAM / 2
    }

    /// When another turn is due at the latest.
    fn deadline(&self) -> Option<Instant> {
        if let Some(by) = self.close_by {
            return Some(by);
        }
        let producer = self.peer.dcp.as_ref().and_then(|producer| producer.deadline());
        // A no-op that is due and does not fit is not tried over and over.
        let producer = producer.map(|due| due.max(self.turned + NOOP_INTERVAL_MIN));
        let suspended = self.suspended.as_ref().and_then(Suspended::deadline);
        [self.peer.login_by, producer, suspended].into_iter().flatten().min()
    }
}

impl<S: Socket> Connection<S> {
    /// Serves the client until one of the two sides ends it. May be called again after it was dropped.
    pub(super) async fn serve(&mut self) -> io::Result<()> {
        loop {
            self.turn();
            if self.input_ended && !self.backlog {
                self.close();
            }
            if self.is_done() {
                return Ok(());
            }
            poll_fn(|cx| self.poll_events(cx)).await?;
            if self.more || self.moved >= self.peer.turn_bytes() {
                self.moved = 0;
                yield_now().await;
            }
        }
    }

    /// Ready when there is something to do in another turn.
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut ready = false;
        let before = self.output.len();
        if let Poll::Ready(written) = self.output.poll_write(cx, &mut self.socket) {
            written?;
            self.moved += before - self.output.len();
            ready = true;
        }
        if self.wants_input()
            && let Poll::Ready(read) = self.poll_read(cx)
        {
            let read = read?;
            self.input_ended = read == 0;
            self.moved += read;
            ready = true;
        }
        if let Poll::Ready(own) = self.poll_own_events(cx) {
            own?;
            ready = true;
        }
        if ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // Asked first, so that a client that says nothing costs no buffer, not even that of what it said before.
        match self.socket.poll_read_ready(cx) {
            Poll::Ready(ready) => ready?,
            Poll::Pending => {
                self.reader.rest();
                return Poll::Pending;
            }
        }
        pin!(self.socket.read_buf(self.reader.room())).poll(cx)
    }

    /// Ends the connection so that the client can read what it was last told: a socket that is closed with unread
    /// input would take that back.
    pub(super) async fn linger(mut self) {
        // Its streams end now.
        self.peer.dcp = None;
        if self.input_ended || self.socket.shutdown().await.is_err() {
            return;
        }
        let mut unread = [0; 4096];
        let drain = async { while matches!(self.socket.read(&mut unread).await, Ok(1..)) {} };
        // A client that goes on sending for so long does not want to read.
        let _ = tokio::time::timeout(CLOSE_TIME_MAX, drain).await;
    }
}
