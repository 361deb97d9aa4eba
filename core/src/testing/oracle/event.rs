//! What is judged.

use super::violation::Range;
use crate::types::{Cas, CollectionId, DocKind, EndReason, Seqno, Sid, VbId};
use core::fmt;

/// Which stream of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    /// The vbucket.
    pub vb: VbId,
    /// The stream id, if the connection uses such.
    pub sid: Option<Sid>,
}

/// Something that a client gets to see of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The server granted the stream.
    Accepted {
        /// The last seqno that the client has.
        start: Seqno,
        /// The last seqno that it asked for.
        end: Seqno,
        /// The snapshot that the client is in the middle of, if it is.
        inside: Option<Range>,
    },
    /// A snapshot follows.
    Marker {
        /// Its first seqno.
        start: Seqno,
        /// Its last seqno.
        end: Seqno,
        /// The marker's bits, as on the wire.
        flags: u32,
    },
    /// A version of a document: mutation, deletion or expiration.
    Document {
        /// Its seqno.
        seqno: Seqno,
        /// Its key.
        key: &'a [u8],
        /// Its value.
        value: &'a [u8],
        /// Its compare-and-swap token.
        cas: Cas,
        /// The writer's bits; not looked at in tombstones, which have none on the wire.
        flags: u32,
        /// A value or a tombstone.
        kind: DocKind,
    },
    /// A change of scopes, or of a collection that goes on.
    SystemEvent {
        /// Its seqno.
        seqno: Seqno,
    },
    /// A collection was made or dropped.
    Collection {
        /// Its seqno.
        seqno: Seqno,
        /// The collection.
        id: CollectionId,
        /// Whether it exists from here on.
        exists: bool,
    },
    /// Nothing up to this seqno is for the client.
    SeqnoAdvanced {
        /// The seqno.
        seqno: Seqno,
    },
    /// The stream ended.
    End {
        /// Why.
        reason: EndReason,
    },
}

/// What a stream of a client that knows of collections was asked to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shows {
    /// Everything.
    #[default]
    All,
    /// These collections.
    Collections(Vec<CollectionId>),
    /// The collections of a scope.
    Scope(u32),
}

impl Shows {
    /// Whether the default collection, which nobody makes, is shown.
    pub(super) fn has_default(&self) -> bool {
        match self {
            Self::All | Self::Scope(0) => true,
            Self::Scope(_) => false,
            Self::Collections(ids) => ids.contains(&CollectionId(0)),
        }
    }

    /// Whether a collection may be shown; those of a scope are not known by their numbers.
    pub(super) fn may_have(&self, id: CollectionId) -> bool {
        match self {
            Self::Collections(ids) => ids.contains(&id),
            Self::All | Self::Scope(_) => id.0 != 0 || self.has_default(),
        }
    }
}

impl StreamKey {
    /// The only stream of a vbucket.
    #[must_use]
    pub const fn of(vb: VbId) -> Self {
        Self { vb, sid: None }
    }

    /// One of several streams of a vbucket.
    #[must_use]
    pub const fn with_sid(vb: VbId, sid: Sid) -> Self {
        Self { vb, sid: Some(sid) }
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vb {}", self.vb)?;
        match self.sid {
            Some(sid) => write!(f, " sid {sid}"),
            None => Ok(()),
        }
    }
}
