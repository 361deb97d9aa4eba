//! The owner's end of a connection: it opens streams, sends, and hears the client. Everybody else has a
//! [`ConnectionHandle`].

use super::control::{Controls, MarkerVersion};
use super::members::Members;
use super::noop::NoopState;
use super::pause::Pauses;
use super::settings::{IncludeValues, OpenOptions};
use super::stream_reports::StreamReport;
use super::stuck::StuckWatch;
use crate::conn::{Connection, Turn};
use crate::engine::EngineParts;
use crate::stream::{ActiveStream, Layout, StreamName, ValueRoom, Values};
use crate::types::{EndReason, Opaque};
use core::task::{Context, Poll};
use millstream_reclaim::sync::{Arc, workers};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One connection, owned by the thread or task that steps it.
///
/// Dropped, it closes: its streams end as disconnected and it leaves the engine's map.
///
/// # Examples
/// See `examples/embed.rs`.
pub struct Producer {
    pub(super) engine: Arc<EngineParts>,
    pub(super) connection: Arc<Connection>,
    pub(super) options: OpenOptions,
    pub(super) controls: Controls,
    pub(super) noop: NoopState,
    pub(super) stuck: StuckWatch,
    pub(super) pauses: Pauses,
    /// By slot; `None` where no stream is.
    pub(super) streams: Vec<Option<Box<OwnedStream>>>,
    /// By slot: whether it is in `turns`, with a stream or without.
    pub(super) queued: Vec<bool>,
    pub(super) stream_count: usize,
    pub(super) members: Members,
    /// Streams that are ready, in the order of their turns.
    pub(super) turns: VecDeque<usize>,
    pub(super) cursor: usize,
    pub(super) room: ValueRoom,
    /// Ends of streams that were replaced before they could be told.
    pub(super) ends: VecDeque<(StreamName, EndReason)>,
}

/// A stream and what it tells of itself.
pub(super) struct OwnedStream {
    pub(super) stream: ActiveStream,
    pub(super) report: Arc<StreamReport>,
}

/// A connection as any thread may use it: to close it, to wake it, to acknowledge, to look at it.
#[derive(Clone, Debug)]
pub struct ConnectionHandle {
    engine: Arc<EngineParts>,
    connection: Arc<Connection>,
}

impl Producer {
    pub(crate) fn new(
        engine: Arc<EngineParts>,
        connection: Arc<Connection>,
        options: OpenOptions,
        now: Instant,
    ) -> Self {
        let mut noop = NoopState::new(now);
        noop.set_idle_timeout(engine.idle_timeout());
        let producer = Self {
            stuck: StuckWatch::new(options.stuck_timeout),
            pauses: Pauses::default(),
            controls: Controls::new(&connection.name),
            engine,
            connection,
            options,
            noop,
            streams: Vec::new(),
            queued: Vec::new(),
            stream_count: 0,
            members: Members::default(),
            turns: VecDeque::new(),
            cursor: 0,
            room: ValueRoom::default(),
            ends: VecDeque::new(),
        };
        producer.report();
        producer
    }

    /// Tells statistics how the connection stands.
    pub(super) fn report(&self) {
        let Self { controls, noop, pauses, stuck, .. } = self;
        self.connection.report.note(&Turn { controls, noop, pauses, stuck });
    }

    /// A handle for other threads.
    #[must_use]
    pub fn handle(&self) -> ConnectionHandle {
        let (engine, connection) = (Arc::clone(&self.engine), Arc::clone(&self.connection));
        ConnectionHandle { engine, connection }
    }

    /// The connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.connection.name
    }

    /// Streams that the owner has, dead ones that have not been told included.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.stream_count
    }

    /// Whether the client knows of collections; for streams that are requested from now on.
    pub fn set_collections(&mut self, negotiated: bool) {
        self.options.collections = negotiated;
    }

    /// Whether the client reads Snappy; for values that are sent from now on.
    pub fn set_snappy(&mut self, negotiated: bool) {
        self.options.snappy = negotiated;
    }

    /// The client said something: it lives.
    pub fn received(&mut self, now: Instant) {
        self.noop.received(now);
    }

    /// The client answered a no-op; whether it was the one that is due.
    pub fn noop_answered(&mut self, opaque: Opaque) -> bool {
        self.noop.answered(opaque)
    }

    /// The client acknowledges bytes: of any stream, since the window is the connection's. Returns how many of them
    /// were acknowledged before or never sent; those have no effect.
    ///
    /// The caller [steps](Self::step) after it has read its input, so that nobody is woken here; a thread that is not
    /// the owner acknowledges through [`ConnectionHandle::ack`].
    pub fn ack(&mut self, bytes: u64) -> u64 {
        self.connection.window.ack(bytes).over
    }

    /// When [`step`](Self::step) has to be called at the latest, if nothing else happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let mut noop = self.noop;
        // It may have been changed since the last step.
        noop.set_idle_timeout(self.engine.idle_timeout());
        [noop.deadline(), self.stuck.deadline()].into_iter().flatten().min()
    }

    /// Ready when a [`step`](Self::step) may find something to do; else the task is woken when one may.
    ///
    /// # Cancel safety
    /// Nothing is lost when the caller stops polling.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_ready() {
            return Poll::Ready(());
        }
        gate!(PollFoundNothing);
        self.connection.ready.register(cx.waker());
        gate!(PollRegistered);
        if self.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Blocks until a [`step`](Self::step) may find something to do, or the time is up; whether one may.
    #[must_use]
    pub fn wait(&mut self, timeout: Duration) -> bool {
        let waker = crate::ready::thread_waker();
        let deadline = workers::now() + timeout;
        let mut cx = Context::from_waker(&waker);
        loop {
            if self.poll_ready(&mut cx).is_ready() {
                return true;
            }
            let left = deadline.saturating_duration_since(workers::now());
            if left.is_zero() {
                return false;
            }
            gate!(AboutToSleep);
            workers::park_timeout(left);
        }
    }

    fn is_ready(&self) -> bool {
        let connection = &self.connection;
        // With the window shut only an acknowledgement (or the end) helps, and both wake the owner.
        connection.is_closed() || (connection.window.may_send() && self.has_turns())
    }

    /// Whether a turn may have something to send.
    pub(super) fn has_turns(&self) -> bool {
        !self.turns.is_empty() || !self.ends.is_empty() || self.connection.ready.any()
    }

    /// What the client asked for that changes how messages look.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout {
            delete_times: self.options.include_delete_times,
            expirations: self.controls.expiry_opcode(),
            values: self.values(),
            flat_events: self.controls.flatbuffers_system_events(),
            purge_in_markers: self.controls.marker_version() >= MarkerVersion::V2_2,
        }
    }

    fn values(&self) -> Values {
        match self.options.include_values {
            IncludeValues::No => Values::Omitted,
            IncludeValues::NoButDatatype => Values::OmittedWithDatatype,
            IncludeValues::Yes if !self.options.snappy => Values::Inflated,
            IncludeValues::Yes if self.controls.force_value_compression() => Values::Compressed,
            IncludeValues::Yes => Values::AsKept,
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        for (member, owned) in self.streams.drain(..).enumerate() {
            let Some(owned) = owned else { continue };
            self.engine.stream_reports.close(self.connection.id, member);
            if let Some(partition) = self.engine.partition(owned.stream.name.vb) {
                partition.waiters.leave();
            }
        }
        self.handle().close_all();
        gate!(OwnerLeaves);
        let mut reader = self.engine.domain.borrow("producer drop");
        let pin = reader.pin();
        self.engine.connections.remove(self.connection.id, &pin);
    }
}

impl ConnectionHandle {
    /// The connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.connection.name
    }

    /// Ends every stream as disconnected; none can be opened afterwards. Any thread may call it at any instant, as
    /// often as it likes, several at once; it returns without waiting for anybody. Returns how many streams this call
    /// ended.
    pub fn close_all(&self) -> usize {
        let mut reader = self.engine.domain.borrow("close_all");
        let pin = reader.pin();
        self.connection.close_all(&pin)
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }

    /// Acknowledges bytes for the client, and wakes the owner if that opens the window.
    pub fn ack(&self, bytes: u64) {
        if self.connection.window.ack(bytes).opened {
            gate!(AckOpenedWindow);
            self.connection.ready.wake();
        }
    }

    /// Wakes the owner.
    pub fn wake(&self) {
        self.connection.ready.wake();
    }
}
