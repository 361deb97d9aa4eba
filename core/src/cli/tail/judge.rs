//! The oracle behind every stream that this program reads.

use crate::cli::exit::Failure;
use crate::client::{Document, Event};
use crate::testing::oracle::{self, Range, StreamKey, StreamOracle};
use crate::types::{DocKind, EndReason};
use crate::wire::dcp::StreamTag;
use bytes::BytesMut;

/// Where a stream that was granted begins and ends, as it was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Granted {
    pub(crate) from: crate::client::StreamFrom,
    pub(crate) end: crate::types::Seqno,
}

/// Holds every event against the rules of the protocol.
#[derive(Debug, Default)]
pub(crate) struct Judge(StreamOracle);

impl Judge {
    /// A judge of a client that knows of collections, or of one that does not.
    pub(crate) fn new(collections: bool) -> Self {
        let oracle = StreamOracle::new();
        Self(if collections { oracle.with_collections() } else { oracle })
    }

    /// A stream was granted.
    pub(crate) fn granted(&mut self, tag: StreamTag, granted: Granted) {
        let Granted { from, end } = granted;
        let inside = from.seqno < from.snap_end && from.snap_start < from.snap_end;
        let inside = inside.then_some(Range { start: from.snap_start, end: from.snap_end });
        let start = from.seqno;
        self.0.observe(key(tag), oracle::Event::Accepted { start, end, inside });
    }

    /// An event of a stream.
    ///
    /// # Errors
    /// What is against the rules.
    pub(crate) fn event(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::SnapshotMarker(marker) => {
                let (start, end, flags) = (marker.start, marker.end, marker.flags.0);
                self.0.observe(key(marker.tag), oracle::Event::Marker { start, end, flags });
            }
            Event::Mutation(document) | Event::Deletion(document) | Event::Expiration(document) => {
                self.document(document);
            }
            Event::SystemChange(change) => {
                let seqno = change.seqno;
                let told = match change.collection() {
                    Some((id, exists)) => oracle::Event::Collection { seqno, id, exists },
                    None => oracle::Event::SystemEvent { seqno },
                };
                self.0.observe(key(change.tag), told);
            }
            Event::SeqnoAdvanced { tag, seqno } => {
                self.0.observe(key(*tag), oracle::Event::SeqnoAdvanced { seqno: *seqno });
            }
            Event::StreamEnd { tag, reason, .. } => {
                let reason = reason.unwrap_or(EndReason::Disconnected);
                self.0.observe(key(*tag), oracle::Event::End { reason });
            }
            _ => return Ok(()),
        }
        self.verdict()
    }

    /// No more events come; streams may be half way.
    ///
    /// # Errors
    /// What was against the rules.
    pub(crate) fn end(mut self) -> Result<oracle::Report, Failure> {
        self.0.disconnected();
        self.0.finish().map_err(|violations| failure(&violations))
    }

    fn document(&mut self, document: &Document) {
        let meta = &document.meta;
        let flags = if meta.kind == DocKind::Alive { meta.flags } else { 0 };
        // The same name in two collections is two keys.
        let mut named = BytesMut::new();
        if let Some(collection) = document.collection {
            collection.encode(&mut named);
        }
        named.extend_from_slice(&document.key);
        let event = oracle::Event::Document {
            seqno: meta.seqno,
            key: &named,
            value: &document.value,
            cas: meta.cas,
            flags,
            kind: meta.kind,
        };
        self.0.observe(key(document.tag), event);
    }

    fn verdict(&self) -> Result<(), Failure> {
        match self.0.violations() {
            violations if violations.total > 0 => Err(failure(violations)),
            _ => Ok(()),
        }
    }
}

fn failure(violations: &oracle::Violations) -> Failure {
    Failure::failed(format!("the server broke the rules of the protocol: {violations}"))
}

fn key(tag: StreamTag) -> StreamKey {
    StreamKey { vb: tag.vb, sid: tag.sid }
}
