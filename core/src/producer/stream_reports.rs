//! What streams tell of themselves: written by their connection's owner, read by statistics at any time. Promise: a
//! stream has its report from the moment it is open until its owner has buried it, and nobody waits for anybody.
//!
//! # State
//! A map from connection and slot to the report of the stream that was opened there last; in a report, what was
//! settled when the stream was opened, and one word for each number that rises.
//!
//! # Invariants
//! - I1. Whoever opens a stream adds its report, whoever buries it removes it: both are the owner (test
//!   `stats::streams_tell_of_themselves`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `open`, `close`, `note` | the connection's owner | everything | lock-free: papaya |
//! | `get` | any thread | everything | lock-free: papaya |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | B5 | every word of a report | Relaxed | none | nothing: statistics, each by itself | none |
//!
//! # Reclamation
//! The map's own; a report is plain data.
//!
//! # Not promised
//! Numbers of one instant.

use crate::stream::{StreamFilter, StreamName, StreamSent};
use crate::types::{CollectionId, ScopeId, Seqno, VbUuid};
use foldhash::fast::RandomState;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering};

/// The reports of all streams of an engine.
pub(crate) struct StreamReports(papaya::HashMap<(u64, usize), Arc<StreamReport>, RandomState>);

/// One stream's report.
#[derive(Debug)]
pub(crate) struct StreamReport {
    pub(crate) name: StreamName,
    pub(crate) asked: Asked,
    filter: StreamFilter,
    words: [AtomicU64; WORDS],
}

/// What a stream was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// Its flags, as bits.
    pub flags: u32,
    /// The seqno that it began behind.
    pub start: Seqno,
    /// Its last seqno.
    pub end: Seqno,
    /// The branch that the client went on from.
    pub uuid: VbUuid,
    /// Where the snapshot began that the client was in.
    pub snap_start: Seqno,
    /// Where that snapshot ends.
    pub snap_end: Seqno,
}

/// What a stream shows, as it was when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterReport {
    /// `legacy`, `passthrough`, `collection` or `scope`.
    pub kind: &'static str,
    /// Whether documents of the default collection are shown.
    pub default_allowed: bool,
    /// The scope, if the filter is one.
    pub scope: Option<ScopeId>,
    /// The collections; none for filters that list none.
    pub collections: Vec<CollectionId>,
}

/// What rises while a stream runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamCounts {
    /// Documents and events that a backfill read for it.
    pub backfill_items: u64,
    /// Those of them that were sent.
    pub backfill_sent: u64,
    /// Documents and events that were sent from memory.
    pub memory_sent: u64,
    /// The last seqno that was read.
    pub last_read: Seqno,
    /// The last seqno that was told as one that has nothing for the client.
    pub last_advanced: Seqno,
}

#[derive(Clone, Copy)]
enum Word {
    BackfillItems,
    BackfillSent,
    MemorySent,
    LastRead,
    LastAdvanced,
}

const WORDS: usize = Word::LastAdvanced as usize + 1;

impl StreamReports {
    pub(crate) fn new() -> Self {
        Self(papaya::HashMap::with_hasher(RandomState::default()))
    }

    /// The report of a stream that opens.
    pub(crate) fn open(
        &self,
        connection: u64,
        member: usize,
        report: StreamReport,
    ) -> Arc<StreamReport> {
        let report = Arc::new(report);
        self.0.pin().insert((connection, member), Arc::clone(&report));
        report
    }

    /// The stream is gone.
    pub(crate) fn close(&self, connection: u64, member: usize) {
        self.0.pin().remove(&(connection, member));
    }

    pub(crate) fn get(&self, connection: u64, member: usize) -> Option<Arc<StreamReport>> {
        self.0.pin().get(&(connection, member)).map(Arc::clone)
    }
}

impl StreamReport {
    pub(crate) fn new(name: StreamName, asked: Asked, filter: &StreamFilter) -> Self {
        let words = core::array::from_fn(|_| AtomicU64::new(0));
        let report = Self { name, asked, filter: filter.clone(), words };
        report.put(Word::LastRead, asked.start.0);
        report
    }

    /// What a turn came to.
    pub(crate) fn note(&self, sent: &StreamSent, read_to: Seqno) {
        let add = |word, n: u64| {
            if n > 0 {
                self.put(word, self.word(word) + n);
            }
        };
        add(Word::BackfillItems, sent.backfill_items);
        add(Word::BackfillSent, sent.backfill_sent);
        add(Word::MemorySent, sent.memory_sent);
        self.put(Word::LastRead, read_to.0);
        if let Some(seqno) = sent.advanced {
            self.put(Word::LastAdvanced, seqno.0);
        }
    }

    pub(crate) fn filter(&self) -> FilterReport {
        FilterReport::of(&self.filter)
    }

    pub(crate) fn counts(&self) -> StreamCounts {
        StreamCounts {
            backfill_items: self.word(Word::BackfillItems),
            backfill_sent: self.word(Word::BackfillSent),
            memory_sent: self.word(Word::MemorySent),
            last_read: Seqno(self.word(Word::LastRead)),
            last_advanced: Seqno(self.word(Word::LastAdvanced)),
        }
    }

    fn word(&self, word: Word) -> u64 {
        // B5 Relaxed: a statistic.
        self.words[word as usize].load(Ordering::Relaxed)
    }

    fn put(&self, word: Word, value: u64) {
        // B5 Relaxed: a statistic; only the owner writes.
        self.words[word as usize].store(value, Ordering::Relaxed);
    }
}

impl FilterReport {
    fn of(filter: &StreamFilter) -> Self {
        let (kind, scope, collections) = match filter {
            StreamFilter::Legacy => ("legacy", None, vec![CollectionId::ZERO]),
            StreamFilter::Passthrough => ("passthrough", None, Vec::new()),
            StreamFilter::Collections(ids) => ("collection", None, ids.clone()),
            StreamFilter::Scope { scope, collections } => {
                ("scope", Some(*scope), collections.clone())
            }
        };
        let default_allowed = kind == "passthrough" || collections.contains(&CollectionId::ZERO);
        Self { kind, default_allowed, scope, collections }
    }
}

impl core::fmt::Debug for StreamReports {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StreamReports").field("streams", &self.0.len()).finish()
    }
}
