//! Many streams: connections with a stream on every vbucket.

use super::documents::Documents;
use super::engine::{Connection, Streaming, Writer};
use super::received::Received;
use millstream::types::VbId;
use std::sync::Arc;

/// Streams of one connection at most: its vbuckets.
const CONNECTION_STREAMS_MAX: usize = 65_536;

/// So many streams, over as few connections as it takes, which all have the same number of vbuckets.
pub struct Fleet<E: Streaming> {
    connections: Vec<E::Connection>,
    /// Streams of each connection but the last, which may have fewer.
    vbuckets: usize,
    streams: usize,
    received: Received,
    documents: Documents,
    written: u64,
    /// The engine.
    pub engine: Arc<E>,
}

impl<E: Streaming> Fleet<E> {
    /// An engine and connections that have no streams yet.
    #[must_use]
    pub fn new(streams: usize, value_bytes: usize) -> Self {
        let connections = streams.div_ceil(CONNECTION_STREAMS_MAX);
        Self::over(streams, streams.div_ceil(connections), value_bytes)
    }

    /// The same with a given number of vbuckets, and thus of streams of a connection.
    #[must_use]
    pub fn over(streams: usize, vbuckets: usize, value_bytes: usize) -> Self {
        let mut fleet = Self {
            connections: Vec::new(),
            vbuckets,
            streams,
            received: Received::default(),
            documents: Documents::of(value_bytes),
            written: 0,
            engine: Arc::new(E::new(u32::try_from(vbuckets).expect("at most 65,536"))),
        };
        fleet.connect();
        fleet
    }

    fn connect(&mut self) {
        let connect = |n: usize| self.engine.connect(&format!("fleet {n}"));
        self.connections = (0..self.streams.div_ceil(self.vbuckets)).map(connect).collect();
    }

    /// How many streams.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams
    }

    /// How many vbuckets.
    #[must_use]
    pub fn vbuckets(&self) -> u64 {
        self.vbuckets as u64
    }

    /// Its connections.
    #[must_use]
    pub fn connections(&self) -> &[E::Connection] {
        &self.connections
    }

    /// Opens every stream.
    pub fn open(&mut self) {
        let mut left = self.streams;
        for connection in &mut self.connections {
            for vb in 0..left.min(self.vbuckets) {
                connection.open(VbId(vb as u16));
            }
            left -= left.min(self.vbuckets);
        }
    }

    /// New connections in the place of the old, with all their streams.
    pub fn reopen(&mut self) {
        self.connections.clear();
        self.connect();
        self.open();
    }

    /// Writes so many documents to each vbucket, and waits until they are stored.
    pub fn write(&mut self, each: u64) {
        self.write_now(each);
        self.engine.rest();
    }

    /// Writes so many documents to each vbucket.
    pub fn write_now(&mut self, each: u64) {
        let mut writer = self.engine.writer();
        // No key twice in a run, of which a snapshot would show the newer alone.
        let keys = each.max(64);
        for _ in 0..each {
            self.written += 1;
            let (key, value) = self.documents.nth(self.written % keys);
            for vb in 0..self.vbuckets {
                writer.set(VbId(vb as u16), key, value);
            }
        }
    }

    /// Writes one document to one vbucket.
    pub fn write_one(&mut self, vb: VbId) {
        self.written += 1;
        let (key, value) = self.documents.nth(self.written % 64);
        self.engine.writer().set(vb, key, value);
    }

    /// Delivers everything; how many documents.
    pub fn run(&mut self) -> u64 {
        let connections = self.connections.iter_mut();
        connections.map(|connection| connection.run(&mut self.received)).sum()
    }

    /// One step of the first connection.
    pub fn step_first(&mut self) -> u64 {
        self.connections[0].step(&mut self.received)
    }
}
