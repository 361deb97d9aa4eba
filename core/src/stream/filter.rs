//! What a stream shows of its vbucket's history.

use super::request::FilterKind;
use crate::collections::{Manifest, SystemChange, SystemEvent, is_of_default, is_system};
use crate::partition::{History, Partition};
use crate::types::{CollectionId, DocMeta, ScopeId, Seqno};
use millstream_reclaim::Pin;

/// What a stream shows. A filter on a scope follows its collections as they come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StreamFilter {
    /// The default collection, for a client that does not know of collections.
    Legacy,
    /// All documents and events.
    Passthrough,
    /// Some collections.
    Collections(Vec<CollectionId>),
    /// A scope, and its collections now.
    Scope {
        /// The scope.
        scope: ScopeId,
        /// Its collections at this place of the history.
        collections: Vec<CollectionId>,
    },
}

/// What becomes of one entry of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown<'a> {
    /// It is sent as a document with this key.
    Document(&'a [u8]),
    /// It is sent as an event.
    Event(SystemEvent<'a>),
    /// It is not sent.
    Hidden,
}

impl StreamFilter {
    /// The filter of a stream that was granted, as of the manifest that granted it.
    pub(crate) fn new(kind: FilterKind, wanted: &[u32], manifest: &Manifest) -> Self {
        match (kind, wanted) {
            (FilterKind::Legacy, _) => Self::Legacy,
            (FilterKind::Passthrough, _) => Self::Passthrough,
            (FilterKind::Collections, ids) => {
                let mut ids: Vec<_> = ids.iter().map(|id| CollectionId(*id)).collect();
                ids.sort_unstable();
                ids.dedup();
                Self::Collections(ids)
            }
            (FilterKind::Scope, ids) => {
                let scope = ScopeId(ids.first().copied().unwrap_or_default());
                let of_scope = manifest.collections().iter().filter(|made| made.scope == scope);
                Self::Scope { scope, collections: of_scope.map(|made| made.id).collect() }
            }
        }
    }

    /// Whether the client knows of collections: keys carry their ids, and seqnos that are not shown are told of.
    pub(crate) fn is_aware(&self) -> bool {
        *self != Self::Legacy
    }

    /// Where the key begins that a document of the default collection is sent with, if the client sees all of them.
    #[inline]
    pub(super) fn key_from(&self) -> Option<usize> {
        match self {
            // Behind the default collection's id, which is one byte.
            Self::Legacy => Some(1),
            Self::Passthrough => Some(0),
            _ => None,
        }
    }

    /// What becomes of an entry.
    pub(crate) fn show<'a>(
        &self,
        meta: &DocMeta,
        key: &'a [u8],
        value: &'a [u8],
        history: &History,
        pin: &Pin<'_>,
    ) -> Shown<'a> {
        // The default collection's id is one byte, 0.
        if let [0, name @ ..] = key {
            return match self {
                _ if history.default.is_closing() => Shown::Hidden,
                Self::Legacy => Shown::Document(name),
                Self::Passthrough => Shown::Document(key),
                _ => self.show_document(CollectionId::ZERO, key),
            };
        }
        if *self == Self::Legacy {
            return Shown::Hidden;
        }
        if is_system(key) {
            return match SystemEvent::parse(meta, key, value) {
                Some(event) if self.shows_event(&event, history, pin) => Shown::Event(event),
                _ => Shown::Hidden,
            };
        }
        match CollectionId::split(key) {
            // Once a collection is dropped its documents are gone, wherever they are still kept.
            Ok((id, _)) if history.with_collection(id, pin, |it| it.is_some()) => {
                self.show_document(id, key)
            }
            _ => Shown::Hidden,
        }
    }

    fn show_document<'a>(&self, id: CollectionId, key: &'a [u8]) -> Shown<'a> {
        match self {
            Self::Passthrough => Shown::Document(key),
            Self::Collections(ids) | Self::Scope { collections: ids, .. } if ids.contains(&id) => {
                Shown::Document(key)
            }
            _ => Shown::Hidden,
        }
    }

    fn shows_event(&self, event: &SystemEvent<'_>, history: &History, pin: &Pin<'_>) -> bool {
        if let SystemChange::CollectionModified { collection, .. } = event.change
            && !history.with_collection(collection, pin, |it| it.is_some())
        {
            // As with its documents; its drop event is all that is left to be told.
            return false;
        }
        match (self, event.change) {
            (Self::Legacy, _) => false,
            (Self::Passthrough, _) => true,
            (
                Self::Collections(ids),
                SystemChange::CollectionCreated { collection, .. }
                | SystemChange::CollectionModified { collection, .. }
                | SystemChange::CollectionDropped { collection, .. },
            ) => ids.contains(&collection),
            (Self::Collections(_), _) => false,
            (
                Self::Scope { scope: ours, .. },
                SystemChange::CollectionCreated { scope, .. }
                | SystemChange::CollectionModified { scope, .. }
                | SystemChange::CollectionDropped { scope, .. }
                | SystemChange::ScopeCreated { scope, .. }
                | SystemChange::ScopeDropped { scope },
            ) => *ours == scope,
        }
    }

    /// Follows an event that was sent. Whether nothing is left that the filter could show.
    pub(crate) fn follow(&mut self, change: &SystemChange<'_>) -> bool {
        match (self, *change) {
            (Self::Collections(ids), SystemChange::CollectionDropped { collection, .. }) => {
                ids.retain(|id| *id != collection);
                ids.is_empty()
            }
            (
                Self::Scope { collections, .. },
                SystemChange::CollectionDropped { collection, .. },
            ) => {
                collections.retain(|id| *id != collection);
                false
            }
            (
                Self::Scope { collections, .. },
                SystemChange::CollectionCreated { collection, .. },
            ) => {
                if !collections.contains(&collection) {
                    collections.push(collection);
                }
                false
            }
            (Self::Scope { scope: ours, .. }, SystemChange::ScopeDropped { scope }) => {
                *ours == scope
            }
            _ => false,
        }
    }

    /// Whether it will never show anything again, and nothing tells: events do, but to clients that know of them only.
    pub(crate) fn is_over(&self, partition: &Partition, pin: &Pin<'_>) -> bool {
        *self == Self::Legacy && partition.history(pin).default.is_closing()
    }

    /// The last seqno that the filter shows in a vbucket, as its collections count; `None` for the vbucket's own.
    pub(crate) fn high(&self, partition: &Partition, pin: &Pin<'_>) -> Option<Seqno> {
        match self {
            Self::Legacy => Some(partition.history(pin).default.high()),
            Self::Passthrough => None,
            Self::Collections(ids) | Self::Scope { collections: ids, .. } => {
                let one = |id: &CollectionId| {
                    partition.with_collection(*id, pin, |it| it.map_or(Seqno::ZERO, |it| it.high()))
                };
                Some(ids.iter().map(one).max().unwrap_or_default())
            }
        }
    }

    /// Where a snapshot of the store ends whose last entry (that the client may be shown, if it is not told of others)
    /// is at `last`: there, or nowhere if that entry's collection is gone.
    pub(crate) fn snapshot_end(&self, last: Seqno, partition: &Partition, pin: &Pin<'_>) -> Seqno {
        match self {
            Self::Legacy if partition.history(pin).default.is_closing() => Seqno::ZERO,
            _ => last,
        }
    }

    /// The first seqno that it can show: the least create event of its collections.
    pub(crate) fn start(&self, partition: &Partition, pin: &Pin<'_>) -> Seqno {
        match self {
            Self::Collections(ids) => {
                let one = |id: &CollectionId| {
                    partition.with_collection(*id, pin, |it| it.map_or(Seqno::ZERO, |it| it.start))
                };
                ids.iter().map(one).min().unwrap_or_default()
            }
            _ => Seqno::ZERO,
        }
    }

    /// Whether a snapshot may end with an entry: with any, unless the client is not told of seqnos that it is not
    /// shown.
    pub(crate) fn ends_at(&self, key: &[u8]) -> bool {
        self.is_aware() || is_of_default(key)
    }
}
