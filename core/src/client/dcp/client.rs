//! The DCP client: streams out, events in.

use super::controls::{self, controls};
use super::event::Event;
use super::settings::DcpSettings;
use super::stream_from::{StreamFrom, StreamOptions};
use super::streams::Streams;
use super::window::FlowWindow;
use crate::client::connection::Connection;
use crate::client::failure;
use crate::client::settings::ConnectSettings;
use crate::error::{Error, Result};
use crate::tls::Socket;
use crate::types::{Opaque, VbId};
use crate::wire::dcp::{
    BufferAck, CloseStream, Control, FailoverLogAnswer, NoopAnswer, Open, OpenFlags,
    RollbackAnswer, StreamReq, StreamTag,
};
use crate::wire::{Feature, Frame, Opcode, Status};
use core::time::Duration;
use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// A DCP connection with any number of streams.
///
/// [`DcpClient::stream`] and [`DcpClient::close_stream`] only write a request down; it goes out with the next
/// [`DcpClient::next_event`], which also brings its answer. Whoever has a DCP client calls `next_event` again and
/// again: that alone sends requests and acknowledgements, and answers the server's signs of life.
///
/// [`DcpClient::lent_event`] hands events out where they lie, for whoever looks at each only once.
///
/// An event counts as dealt with when the next one is asked for; then it is acknowledged, in portions of at
/// least half the window. What counts is the whole message, header included, of snapshot markers, mutations,
/// deletions, expirations, system events, seqno-advanced, out-of-order markers and stream ends.
#[derive(Debug)]
pub struct DcpClient<S = Socket> {
    pub(super) connection: Connection<S>,
    /// Messages that came while the answer to a question was awaited, and their bytes.
    pub(super) backlog: VecDeque<Frame>,
    pub(super) backlog_bytes: usize,
    pub(super) streams: Streams,
    window: FlowWindow,
    /// Counted bytes of the event that was returned last.
    pub(super) returned: u32,
    /// The bytes that it still takes in the receive buffer, if it was lent.
    pub(super) lent: usize,
    /// It, if it was lent and does not lie there.
    pub(super) held: Option<Event>,
    end_on_close: bool,
    pub(super) collections: bool,
    /// Since when the server has been silent, unless `heard`.
    heard_at: Instant,
    /// Something came since then.
    pub(super) heard: bool,
    /// How long the server may be silent: it gives a sign of life twice in this time.
    silence_max: Option<Duration>,
}

impl DcpClient {
    /// Connects and opens.
    ///
    /// # Errors
    /// As [`Connection::connect`] and [`DcpClient::open`].
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn connect(connect: &ConnectSettings, dcp: &DcpSettings) -> Result<Self> {
        Self::open(Connection::connect(connect).await?, dcp).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> DcpClient<S> {
    /// Makes a connection a DCP connection, and settles its settings.
    ///
    /// # Errors
    /// When the server refuses to open, or refuses a setting: all but the priority and the end of streams that
    /// the client closes must be accepted.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn open(mut connection: Connection<S>, settings: &DcpSettings) -> Result<Self> {
        let flags = settings.flags | OpenFlags::PRODUCER;
        let open = Open { flags, name: settings.name.as_bytes(), value: b"" };
        connection.ask_ok(|opaque, out| open.encode(opaque, out)).await?;
        let mut end_on_close = false;
        for wanted in controls(settings) {
            let control = Control { key: wanted.name.as_bytes(), value: wanted.value.as_bytes() };
            let answer = connection.ask(|opaque, out| control.encode(opaque, out)).await?;
            if !wanted.optional {
                connection.accept(&answer).map_err(|e| {
                    Error::new(e.kind(), format!("setting {}", wanted.name)).because(e)
                })?;
            }
            end_on_close |= wanted.name == controls::END_ON_CLOSE && answer.status().is_success();
        }
        let collections = connection.features().contains(Feature::COLLECTIONS);
        Ok(Self {
            connection,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            streams: Streams::default(),
            window: FlowWindow::new(settings.buffer_bytes),
            returned: 0,
            lent: 0,
            held: None,
            end_on_close,
            collections,
            heard_at: Instant::now(),
            heard: false,
            silence_max: settings.noop_interval.map(|interval| interval.saturating_mul(2)),
        })
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &Connection<S> {
        &self.connection
    }

    /// Streams that were asked for and are not over.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Asks for a stream. The answer is [`Event::StreamOpened`], [`Event::Rollback`] or [`Event::StreamRefused`];
    /// it and everything that follows carry the tag that is returned.
    pub fn stream(&mut self, vb: VbId, from: StreamFrom, options: &StreamOptions) -> StreamTag {
        let tag = StreamTag { opaque: self.connection.next_opaque(), vb, sid: options.sid };
        let known = options.purge_seqno.or(from.purge_seqno.filter(|_| self.collections));
        let value = StreamOptions { purge_seqno: known, ..options.clone() }.to_json();
        let request = StreamReq {
            vb,
            flags: options.flags,
            start: from.seqno,
            end: options.end,
            uuid: from.uuid,
            snap_start: from.snap_start,
            snap_end: from.snap_end,
            value: value.as_bytes(),
        };
        request.encode(tag.opaque, self.connection.out());
        self.streams.asked(tag);
        tag
    }

    /// Asks to close a stream. The answer is [`Event::CloseAnswered`]; until it comes, events of the stream still
    /// do.
    pub fn close_stream(&mut self, tag: StreamTag) {
        let opaque = self.connection.next_opaque();
        CloseStream { vb: tag.vb, sid: tag.sid }.encode(opaque, self.connection.out());
        self.streams.closing(opaque, tag);
    }

    /// The next event. The one before it counts as dealt with from now on.
    ///
    /// # Errors
    /// When the connection is gone, the server breaks the protocol, or it has given no sign of life for two
    /// intervals. No event follows.
    ///
    /// # Cancel safety
    /// Cancel safe: no event is lost, and none is acknowledged that was not returned.
    pub async fn next_event(&mut self) -> Result<Event> {
        self.settle();
        loop {
            let frame = match self.next_in_backlog() {
                Some(frame) => frame,
                None => self.next_on_wire().await?,
            };
            if let Some(event) = self.take_in(frame)? {
                return Ok(event);
            }
        }
    }

    /// Bytes of events that were dealt with and not yet acknowledged.
    #[must_use]
    pub fn unacknowledged_bytes(&self) -> u32 {
        self.window.unacknowledged()
    }

    async fn next_on_wire(&mut self) -> Result<Frame> {
        loop {
            if let Some(frame) = self.connection.take()? {
                self.heard = true;
                return Ok(frame);
            }
            self.wait_on_wire().await?;
        }
    }

    /// Returns when a message is there.
    pub(super) async fn wait_on_wire(&mut self) -> Result<()> {
        if core::mem::take(&mut self.heard) {
            // What was there is dealt with, and from now on the server can be heard again: one look at the clock for
            // all that came with one read.
            self.heard_at = Instant::now();
        }
        let deadline = self.silence_max.and_then(|silence| self.heard_at.checked_add(silence));
        self.connection.wait_by(deadline).await?;
        self.heard = true;
        Ok(())
    }

    pub(super) fn next_in_backlog(&mut self) -> Option<Frame> {
        let frame = self.backlog.pop_front()?;
        self.backlog_bytes -= frame.wire_len();
        Some(frame)
    }

    /// What was returned last is dealt with.
    #[inline]
    pub(super) fn settle(&mut self) {
        self.take_back();
        let dealt_with = core::mem::take(&mut self.returned);
        self.handled(dealt_with);
    }

    /// What was lent last is not looked at any more.
    #[inline]
    pub(super) fn take_back(&mut self) {
        let lent = core::mem::take(&mut self.lent);
        if lent > 0 {
            self.connection.pass_over(lent);
        }
    }

    #[inline]
    pub(super) fn handled(&mut self, bytes: u32) {
        if let Some(bytes) = self.window.handled(bytes) {
            BufferAck { bytes }.encode(Opaque::ZERO, self.connection.out());
        }
    }

    /// Takes in one message: what it means for the connection, and what for the user.
    pub(super) fn take_in(&mut self, frame: Frame) -> Result<Option<Event>> {
        if self.answer_noop(&frame) {
            return Ok(None);
        }
        let magic = frame.header().magic;
        if magic.is_response() {
            return self.take_in_answer(&frame);
        }
        if !magic.is_request() {
            return Ok(None);
        }
        // Lossless: a frame's length was a u32.
        let counted = if frame.opcode().is_counted() { frame.wire_len() as u32 } else { 0 };
        let sid = self.connection.read(frame.stream_id())?;
        let tag = StreamTag { opaque: frame.opaque(), vb: frame.vbucket(), sid };
        if !self.streams.is_open(tag) {
            // A message of a stream that is over counts all the same.
            self.handled(counted);
            return Ok(None);
        }
        let ends = frame.opcode() == Opcode::DCP_STREAM_END;
        let event = self.connection.read(Event::parse(frame, self.collections))?;
        self.streams.follow(&event);
        if ends {
            self.streams.over(tag.opaque);
        }
        self.returned = counted;
        Ok(Some(event))
    }

    fn take_in_answer(&mut self, frame: &Frame) -> Result<Option<Event>> {
        let status = frame.status();
        match frame.opcode() {
            Opcode::DCP_STREAM_REQ if status.is_success() => {
                let Some(tag) = self.streams.opened(frame.opaque()) else {
                    return Ok(None);
                };
                let failover = self.connection.read(FailoverLogAnswer::parse(frame))?.entries;
                Ok(Some(Event::StreamOpened { tag, failover }))
            }
            Opcode::DCP_STREAM_REQ => {
                let rollback = self.connection.read(RollbackAnswer::parse(frame))?;
                let refused = self.streams.over(frame.opaque()).map(|tag| match rollback {
                    Some(RollbackAnswer { to }) => Event::Rollback { tag, to },
                    None => Event::StreamRefused { tag, status },
                });
                Ok(refused)
            }
            Opcode::DCP_CLOSE_STREAM => {
                let Some(tag) = self.streams.close_answered(frame.opaque()) else {
                    return Ok(None);
                };
                let end_follows = status.is_success() && self.end_on_close;
                if status.is_success() && !self.end_on_close {
                    self.streams.over(tag.opaque);
                }
                Ok(Some(Event::CloseAnswered { tag, status, end_follows }))
            }
            Opcode::DCP_BUFFER_ACK if status != Status::SUCCESS => {
                Err(failure::refused(self.connection.peer(), frame.opcode(), status))
            }
            // The answer to a question whose asker went away.
            _ => Ok(None),
        }
    }

    /// Answers a sign of life, if it is one.
    pub(super) fn answer_noop(&mut self, frame: &Frame) -> bool {
        let is_noop = frame.opcode() == Opcode::DCP_NOOP && frame.header().magic.is_request();
        if is_noop {
            NoopAnswer.encode(frame.opaque(), self.connection.out());
        }
        is_noop
    }
}
