//! The client's side: a sink that looks at every value and checks the order of what it gets.

use super::TURN_BYTES;
use millstream::stream::{Event, Layout, Sink};
use millstream::types::Seqno;

/// What a client received.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Documents.
    pub documents: u64,
    /// Snapshot markers.
    pub markers: u64,
    /// Ends of streams.
    pub ends: u64,
    /// Bytes that count against the window and were not acknowledged.
    pub unacknowledged: u64,
    /// A number that all values went into.
    pub digest: u64,
    /// Bytes since the turn began.
    turn: u64,
    /// Values are copied out into a `Bytes` of the client's own.
    pub owned: bool,
    /// The last value, if it is owned.
    last: bytes::Bytes,
}

impl Received {
    /// A client that keeps each value as `Bytes` of its own.
    #[must_use]
    pub fn owning() -> Self {
        Self { owned: true, ..Self::default() }
    }

    /// A new turn: the sink has room again.
    pub fn begin_turn(&mut self) {
        self.turn = 0;
    }

    /// Whether the turn has room for another message.
    #[inline]
    #[must_use]
    pub fn takes(&self) -> bool {
        self.turn < TURN_BYTES
    }

    /// A document came.
    #[inline]
    pub fn document(&mut self, seqno: Seqno, value: &[u8], counted: u64) {
        self.documents += 1;
        self.count(counted);
        self.digest = self.digest.wrapping_add(seqno.0);
        if self.owned {
            self.last = bytes::Bytes::copy_from_slice(value);
        } else {
            self.digest = self.digest.wrapping_add(touch(value));
        }
    }

    /// A marker came.
    #[inline]
    pub fn marker(&mut self, counted: u64) {
        self.markers += 1;
        self.count(counted);
    }

    /// A stream ended.
    #[inline]
    pub fn end(&mut self, counted: u64) {
        self.ends += 1;
        self.count(counted);
    }

    #[inline]
    fn count(&mut self, bytes: u64) {
        self.unacknowledged += bytes;
        self.turn += bytes;
    }
}

impl Sink for Received {
    #[inline]
    fn has_room(&self) -> bool {
        self.takes()
    }

    // As a client's own code in the same process would be, and as the peers' consumers are.
    #[inline(always)]
    fn send(&mut self, event: &Event<'_>) {
        let counted = event.counted_bytes(Layout::default());
        match event {
            Event::Document { meta, value, .. } => self.document(meta.seqno, value, counted),
            Event::SnapshotMarker { .. } => self.marker(counted),
            Event::StreamEnd { .. } => self.end(counted),
            _ => self.count(counted),
        }
    }
}

/// Looks at a value: one word of each of its cache lines.
#[inline]
#[must_use]
pub fn touch(value: &[u8]) -> u64 {
    let (lines, rest) = value.as_chunks::<64>();
    let word = |line: &[u8]| line.first_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
    lines.iter().fold(word(rest), |sum, line| sum.wrapping_add(word(line)))
}
