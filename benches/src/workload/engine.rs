//! An engine as a bench sees it.

use super::documents::Documents;
use super::received::Received;
use millstream::types::VbId;

/// An engine that streams what is written to it.
pub trait Streaming: Sync + Sized {
    /// As its rows are named.
    const NAME: &'static str;
    /// Its writers.
    type Writer<'a>: Writer
    where
        Self: 'a;
    /// Its connections.
    type Connection: Connection;

    /// One of that many vbuckets, which keeps everything that a bench writes in memory.
    fn new(vbuckets: u32) -> Self;

    /// For writes by the calling thread.
    fn writer(&self) -> Self::Writer<'_>;

    /// A connection with a window of [`WINDOW_BYTES`](super::WINDOW_BYTES).
    fn connect(&self, name: &str) -> Self::Connection;

    /// Returns when nothing is under way: what was written is stored.
    fn rest(&self);
}

/// Writes of one thread.
pub trait Writer {
    /// Stores a document.
    fn set(&mut self, vb: VbId, key: &[u8], value: &[u8]);

    /// Stores documents of these numbers, as a batch if the engine knows any.
    fn set_batch(&mut self, vb: VbId, documents: &mut Documents, numbers: &[u64]) {
        for &n in numbers {
            let (key, value) = documents.nth(n);
            self.set(vb, key, value);
        }
    }
}

/// A connection, and the client behind it.
pub trait Connection: Send {
    /// Closes it from any thread.
    type Closer: Closer;

    /// Opens a stream of a vbucket from its beginning, without an end.
    fn open(&mut self, vb: VbId);

    /// Sends what there is, of all its streams, to a client that acknowledges what it consumed; how many documents.
    fn run(&mut self, received: &mut Received) -> u64;

    /// One step: until nothing is left, or the window or the sink is full.
    fn step(&mut self, received: &mut Received) -> u64;

    /// A handle for other threads.
    fn closer(&self) -> Self::Closer;
}

/// Closes a connection.
pub trait Closer: Send + Sync + 'static {
    /// Ends all streams; how many this call ended.
    fn close_all(&self) -> usize;
}
