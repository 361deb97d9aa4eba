//! What the tests play in: an engine, clients that keep what they are sent, and what has to be true when all is over.

use super::gate::{DEADLINE, Held, Hold, until};
use super::store::SeamStore;
use crate::conn::Connection;
use crate::engine::{Engine, EngineBuilder, EngineSettings};
use crate::flow::Budget;
use crate::partition::{Change, Decision, UpdateError};
use crate::producer::{ConnectionHandle, Control, OpenOptions, Producer, RequestOutcome, Step};
use crate::stream::{Event, Sink, StreamFlags, StreamRequest, StreamState};
use crate::types::{EndReason, Opaque, Seqno, VbId};
use core::task::{Context, Poll};
use millstream_reclaim::sync::Arc;
use std::sync::Weak;
use std::time::{Duration, Instant};

/// Longer than any test may take: who sleeps so long sleeps for ever.
pub(super) const FOR_EVER: Duration = Duration::from_secs(3600);

pub(super) fn engine(store: &std::sync::Arc<SeamStore>) -> Engine {
    engine_with(store, |_| {})
}

pub(super) fn engine_with(
    store: &std::sync::Arc<SeamStore>,
    adjust: impl FnOnce(&mut EngineSettings),
) -> Engine {
    let mut settings = EngineSettings::default();
    adjust(&mut settings);
    let builder = EngineBuilder::new(std::sync::Arc::clone(store)).settings(settings);
    builder.open().expect("a memory store opens")
}

/// Writes a document, and comes again while memory is full.
pub(super) fn put(engine: &Engine, vb: u16, key: &str, value: &[u8]) -> Seqno {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let mut session = engine.session("test");
        let written = session.update(VbId(vb), key.as_bytes(), None, |_| -> Decision<'_, ()> {
            Decision::Write(Change::set(value))
        });
        match written {
            Ok(written) => return written.seqno,
            Err(UpdateError::Busy) => std::thread::yield_now(),
            Err(other) => panic!("a plain set: {other:?}"),
        }
        assert!(Instant::now() < deadline, "no room for a write");
    }
}

/// One message of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    Marker(u64, u64),
    Doc(u64),
    End(EndReason),
    Noop,
}

/// What a client was sent, by vbucket.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) got: Vec<(u16, Got)>,
    /// How many messages it takes.
    pub(super) room: Option<usize>,
    holds: Vec<(usize, Held)>,
}

impl Inbox {
    /// Holds the owner in the middle of sending message number `n`, counted from 0.
    pub(super) fn hold_at(&mut self, n: usize) -> Hold {
        let hold = Hold::in_seam(format!("message {n}"));
        self.holds.push((n, hold.held()));
        hold
    }

    fn last(&self) -> String {
        format!("{} messages, the last {:?}", self.got.len(), self.got.last())
    }

    pub(super) fn of(&self, vb: u16) -> Vec<Got> {
        self.got.iter().filter(|(of, _)| *of == vb).map(|(_, got)| *got).collect()
    }

    pub(super) fn docs(&self, vb: u16) -> Vec<u64> {
        let doc = |got| if let Got::Doc(seqno) = got { Some(seqno) } else { None };
        self.of(vb).into_iter().filter_map(doc).collect()
    }

    pub(super) fn ends(&self, vb: u16) -> Vec<EndReason> {
        let end = |got| if let Got::End(reason) = got { Some(reason) } else { None };
        self.of(vb).into_iter().filter_map(end).collect()
    }
}

impl Sink for Inbox {
    fn has_room(&self) -> bool {
        self.room.is_none_or(|room| self.got.len() < room)
    }

    fn send(&mut self, event: &Event<'_>) {
        let n = self.got.len();
        if let Some(at) = self.holds.iter().position(|(at, _)| *at == n) {
            self.holds.remove(at).1.park();
        }
        self.got.push(match event {
            Event::SnapshotMarker { stream, start, end, .. } => {
                (stream.vb.0, Got::Marker(start.0, end.0))
            }
            Event::Document { stream, meta, .. } => (stream.vb.0, Got::Doc(meta.seqno.0)),
            Event::StreamEnd { stream, reason } => (stream.vb.0, Got::End(*reason)),
            Event::Noop { .. } => (u16::MAX, Got::Noop),
            Event::System { .. } | Event::SeqnoAdvanced { .. } => {
                unreachable!("no connection here agreed on collections")
            }
        });
    }
}

/// A connection's owner and what it was sent.
pub(super) struct Client {
    pub(super) producer: Producer,
    pub(super) inbox: Inbox,
}

impl Client {
    pub(super) fn connect(engine: &Engine, name: &str) -> Self {
        let producer = engine.connect(name, OpenOptions::default()).expect("a connection");
        Self { producer, inbox: Inbox::default() }
    }

    pub(super) fn control(&mut self, key: &str, value: &str) {
        let control = Control::parse(key.as_bytes(), value.as_bytes()).expect("known");
        self.producer.control(control).expect("built");
    }

    /// Opens a stream of everything.
    pub(super) fn open(&mut self, vb: u16) {
        self.request(vb).expect("accepted");
    }

    pub(super) fn request(&mut self, vb: u16) -> RequestOutcome {
        self.producer.stream_request(VbId(vb), Opaque(1), &StreamRequest::from_zero())
    }

    /// Opens a stream of what the store has, which ends there.
    pub(super) fn open_disk_only(&mut self, vb: u16) {
        let flags = StreamFlags::DISK_ONLY;
        let request = StreamRequest { flags, ..StreamRequest::from_zero() };
        self.producer.stream_request(VbId(vb), Opaque(1), &request).expect("accepted");
    }

    pub(super) fn step(&mut self) -> Step {
        self.producer.step(Instant::now(), &mut self.inbox)
    }

    /// Steps until `done`, asleep in between; who is not woken fails the test.
    pub(super) fn run_until(&mut self, what: &str, done: impl Fn(&Inbox) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let step = self.step();
            if done(&self.inbox) {
                return;
            }
            assert!(!matches!(step, Step::Gone(_)), "gone before {what}: {}", self.inbox.last());
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                self.producer.wait(left),
                "asleep for ever before {what}: {}",
                self.inbox.last()
            );
        }
    }

    pub(super) fn handle(&self) -> ConnectionHandle {
        self.producer.handle()
    }

    pub(super) fn watch(&self) -> Watch {
        let connection = self.producer.connection();
        let mut reader = self.producer.engine_parts().domain.reader("watch");
        let mut budgets = Vec::new();
        connection.backfills.each(&reader.pin(), |m| budgets.push(Arc::clone(m.budget())));
        assert!(!budgets.is_empty(), "the connection is open");
        Watch { budgets, connection: Arc::downgrade(connection) }
    }
}

/// Sees when the last of a connection is gone.
pub(super) struct Watch {
    /// Each owned by a manager, and by everybody who holds bytes that a backfill read.
    budgets: Vec<Arc<Budget>>,
    connection: Weak<Connection>,
}

impl Watch {
    /// Whether its managers are destroyed and nobody holds anything of its backfills.
    pub(super) fn is_destroyed(&self) -> bool {
        self.budgets.iter().all(|budget| Arc::strong_count(budget) == 1)
    }

    /// Whether the connection itself is freed.
    pub(super) fn is_freed(&self) -> bool {
        self.connection.strong_count() == 0
    }

    /// Bytes that backfills read and that were neither sent nor dropped.
    pub(super) fn bytes(&self) -> u64 {
        self.budgets.iter().map(|budget| budget.used()).sum()
    }
}

/// Shuts the engine down and waits until all is gone: every permit is back, every manager destroyed, nothing that was
/// retired had another owner. An owner that left when the reaper had ended already has left something to the engine's
/// last handle, so that connections are looked for when that is gone.
pub(super) fn settle(engine: Engine, watched: &[Watch]) {
    engine.shutdown();
    let report = engine.quiesce_blocking(DEADLINE).expect("nobody is stalled");
    assert!(report.clean, "{report:?}");
    assert_eq!(report.held, 0, "each retired value had one owner");
    for (n, watch) in watched.iter().enumerate() {
        assert_eq!(watch.bytes(), 0, "watch {n}: every byte that was lent is back");
        assert!(watch.is_destroyed(), "watch {n}: the manager is destroyed");
    }
    let stats = engine.stats();
    assert_eq!((stats.backfills, stats.connections), (0, 0));
    assert!(engine.stalled(Duration::ZERO).is_empty(), "nobody is inside");
    drop(engine);
    until("every connection is freed", || watched.iter().all(Watch::is_freed));
}

/// Waits for a future as an embedder without a runtime would.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let (waker, deadline) = (crate::ready::thread_waker(), Instant::now() + DEADLINE);
    let (mut cx, mut future) = (Context::from_waker(&waker), core::pin::pin!(future));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        assert!(Instant::now() < deadline, "it is never done");
        std::thread::park_timeout(DEADLINE);
    }
}

/// The state of each stream that a connection has, by name of the connection.
pub(super) fn states(engine: &Engine, name: &str) -> Vec<StreamState> {
    let all = engine.connections();
    let found = all.iter().find(|connection| connection.name == name);
    found.map_or(Vec::new(), |found| found.streams.iter().map(|stream| stream.state).collect())
}

/// Whether a connection's manager can still be found.
pub(super) fn has_manager(engine: &Engine, name: &str) -> bool {
    engine.connections().iter().any(|c| c.name == name && c.backfills.is_some())
}
