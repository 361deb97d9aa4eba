//! What a DCP connection brings, owned.

use crate::error::{Error, ErrorKind, Result};
use crate::snappy::inflate;
use crate::types::{
    Cas, Datatype, DocKind, DocMeta, EndReason, FailoverEntry, RevSeqno, Seqno, VbState,
};
use crate::wire::dcp::{SnapshotMarker, StreamMessage, StreamTag, SystemEventKind};
use crate::wire::{CollectionId, Frame, Status, WireError};
use bytes::{Buf, Bytes};

/// What a DCP connection brings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A stream was granted; its messages follow.
    StreamOpened {
        /// The stream.
        tag: StreamTag,
        /// The vbucket's failover log, newest first.
        failover: Vec<FailoverEntry>,
    },
    /// A stream was not granted: the histories differ. Nothing of it follows; forget everything above `to`
    /// ([`ResumeToken::roll_back`](crate::client::ResumeToken::roll_back)) and ask again from there.
    Rollback {
        /// The stream.
        tag: StreamTag,
        /// Where to go back to.
        to: Seqno,
    },
    /// A stream was not granted. Nothing of it follows.
    StreamRefused {
        /// The stream.
        tag: StreamTag,
        /// Why.
        status: Status,
    },
    /// The answer to a wish to close a stream.
    CloseAnswered {
        /// The stream.
        tag: StreamTag,
        /// Success; or `KEY_ENOENT`, if it had ended already.
        status: Status,
        /// Whether a [`Event::StreamEnd`] follows.
        end_follows: bool,
    },
    /// A snapshot begins.
    SnapshotMarker(SnapshotMarker),
    /// A document was written.
    Mutation(Document),
    /// A document was deleted.
    Deletion(Document),
    /// A document's time to live ran out.
    Expiration(Document),
    /// A collection or scope came, changed or went.
    SystemChange(SystemChange),
    /// The stream got to a seqno without anything to show for it.
    SeqnoAdvanced {
        /// The stream.
        tag: StreamTag,
        /// Where it is now.
        seqno: Seqno,
    },
    /// A snapshot in key order begins or ends.
    OsoSnapshot {
        /// The stream.
        tag: StreamTag,
        /// Whether it begins.
        begins: bool,
    },
    /// Takeover: the vbucket's new state.
    VbucketState {
        /// The stream.
        tag: StreamTag,
        /// The state.
        state: VbState,
    },
    /// A stream is over. Nothing of it follows.
    StreamEnd {
        /// The stream.
        tag: StreamTag,
        /// The number of the reason.
        code: u32,
        /// The reason, if the number is known.
        reason: Option<EndReason>,
    },
}

/// A document's new version, or its tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The stream.
    pub tag: StreamTag,
    /// Everything but key and value. The expiry of a tombstone is when it was deleted, 0 if not told.
    pub meta: DocMeta,
    /// Its collection, on connections with collections.
    pub collection: Option<CollectionId>,
    /// The key, without the collection id.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
}

impl Document {
    fn of(
        tag: StreamTag,
        meta: DocMeta,
        frame: Frame,
        collections: bool,
    ) -> Result<Self, WireError> {
        let (mut key, value) = frame.into_key_and_value();
        let mut collection = None;
        if collections {
            let (id, name) = CollectionId::split(&key)?;
            let id_bytes = key.len() - name.len();
            key.advance(id_bytes);
            collection = Some(id);
        }
        Ok(Self { tag, meta, collection, key, value })
    }

    /// The value as it was before it was compressed, if it was: on connections that asked for Snappy.
    ///
    /// # Errors
    /// `Corrupt` when it is marked as compressed and is not.
    pub fn plain_value(&self) -> Result<Bytes> {
        if !self.meta.datatype.contains(Datatype::SNAPPY) || self.value.is_empty() {
            return Ok(self.value.clone());
        }
        let mut room = Vec::new();
        inflate(&self.value, &mut room)
            .map_err(|fault| Error::new(ErrorKind::Corrupt, fault.to_string()))?;
        Ok(Bytes::from(room))
    }
}

/// A collection or scope came, changed or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemChange {
    /// The stream.
    pub tag: StreamTag,
    /// The place in the vbucket's history.
    pub seqno: Seqno,
    /// What happened.
    pub kind: SystemEventKind,
    /// How the value is laid out.
    pub version: u8,
    /// The name of the collection or scope.
    pub name: Bytes,
    /// The value, by version.
    pub value: Bytes,
}

impl SystemChange {
    /// The collection that was made (`true`) or dropped; `None` for other changes, and for values in FlatBuffers.
    #[must_use]
    pub fn collection(&self) -> Option<(CollectionId, bool)> {
        let exists = match self.kind {
            SystemEventKind::CREATE_COLLECTION => true,
            SystemEventKind::DROP_COLLECTION => false,
            _ => return None,
        };
        // Behind the manifest's number and the scope's; FlatBuffers are version 2.
        let id = self.value.get(12..16).filter(|_| self.version < 2)?;
        Some((CollectionId(u32::from_be_bytes(id.try_into().ok()?)), exists))
    }
}

impl Event {
    /// The stream that it is about.
    #[must_use]
    pub const fn tag(&self) -> StreamTag {
        match self {
            Self::SnapshotMarker(marker) => marker.tag,
            Self::Mutation(document) | Self::Deletion(document) | Self::Expiration(document) => {
                document.tag
            }
            Self::SystemChange(change) => change.tag,
            Self::StreamOpened { tag, .. }
            | Self::Rollback { tag, .. }
            | Self::StreamRefused { tag, .. }
            | Self::CloseAnswered { tag, .. }
            | Self::SeqnoAdvanced { tag, .. }
            | Self::OsoSnapshot { tag, .. }
            | Self::VbucketState { tag, .. }
            | Self::StreamEnd { tag, .. } => *tag,
        }
    }

    /// The place in the vbucket's history, of events that have one.
    #[must_use]
    pub const fn seqno(&self) -> Option<Seqno> {
        match self {
            Self::Mutation(document) | Self::Deletion(document) | Self::Expiration(document) => {
                Some(document.meta.seqno)
            }
            Self::SystemChange(change) => Some(change.seqno),
            Self::SeqnoAdvanced { seqno, .. } => Some(*seqno),
            _ => None,
        }
    }

    /// Whether nothing of the stream follows.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        match self {
            Self::StreamEnd { .. } | Self::Rollback { .. } | Self::StreamRefused { .. } => true,
            Self::CloseAnswered { status, end_follows, .. } => !*end_follows && status.is_success(),
            _ => false,
        }
    }

    /// Reads a message of a stream, and takes it apart: what it keeps of the frame's buffer is counted once for the key
    /// and once for the value, and not over and over.
    pub(super) fn parse(frame: Frame, collections: bool) -> Result<Self, WireError> {
        Ok(match StreamMessage::parse(&frame)? {
            StreamMessage::Mutation(m) => {
                let (flags, expiry) = (m.flags, m.expiry);
                let meta = DocMeta { flags, expiry, ..meta(m.seqno, m.rev, m.cas, m.datatype) };
                Self::Mutation(Document::of(m.tag, meta, frame, collections)?)
            }
            StreamMessage::Deletion(d) => {
                let (expiry, kind) = (d.delete_time.unwrap_or(0), DocKind::Deleted);
                let meta = DocMeta { expiry, kind, ..meta(d.seqno, d.rev, d.cas, d.datatype) };
                Self::Deletion(Document::of(d.tag, meta, frame, collections)?)
            }
            StreamMessage::Expiration(e) => {
                let (expiry, kind) = (e.delete_time, DocKind::Expired);
                let meta = DocMeta { expiry, kind, ..meta(e.seqno, e.rev, e.cas, e.datatype) };
                Self::Expiration(Document::of(e.tag, meta, frame, collections)?)
            }
            StreamMessage::SnapshotMarker(marker) => Self::SnapshotMarker(marker),
            StreamMessage::SystemEvent(e) => Self::SystemChange(SystemChange {
                tag: e.tag,
                seqno: e.seqno,
                kind: e.kind,
                version: e.version,
                name: frame.key_bytes(),
                value: frame.value_bytes(),
            }),
            StreamMessage::SeqnoAdvanced(a) => Self::SeqnoAdvanced { tag: a.tag, seqno: a.seqno },
            StreamMessage::OsoSnapshot(o) => Self::OsoSnapshot { tag: o.tag, begins: o.begins },
            StreamMessage::SetVbucketState(s) => Self::VbucketState { tag: s.tag, state: s.state },
            StreamMessage::StreamEnd(end) => Self::StreamEnd {
                tag: end.tag,
                code: end.reason,
                reason: EndReason::from_u32(end.reason),
            },
        })
    }
}

/// What all documents have, as of one that is alive, without flags and expiry.
pub(super) const fn meta(seqno: Seqno, rev: RevSeqno, cas: Cas, datatype: Datatype) -> DocMeta {
    DocMeta { seqno, cas, rev, flags: 0, expiry: 0, datatype, kind: DocKind::Alive }
}
