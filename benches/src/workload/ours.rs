//! Millstream.

use super::documents::Documents;
use super::engine::{Closer, Connection, Streaming, Writer};
use super::received::Received;
use super::{ACK_SHARE, WINDOW_BYTES};
use millstream::engine::{Engine, EngineBuilder, EngineSettings, Session};
use millstream::partition::{Change, Decision, UpdateError};
use millstream::producer::{ConnectionHandle, Control, OpenOptions, Producer, Step};
use millstream::store::{MemoryStore, Store};
use millstream::stream::StreamRequest;
use millstream::types::{Opaque, VbId};
use std::time::{Duration, Instant};

/// Millstream over a store in memory, with its threads: flusher, backfill workers, housekeeper.
#[derive(Debug)]
pub struct Millstream(pub Engine);

impl Millstream {
    /// Over a store, with memory for everything.
    ///
    /// # Panics
    /// When it cannot be opened.
    #[must_use]
    pub fn over(store: impl Store, window_items: u64) -> Self {
        Self::with_memory(store, window_items, MEMORY_BYTES)
    }

    /// Over a store, with so much memory for documents.
    ///
    /// # Panics
    /// When it cannot be opened.
    #[must_use]
    pub fn with_memory(store: impl Store, window_items: u64, memory_bytes: u64) -> Self {
        let mut settings = EngineSettings::default();
        settings.memory_bytes = memory_bytes;
        settings.window_items = window_items;
        Self(EngineBuilder::new(store).settings(settings).open().expect("an engine opens"))
    }
}

impl Drop for Millstream {
    /// Returns when its threads have ended and its store is closed: what is measured next has nothing of it.
    fn drop(&mut self) {
        self.0.shutdown();
        let ended = self.0.quiesce_blocking(Duration::from_secs(60));
        assert!(ended.is_ok() || std::thread::panicking(), "nobody is left inside: {ended:?}");
    }
}

impl Streaming for Millstream {
    const NAME: &'static str = "millstream";
    type Writer<'a> = OurWriter<'a>;
    type Connection = OurConnection;

    fn new(vbuckets: u32) -> Self {
        Self::over(MemoryStore::new(vbuckets), 0)
    }

    fn writer(&self) -> OurWriter<'_> {
        OurWriter { engine: &self.0, session: self.0.session("bench writer") }
    }

    fn connect(&self, name: &str) -> OurConnection {
        let mut producer = self.0.connect(name, OpenOptions::default()).expect("it connects");
        producer.control(Control::ConnectionBufferSize(WINDOW_BYTES)).expect("a window");
        OurConnection { producer }
    }

    fn rest(&self) {
        let highs = self.0.high_seqnos();
        let written = highs.into_iter().filter(|it| it.2.0 > 0).map(|it| (it.0, it.2)).collect();
        let persisted = block_on(self.0.persisted_all(written));
        assert!(persisted, "the store takes it");
    }
}

/// A session.
#[derive(Debug)]
pub struct OurWriter<'a> {
    engine: &'a Engine,
    session: Session<'a>,
}

impl Writer for OurWriter<'_> {
    fn set(&mut self, vb: VbId, key: &[u8], value: &[u8]) {
        loop {
            let written = self.session.update(vb, key, None, |_| -> Decision<'_, ()> {
                Decision::Write(Change::set(value))
            });
            match written {
                Ok(_) => return,
                // The flusher is behind: what that takes is not the writer's processor time.
                Err(UpdateError::Busy) => block_on(self.engine.flushed()),
                Err(error) => panic!("a write is refused: {error:?}"),
            }
        }
    }

    fn set_batch(&mut self, vb: VbId, documents: &mut Documents, mut numbers: &[u64]) {
        while !numbers.is_empty() {
            let mut batch = self.session.batch();
            let written = numbers.iter().take_while(|&&n| {
                let (key, value) = documents.nth(n);
                let written = batch.update(vb, key, None, |_| -> Decision<'_, ()> {
                    Decision::Write(Change::set(value))
                });
                match written {
                    Ok(_) => true,
                    Err(UpdateError::Busy) => false,
                    Err(error) => panic!("a write is refused: {error:?}"),
                }
            });
            let written = written.count();
            drop(batch);
            numbers = &numbers[written..];
            if !numbers.is_empty() {
                block_on(self.engine.flushed());
            }
        }
    }
}

/// A producer, and a client that acknowledges.
pub struct OurConnection {
    /// The producer.
    pub producer: Producer,
}

impl OurConnection {
    fn acknowledge(&mut self, received: &mut Received) {
        if received.unacknowledged >= u64::from(WINDOW_BYTES) / ACK_SHARE {
            self.producer.ack(received.unacknowledged);
            received.unacknowledged = 0;
        }
    }
}

impl Connection for OurConnection {
    type Closer = OurCloser;

    fn open(&mut self, vb: VbId) {
        let opaque = Opaque(u32::from(vb.0));
        let answer = self.producer.stream_request(vb, opaque, &StreamRequest::from_zero());
        answer.expect("the stream is accepted");
    }

    fn run(&mut self, received: &mut Received) -> u64 {
        let before = received.documents;
        loop {
            received.begin_turn();
            let step = self.producer.step(Instant::now(), received);
            self.acknowledge(received);
            if step != Step::Full {
                return received.documents - before;
            }
        }
    }

    fn step(&mut self, received: &mut Received) -> u64 {
        let before = received.documents;
        received.begin_turn();
        let _: Step = self.producer.step(Instant::now(), received);
        self.acknowledge(received);
        received.documents - before
    }

    fn closer(&self) -> OurCloser {
        OurCloser(self.producer.handle())
    }
}

/// A connection's handle.
#[derive(Clone, Debug)]
pub struct OurCloser(ConnectionHandle);

impl Closer for OurCloser {
    fn close_all(&self) -> usize {
        self.0.close_all()
    }
}

/// Runs a future of the engine to its end.
///
/// # Panics
/// When there is no thread to run it on.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime starts").block_on(future)
}

/// More than a bench writes.
const MEMORY_BYTES: u64 = 6 * 1024 * 1024 * 1024;
