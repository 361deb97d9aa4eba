//! What was wrong.

use super::StreamKey;
use crate::types::{CollectionId, Seqno};
use core::fmt;

/// Something that must not be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The stream.
    pub stream: StreamKey,
    /// Which event of the connection showed it, counted from 1; for what only the end of the test
    /// shows, the last one.
    pub event: u64,
    /// What it is.
    pub fault: Fault,
}

/// The seqnos of a snapshot, as its marker gave them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start: Seqno,
    /// The last.
    pub end: Seqno,
}

/// What must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An event of a stream that nobody was granted.
    NotAccepted,
    /// A stream was granted while it was open.
    AcceptedTwice,
    /// An event of a stream that has ended.
    AfterEnd,
    /// A marker that ends before it starts.
    MarkerBackwards(Range),
    /// A marker that starts at or below the end of what came before it.
    MarkerOverlaps {
        /// The marker.
        marker: Range,
        /// The end of the snapshot before it, or what the client had at first.
        after: Seqno,
    },
    /// A marker that holds nothing but what was sent already.
    MarkerBehind {
        /// The marker.
        marker: Range,
        /// The last seqno that was sent.
        last: Seqno,
    },
    /// A snapshot was cut by one that starts at or below what was sent of it.
    CutRepeats {
        /// The new marker.
        marker: Range,
        /// The last seqno that was sent.
        last: Seqno,
    },
    /// A snapshot was cut by one that ends before it.
    CutEndsEarly {
        /// The new marker.
        marker: Range,
        /// The snapshot that was cut.
        cut: Range,
    },
    /// A snapshot was given up half way.
    SnapshotIncomplete {
        /// The snapshot.
        snapshot: Range,
        /// The last seqno that was sent.
        last: Seqno,
    },
    /// A seqno that is not above the one before it.
    NotRising {
        /// The seqno.
        seqno: Seqno,
        /// The one before it.
        last: Seqno,
    },
    /// A seqno outside the snapshot that was announced.
    OutsideSnapshot {
        /// The seqno.
        seqno: Seqno,
        /// The snapshot; `None` if none is open.
        snapshot: Option<Range>,
    },
    /// A seqno above the stream's end.
    PastEnd {
        /// The seqno.
        seqno: Seqno,
        /// The stream's end.
        end: Seqno,
    },
    /// A key that came before in the same snapshot.
    KeyTwice {
        /// The key.
        key: Box<[u8]>,
        /// Where it came again.
        seqno: Seqno,
        /// The snapshot.
        snapshot: Range,
    },
    /// A key that names no collection.
    NoCollection {
        /// The key.
        key: Box<[u8]>,
        /// Its seqno.
        seqno: Seqno,
    },
    /// Something of a collection that the stream is not to show.
    NotAskedFor {
        /// The collection.
        id: CollectionId,
        /// Where.
        seqno: Seqno,
    },
    /// A document of a collection that the stream has not told of, or has told is gone.
    NotTold {
        /// The collection.
        id: CollectionId,
        /// Its seqno.
        seqno: Seqno,
    },
    /// A document that was written and is not there.
    Missing {
        /// Its key.
        key: Box<[u8]>,
    },
    /// A document that is there and was not written.
    Unexpected {
        /// Its key.
        key: Box<[u8]>,
        /// Its seqno.
        seqno: Seqno,
    },
    /// A document that is not as it was written.
    Differs {
        /// Its key.
        key: Box<[u8]>,
        /// The seqno of what is there.
        seqno: Seqno,
        /// The first thing in which both differ.
        field: Field,
    },
}

/// A part of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Whether it is deleted.
    Deleted,
    /// Its compare-and-swap token.
    Cas,
    /// The writer's bits.
    Flags,
    /// Its value.
    Value,
}

/// All that was wrong with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    /// The first of them.
    pub first: Vec<Violation>,
    /// How many there were.
    pub total: u64,
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.total == 1 { "" } else { "s" };
        write!(f, "{} violation{plural}", self.total)?;
        for violation in &self.first {
            write!(f, "\n  {violation}")?;
        }
        let more = self.total - self.first.len() as u64;
        if more > 0 { write!(f, "\n  and {more} more") } else { Ok(()) }
    }
}

impl std::error::Error for Violations {}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}, {}: {}", self.event, self.stream, self.fault)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.end)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deleted => "being deleted",
            Self::Cas => "its cas",
            Self::Flags => "its flags",
            Self::Value => "its value",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAccepted => f.write_str("an event of a stream that was not accepted"),
            Self::AcceptedTwice => f.write_str("the stream was accepted while it was open"),
            Self::AfterEnd => f.write_str("an event after the stream's end"),
            Self::MarkerBackwards(marker) => write!(f, "a marker backwards, {marker}"),
            Self::MarkerOverlaps { marker, after } => {
                write!(f, "marker {marker} overlaps what ended at {after}")
            }
            Self::MarkerBehind { marker, last } => {
                write!(f, "marker {marker} announces nothing above {last}")
            }
            Self::CutRepeats { marker, last } => {
                write!(f, "marker {marker} cuts a snapshot and repeats it: {last} was sent")
            }
            Self::CutEndsEarly { marker, cut } => {
                write!(f, "marker {marker} cuts snapshot {cut} and ends before it")
            }
            Self::SnapshotIncomplete { snapshot, last } => {
                write!(f, "snapshot {snapshot} stopped at {last}")
            }
            Self::NotRising { seqno, last } => write!(f, "seqno {seqno} after {last}"),
            Self::OutsideSnapshot { seqno, snapshot: Some(snapshot) } => {
                write!(f, "seqno {seqno} outside snapshot {snapshot}")
            }
            Self::OutsideSnapshot { seqno, snapshot: None } => {
                write!(f, "seqno {seqno} with no snapshot open")
            }
            Self::PastEnd { seqno, end } => write!(f, "seqno {seqno} past the stream's end {end}"),
            Self::KeyTwice { key, seqno, snapshot } => {
                write!(f, "key \"{}\" twice in snapshot {snapshot}, at {seqno}", key.escape_ascii())
            }
            Self::NoCollection { key, seqno } => {
                write!(f, "key \"{}\" at {seqno} names no collection", key.escape_ascii())
            }
            Self::NotAskedFor { id, seqno } => {
                write!(f, "collection {:#x} at {seqno} was not asked for", id.0)
            }
            Self::NotTold { id, seqno } => {
                write!(f, "a document at {seqno} of collection {:#x}, which is not told of", id.0)
            }
            Self::Missing { key } => write!(f, "key \"{}\" is missing", key.escape_ascii()),
            Self::Unexpected { key, seqno } => {
                write!(f, "key \"{}\" at {seqno} was never written", key.escape_ascii())
            }
            Self::Differs { key, seqno, field } => {
                write!(f, "key \"{}\" at {seqno} differs in {field}", key.escape_ascii())
            }
        }
    }
}
