//! What a connection tells of itself: written by its owner at the end of each turn, read by statistics at any time.
//! Promise: a reader waits for nobody and is waited for by nobody; each number by itself is one that the owner wrote.
//!
//! # State
//! One word for each number; those that were never written are 0. Instants are nanoseconds since the connection was
//! made, plus one.
//!
//! # Invariants
//! None over several words: a reader may see one turn's number beside the next turn's.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `count`, `note` | the owner | everything | wait-free |
//! | the others | any thread | everything | wait-free |
//!
//! # Orderings
//! E3 of `connection.rs`: every word is a statistic by itself.
//!
//! # Reclamation
//! None: words in the connection.
//!
//! # Not promised
//! Numbers of one instant.

use crate::producer::{
    Controls, MarkerVersion, NoopState, PastPauses, PauseReason, Pauses, Priority, StuckWatch,
};
use crate::stream::Sent;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a connection tells of itself.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) created: Instant,
    /// Who opened it, if that is known.
    pub(crate) user: Option<Box<str>>,
    words: [AtomicU64; WORDS],
}

/// What the owner knows at the end of a turn, besides what it sent.
pub(crate) struct Turn<'a> {
    pub(crate) controls: &'a Controls,
    pub(crate) noop: &'a NoopState,
    pub(crate) pauses: &'a Pauses,
    pub(crate) stuck: &'a StuckWatch,
}

/// The settings of a connection, as statistics tell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionSettings {
    /// Whether no-ops are on.
    pub noop: bool,
    /// The time between them.
    pub noop_interval: Duration,
    /// How much of it may wait for the socket.
    pub priority: Priority,
    /// Whether values are compressed before they are sent.
    pub force_value_compression: bool,
    /// What the client said of cursors that are dropped.
    pub cursor_dropping: bool,
    /// Whether the end of a stream that the client closed is told.
    pub stream_end_on_client_close: bool,
    /// Whether expirations are a message of their own.
    pub expiry_opcode: bool,
    /// Whether there may be several streams on one vbucket.
    pub stream_ids: bool,
    /// Whether prepares, commits and aborts are shown.
    pub sync_writes: bool,
    /// Whether the client takes part in sync writes.
    pub sync_replication: bool,
    /// Whether system events are FlatBuffers.
    pub flatbuffers_system_events: bool,
    /// Whether snapshots show every version.
    pub change_streams: bool,
    /// The newest layout of snapshot markers.
    pub marker_version: MarkerVersion,
}

/// The words, by what they hold.
#[derive(Clone, Copy)]
enum Word {
    Documents,
    Bytes,
    UncompressedBytes,
    LastSent,
    LastReceived,
    Flags,
    NoopInterval,
    PausedSince,
    StuckAcked,
    StuckSince,
    StuckTimeout,
    FullCount,
    FullDuration,
    EmptyCount,
    EmptyDuration,
}

const WORDS: usize = Word::EmptyDuration as usize + 1;

/// Bits of the flags.
mod bit {
    pub(super) const NOOP: u64 = 1;
    pub(super) const NOOP_PENDING: u64 = 1 << 1;
    pub(super) const FORCE_VALUE_COMPRESSION: u64 = 1 << 2;
    pub(super) const CURSOR_DROPPING: u64 = 1 << 3;
    pub(super) const STREAM_END_ON_CLIENT_CLOSE: u64 = 1 << 4;
    pub(super) const EXPIRY_OPCODE: u64 = 1 << 5;
    pub(super) const STREAM_IDS: u64 = 1 << 6;
    pub(super) const SYNC_WRITES: u64 = 1 << 7;
    pub(super) const SYNC_REPLICATION: u64 = 1 << 8;
    pub(super) const FLATBUFFERS: u64 = 1 << 9;
    pub(super) const CHANGE_STREAMS: u64 = 1 << 10;
    pub(super) const HIGH: u64 = 1 << 11;
    pub(super) const LOW: u64 = 1 << 12;
    pub(super) const MARKER_V2_0: u64 = 1 << 13;
    pub(super) const MARKER_V2_2: u64 = 1 << 14;
    pub(super) const PAUSED_FULL: u64 = 1 << 15;
    pub(super) const PAUSED_EMPTY: u64 = 1 << 16;
}

impl Report {
    pub(crate) fn new(user: Option<Box<str>>, now: Instant) -> Self {
        Self { created: now, user, words: core::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Adds what a turn sent.
    pub(crate) fn count(&self, sent: &Sent, now: Instant) {
        if sent.bytes == 0 {
            return;
        }
        self.put(Word::Documents, self.word(Word::Documents) + sent.documents);
        self.put(Word::Bytes, self.word(Word::Bytes) + sent.bytes);
        let uncompressed = sent.bytes.saturating_add_signed(sent.inflated_more);
        self.put(Word::UncompressedBytes, self.word(Word::UncompressedBytes) + uncompressed);
        self.put_instant(Word::LastSent, Some(now));
    }

    /// Tells what the owner knows.
    pub(crate) fn note(&self, turn: &Turn<'_>) {
        self.put(Word::Flags, flags(turn));
        self.put(Word::NoopInterval, nanoseconds(turn.controls.noop_interval()));
        self.put_instant(Word::LastReceived, Some(turn.noop.last_received()));
        let paused = turn.pauses.current();
        self.put_instant(Word::PausedSince, paused.map(|(_, since)| since));
        let full = turn.pauses.past(PauseReason::WindowFull);
        self.put(Word::FullCount, full.count);
        self.put(Word::FullDuration, nanoseconds(full.duration));
        let empty = turn.pauses.past(PauseReason::NothingReady);
        self.put(Word::EmptyCount, empty.count);
        self.put(Word::EmptyDuration, nanoseconds(empty.duration));
        if let Some(timeout) = turn.stuck.timeout() {
            self.put(Word::StuckTimeout, nanoseconds(timeout));
            self.put(Word::StuckAcked, turn.stuck.seen().map_or(0, |(acked, _)| acked));
            self.put_instant(Word::StuckSince, turn.stuck.seen().map(|(_, since)| since));
        }
    }

    /// Documents and bytes sent.
    pub(crate) fn sent(&self) -> (u64, u64) {
        (self.word(Word::Documents), self.word(Word::Bytes))
    }

    /// What the bytes sent had been if no value was compressed.
    pub(crate) fn uncompressed_bytes(&self) -> u64 {
        self.word(Word::UncompressedBytes)
    }

    /// When the last message was sent.
    pub(crate) fn last_sent(&self) -> Option<Instant> {
        self.instant(Word::LastSent)
    }

    /// When something last came from the client.
    pub(crate) fn last_received(&self) -> Instant {
        self.instant(Word::LastReceived).unwrap_or(self.created)
    }

    /// Whether a no-op is unanswered.
    pub(crate) fn noop_pending(&self) -> bool {
        self.word(Word::Flags) & bit::NOOP_PENDING != 0
    }

    /// The watch on a stuck client.
    pub(crate) fn stuck(&self) -> StuckWatch {
        let timeout = match self.word(Word::StuckTimeout) {
            0 => None,
            timeout => Some(Duration::from_nanos(timeout)),
        };
        let since = self.instant(Word::StuckSince);
        StuckWatch::restored(timeout, since.map(|since| (self.word(Word::StuckAcked), since)))
    }

    /// Why it sent nothing, and how long.
    pub(crate) fn pauses(&self) -> Pauses {
        let past = |count, duration| PastPauses {
            count: self.word(count),
            duration: Duration::from_nanos(self.word(duration)),
        };
        let flags = self.word(Word::Flags);
        let reason = match flags & (bit::PAUSED_FULL | bit::PAUSED_EMPTY) {
            bit::PAUSED_FULL => Some(PauseReason::WindowFull),
            bit::PAUSED_EMPTY => Some(PauseReason::NothingReady),
            _ => None,
        };
        let past = [
            past(Word::FullCount, Word::FullDuration),
            past(Word::EmptyCount, Word::EmptyDuration),
        ];
        Pauses::restored(reason.zip(self.instant(Word::PausedSince)), past)
    }

    /// The settings.
    pub(crate) fn settings(&self) -> ConnectionSettings {
        let flags = self.word(Word::Flags);
        let has = |bit| flags & bit != 0;
        ConnectionSettings {
            noop: has(bit::NOOP),
            noop_interval: Duration::from_nanos(self.word(Word::NoopInterval)),
            priority: match flags & (bit::HIGH | bit::LOW) {
                bit::HIGH => Priority::High,
                bit::LOW => Priority::Low,
                _ => Priority::Medium,
            },
            force_value_compression: has(bit::FORCE_VALUE_COMPRESSION),
            cursor_dropping: has(bit::CURSOR_DROPPING),
            stream_end_on_client_close: has(bit::STREAM_END_ON_CLIENT_CLOSE),
            expiry_opcode: has(bit::EXPIRY_OPCODE),
            stream_ids: has(bit::STREAM_IDS),
            sync_writes: has(bit::SYNC_WRITES),
            sync_replication: has(bit::SYNC_REPLICATION),
            flatbuffers_system_events: has(bit::FLATBUFFERS),
            change_streams: has(bit::CHANGE_STREAMS),
            marker_version: match flags & (bit::MARKER_V2_0 | bit::MARKER_V2_2) {
                bit::MARKER_V2_0 => MarkerVersion::V2_0,
                bit::MARKER_V2_2 => MarkerVersion::V2_2,
                _ => MarkerVersion::V1,
            },
        }
    }

    fn word(&self, word: Word) -> u64 {
        // E3 Relaxed: a statistic.
        self.words[word as usize].load(Ordering::Relaxed)
    }

    fn put(&self, word: Word, value: u64) {
        // E3 Relaxed: a statistic; only the owner writes.
        self.words[word as usize].store(value, Ordering::Relaxed);
    }

    fn instant(&self, word: Word) -> Option<Instant> {
        let since = self.word(word).checked_sub(1)?;
        self.created.checked_add(Duration::from_nanos(since))
    }

    fn put_instant(&self, word: Word, at: Option<Instant>) {
        let since = |at: Instant| nanoseconds(at.saturating_duration_since(self.created)) + 1;
        self.put(word, at.map_or(0, since));
    }
}

/// Lossless below 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX - 1)
}

fn flags(turn: &Turn<'_>) -> u64 {
    let controls = turn.controls;
    let paused = turn.pauses.current().map(|(reason, _)| reason);
    let set = [
        (bit::NOOP, turn.noop.is_enabled()),
        (bit::NOOP_PENDING, turn.noop.is_pending()),
        (bit::FORCE_VALUE_COMPRESSION, controls.force_value_compression()),
        (bit::CURSOR_DROPPING, controls.cursor_dropping()),
        (bit::STREAM_END_ON_CLIENT_CLOSE, controls.stream_end_on_client_close()),
        (bit::EXPIRY_OPCODE, controls.expiry_opcode()),
        (bit::STREAM_IDS, controls.stream_ids()),
        (bit::SYNC_WRITES, controls.sync_writes()),
        (bit::SYNC_REPLICATION, controls.sync_replication()),
        (bit::FLATBUFFERS, controls.flatbuffers_system_events()),
        (bit::CHANGE_STREAMS, controls.change_streams()),
        (bit::HIGH, controls.priority() == Priority::High),
        (bit::LOW, controls.priority() == Priority::Low),
        (bit::MARKER_V2_0, controls.marker_version() == MarkerVersion::V2_0),
        (bit::MARKER_V2_2, controls.marker_version() == MarkerVersion::V2_2),
        (bit::PAUSED_FULL, paused == Some(PauseReason::WindowFull)),
        (bit::PAUSED_EMPTY, paused == Some(PauseReason::NothingReady)),
    ];
    set.into_iter().map(|(bit, on)| if on { bit } else { 0 }).sum()
}
