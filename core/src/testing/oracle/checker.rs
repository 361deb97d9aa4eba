//! The judge of a connection.

use super::contents::Expected;
use super::event::{Event, Shows, StreamKey};
use super::stream::{Rules, Stream};
use super::violation::{Fault, Violation, Violations};
use crate::types::DocKind;
use std::collections::BTreeMap;

/// Judges everything that one connection streams; see the [module](super) for the rules.
#[derive(Debug)]
pub struct StreamOracle {
    rules: Rules,
    streams: BTreeMap<StreamKey, Stream>,
    report: Report,
    violations: Violations,
}

/// How much was judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Everything together.
    pub events: u64,
    /// Streams that were accepted; the same one again counts again.
    pub accepted: u64,
    /// Streams that ended.
    pub ended: u64,
    /// Snapshot markers.
    pub markers: u64,
    /// Snapshots that were cut by another.
    pub cuts: u64,
    /// Mutations.
    pub mutations: u64,
    /// Deletions.
    pub deletions: u64,
    /// Expirations.
    pub expirations: u64,
    /// Changes of collections.
    pub system_events: u64,
    /// Seqno-advanced messages.
    pub seqnos_advanced: u64,
}

impl StreamOracle {
    /// A judge that allows cuts and keeps no contents.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rules: Rules { cuts: true, contents: false, collections: false },
            streams: BTreeMap::new(),
            report: Report::default(),
            violations: Violations { first: Vec::new(), total: 0 },
        }
    }

    /// Keeps every version that is streamed, for [`compare`](Self::compare).
    #[must_use]
    pub fn track_contents(mut self) -> Self {
        self.rules.contents = true;
        self
    }

    /// Takes a snapshot that is cut by another for a fault.
    #[must_use]
    pub fn forbid_cuts(mut self) -> Self {
        self.rules.cuts = false;
        self
    }

    /// The client knows of collections: keys begin with one, and a stream from the beginning tells of each before it
    /// shows a document of it.
    #[must_use]
    pub fn with_collections(mut self) -> Self {
        self.rules.collections = true;
        self
    }

    /// What a stream is asked to show, before it is accepted.
    pub fn asked_for(&mut self, stream: StreamKey, shows: Shows) {
        self.streams.entry(stream).or_insert_with(Stream::new).collections.shows(shows);
    }

    /// Judges the next event.
    pub fn observe(&mut self, stream: StreamKey, event: Event<'_>) {
        self.report.count(&event);
        let state = self.streams.entry(stream).or_insert_with(Stream::new);
        match state.observe(&event, self.rules) {
            Ok(cut) => self.report.cuts += u64::from(cut.0),
            Err(fault) => self.found(stream, fault),
        }
    }

    /// The connection is gone: its streams end without a word.
    pub fn disconnected(&mut self) {
        for stream in self.streams.values_mut() {
            stream.disconnect();
        }
    }

    /// Compares what the client would have of a stream with the newest version of everything that
    /// was written.
    ///
    /// # Panics
    /// Unless contents are [tracked](Self::track_contents).
    pub fn compare<'a>(
        &mut self,
        stream: StreamKey,
        expected: impl IntoIterator<Item = (&'a [u8], Expected<'a>)>,
    ) {
        assert!(self.rules.contents, "contents are compared only where they are tracked");
        let mut faults = Vec::new();
        let state = self.streams.entry(stream).or_insert_with(Stream::new);
        state.contents.compare(expected, |fault| faults.push(fault));
        for fault in faults {
            self.found(stream, fault);
        }
    }

    /// How much was judged until now.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report
    }

    /// What was wrong until now.
    #[must_use]
    pub fn violations(&self) -> &Violations {
        &self.violations
    }

    /// The test is over.
    ///
    /// # Errors
    /// All that was wrong, open streams with a snapshot half way included.
    pub fn finish(mut self) -> Result<Report, Violations> {
        let unfinished: Vec<_> = self
            .streams
            .iter()
            .filter_map(|(stream, state)| Some((*stream, state.finish().err()?)))
            .collect();
        for (stream, fault) in unfinished {
            self.found(stream, fault);
        }
        if self.violations.total == 0 { Ok(self.report) } else { Err(self.violations) }
    }

    fn found(&mut self, stream: StreamKey, fault: Fault) {
        self.violations.total += 1;
        if self.violations.first.len() < VIOLATIONS_KEPT_MAX {
            self.violations.first.push(Violation { stream, event: self.report.events, fault });
        }
    }
}

impl Default for StreamOracle {
    fn default() -> Self {
        Self::new()
    }
}

impl Report {
    /// Documents of any kind.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.mutations + self.deletions + self.expirations
    }

    fn count(&mut self, event: &Event<'_>) {
        self.events += 1;
        *match event {
            Event::Accepted { .. } => &mut self.accepted,
            Event::Marker { .. } => &mut self.markers,
            Event::Document { kind: DocKind::Alive, .. } => &mut self.mutations,
            Event::Document { kind: DocKind::Deleted, .. } => &mut self.deletions,
            Event::Document { kind: DocKind::Expired, .. } => &mut self.expirations,
            Event::SystemEvent { .. } | Event::Collection { .. } => &mut self.system_events,
            Event::SeqnoAdvanced { .. } => &mut self.seqnos_advanced,
            Event::End { .. } => &mut self.ended,
        } += 1;
    }
}

/// One broken stream must not fill the memory with its violations.
const VIOLATIONS_KEPT_MAX: usize = 100;
