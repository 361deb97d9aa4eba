//! The baseline as the workloads have it.

use super::bucket::Bucket;
use super::item::Item;
use super::producer::Producer;
use super::stream::Message;
use super::vbucket::Memory;
use crate::workload::{ACK_SHARE, Closer, Connection, Received, Streaming, WINDOW_BYTES, Writer};
use millstream::types::{Seqno, VbId};
use std::sync::Arc;

/// The lock baseline.
#[derive(Debug)]
pub struct Locked(Arc<Bucket>);

impl Locked {
    /// One that keeps so many items of each vbucket in memory, and stores nothing: for writes alone.
    #[must_use]
    pub fn with_items(vbuckets: u32, keep: usize) -> Self {
        Self(Arc::new(Bucket::new(vbuckets, Memory::Items(keep))))
    }
}

impl Streaming for Locked {
    const NAME: &'static str = "lock baseline";
    type Writer<'a> = LockedWriter<'a>;
    type Connection = LockedConnection;

    fn new(vbuckets: u32) -> Self {
        Self(Arc::new(Bucket::new(vbuckets, Memory::Ample)))
    }

    fn writer(&self) -> LockedWriter<'_> {
        LockedWriter(&self.0)
    }

    fn connect(&self, name: &str) -> LockedConnection {
        LockedConnection {
            bucket: Arc::clone(&self.0),
            producer: self.0.connect(name, WINDOW_BYTES.into()),
            name: name.into(),
            items: Vec::new(),
        }
    }

    fn rest(&self) {}
}

/// Writes of one thread.
#[derive(Debug)]
pub struct LockedWriter<'a>(&'a Bucket);

impl Writer for LockedWriter<'_> {
    fn set(&mut self, vb: VbId, key: &[u8], value: &[u8]) {
        self.0.vbuckets[usize::from(vb.0)].set(key, value);
    }
}

/// A connection and its client.
#[derive(Debug)]
pub struct LockedConnection {
    bucket: Arc<Bucket>,
    producer: Arc<Producer>,
    name: String,
    items: Vec<Arc<Item>>,
}

impl LockedConnection {
    /// Sleeps until there may be something to send.
    pub fn wait(&self) {
        self.producer.wait();
    }

    /// Closes one stream; whether it lived.
    pub fn close_stream(&mut self, vb: VbId) -> bool {
        self.producer.close_stream(vb.0)
    }

    /// What its stats show: dead streams, the highest seqno sent, the end of the furthest snapshot.
    #[must_use]
    pub fn progress(&self) -> (usize, u64, u64) {
        self.producer.progress()
    }
}

impl Connection for LockedConnection {
    type Closer = LockedCloser;

    fn open(&mut self, vb: VbId) {
        let vbucket = &self.bucket.vbuckets[usize::from(vb.0)];
        assert!(self.producer.open(vbucket, 0), "the stream is accepted");
    }

    fn run(&mut self, received: &mut Received) -> u64 {
        let before = received.documents;
        loop {
            let documents = received.documents;
            self.step(received);
            let nothing = received.documents == documents && received.takes();
            if nothing && !self.producer.is_full() {
                return received.documents - before;
            }
        }
    }

    fn step(&mut self, received: &mut Received) -> u64 {
        let before = received.documents;
        received.begin_turn();
        while received.takes() {
            let Some(message) = self.producer.next(&mut self.items) else { break };
            let counted = message.counted_bytes();
            match message {
                Message::Marker { .. } => received.marker(counted),
                Message::Mutation { item, .. } => {
                    received.document(Seqno(item.seqno), &item.value, counted);
                }
            }
        }
        if received.unacknowledged >= u64::from(WINDOW_BYTES) / ACK_SHARE {
            self.producer.ack(received.unacknowledged);
            received.unacknowledged = 0;
        }
        received.documents - before
    }

    fn closer(&self) -> LockedCloser {
        LockedCloser(Arc::clone(&self.producer))
    }
}

impl Drop for LockedConnection {
    fn drop(&mut self) {
        self.bucket.disconnect(&self.name, &self.producer);
    }
}

/// A connection's handle.
#[derive(Clone, Debug)]
pub struct LockedCloser(Arc<Producer>);

impl Closer for LockedCloser {
    fn close_all(&self) -> usize {
        self.0.close_all()
    }
}
