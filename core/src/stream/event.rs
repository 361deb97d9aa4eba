//! What a connection sends on its own: the events of its streams, and no-ops.

use super::values::Values;
use crate::collections::{SystemChange, SystemEvent};
use crate::types::{DocKind, DocMeta, EndReason, Opaque, Seqno, Sid, VbId};

/// Which stream an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamName {
    /// The vbucket.
    pub vb: VbId,
    /// The stream id, if the connection uses them.
    pub sid: Option<Sid>,
    /// The number that the stream's request carried.
    pub opaque: Opaque,
}

/// What a snapshot marker says of its snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SnapshotFlags(pub u32);

impl SnapshotFlags {
    /// Read from memory.
    pub const MEMORY: Self = Self(1);
    /// Read from the store.
    pub const DISK: Self = Self(2);
    /// The first snapshot of its kind: a consumer starts a new checkpoint.
    pub const CHECKPOINT: Self = Self(4);

    /// Both sets of bits.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One message to the consumer. Key and value are borrowed from where they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The documents that follow, up to `end`, are a consistent state of the vbucket once the last is there.
    SnapshotMarker {
        /// The stream.
        stream: StreamName,
        /// The first seqno that it may hold.
        start: Seqno,
        /// The seqno of its last document.
        end: Seqno,
        /// Where it is read from.
        flags: SnapshotFlags,
        /// The highest seqno of a tombstone that is gone; only of snapshots from the store, for clients that read
        /// version 2.2 of the marker.
        purge: Option<Seqno>,
    },
    /// A version of a document: by its kind a mutation, a deletion or an expiration.
    Document {
        /// The stream.
        stream: StreamName,
        /// Everything but key and value.
        meta: &'a DocMeta,
        /// The key; on streams of clients that know of collections with the collection's id in LEB128 in front.
        key: &'a [u8],
        /// The value, in the form that was negotiated; the datatype tells which that is.
        value: &'a [u8],
    },
    /// A scope or collection was made or dropped, or changed; only for clients that know of collections.
    System {
        /// The stream.
        stream: StreamName,
        /// What happened.
        event: SystemEvent<'a>,
        /// The same as FlatBuffers, for clients that asked for them.
        flat: Option<&'a [u8]>,
    },
    /// The snapshot is complete at this seqno, though the stream does not show what is there; only for clients that
    /// know of collections.
    SeqnoAdvanced {
        /// The stream.
        stream: StreamName,
        /// The seqno.
        seqno: Seqno,
    },
    /// The last message of a stream.
    StreamEnd {
        /// The stream.
        stream: StreamName,
        /// Why.
        reason: EndReason,
    },
    /// Are you there? The consumer answers with the same number.
    Noop {
        /// The number.
        opaque: Opaque,
    },
}

/// What a connection negotiated that changes how its messages look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Deletions carry the time of the delete (V2).
    pub delete_times: bool,
    /// Deletions by expiry have a message of their own; only with `delete_times`.
    pub expirations: bool,
    /// What becomes of values.
    pub values: Values,
    /// System events are FlatBuffers.
    pub flat_events: bool,
    /// Markers of snapshots from the store carry the purge seqno (V2.2).
    pub purge_in_markers: bool,
}

/// The header of every message.
const HEADER_BYTES: u64 = 24;
/// The frame info that names a stream id.
const SID_BYTES: u64 = 3;

impl Event<'_> {
    /// What the message counts against the flow-control window: its length on the wire, and nothing for a no-op.
    #[inline]
    #[must_use]
    pub fn counted_bytes(&self, layout: Layout) -> u64 {
        let (stream, body) = match self {
            Self::Noop { .. } => return 0,
            Self::SnapshotMarker { stream, purge: None, .. } => (stream, 20),
            Self::SnapshotMarker { stream, purge: Some(_), .. } => (stream, 1 + 52),
            Self::StreamEnd { stream, .. } => (stream, 4),
            Self::SeqnoAdvanced { stream, .. } => (stream, 8),
            Self::System { stream, event, flat } => {
                (stream, 13 + system_bytes(&event.change, *flat))
            }
            Self::Document { stream, meta, key, value } => {
                let extras = match meta.kind {
                    DocKind::Alive => 31,
                    DocKind::Expired if layout.expirations && layout.delete_times => 20,
                    _ if layout.delete_times => 21,
                    _ => 18,
                };
                (stream, extras + (key.len() + value.len()) as u64)
            }
        };
        HEADER_BYTES + body + if stream.sid.is_some() { SID_BYTES } else { 0 }
    }

    /// Whether the message carries a change of the vbucket.
    #[inline]
    #[must_use]
    pub fn is_document(&self) -> bool {
        matches!(self, Self::Document { .. } | Self::System { .. })
    }
}

/// Name and value of a system event on the wire.
fn system_bytes(change: &SystemChange<'_>, flat: Option<&[u8]>) -> u64 {
    let value = match (flat, change) {
        (Some(flat), _) => flat.len(),
        (
            None,
            SystemChange::CollectionCreated { max_ttl, .. }
            | SystemChange::CollectionModified { max_ttl, .. },
        ) if *max_ttl != 0 => 20,
        (
            None,
            SystemChange::CollectionCreated { .. }
            | SystemChange::CollectionModified { .. }
            | SystemChange::CollectionDropped { .. },
        ) => 16,
        (None, SystemChange::ScopeCreated { .. } | SystemChange::ScopeDropped { .. }) => 12,
    };
    (change.name().len() + value) as u64
}

/// Where a connection's messages go.
pub trait Sink {
    /// Whether there is room for one more message; asked before each.
    fn has_room(&self) -> bool;

    /// Takes a message. It cannot refuse: what does not fit is its own to keep.
    fn send(&mut self, event: &Event<'_>);
}
