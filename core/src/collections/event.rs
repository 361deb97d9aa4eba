//! System events: documents of the history that tell of scopes and collections. Their keys begin with the id of
//! collection 1, which no client can name, so that they never meet a document.
//!
//! ```text
//! key:    01 | 00 | collection LEB128       a collection: alive when it was made, a tombstone when it was dropped
//!         01 | 01 | scope LEB128            a scope, likewise
//!         01 | 02                           the manifest as a whole, in one vbucket; streams do not show it
//!         01 | 03 | collection LEB128       a collection's newest change; beside the event that made it
//! value:  manifest u64 | scope u32 | collection u32 | max TTL u32 (0: none) | name
//! flags:  the low half of the manifest's uid, so that a look at meta data tells which event is new
//! ```

use super::key::put_id;
use super::manifest::Manifest;
use crate::partition::Change;
use crate::types::{CollectionId, DocKind, DocMeta, ManifestUid, ScopeId, Seqno};
use std::borrow::Cow;

/// The first byte of every system key: the id of the collection that system events are in.
const SYSTEM: u8 = 1;
const OF_COLLECTION: u8 = 0;
const OF_SCOPE: u8 = 1;
const OF_MANIFEST: u8 = 2;
const OF_CHANGE: u8 = 3;
/// Where a manifest as a whole is kept.
pub(crate) const MANIFEST_KEY: &[u8] = &[SYSTEM, OF_MANIFEST];
const HEAD_BYTES: usize = 8 + 4 + 4 + 4;

/// What became of a scope or collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemChange<'a> {
    /// A collection was made.
    CollectionCreated {
        /// Its scope.
        scope: ScopeId,
        /// Its id.
        collection: CollectionId,
        /// Its name.
        name: &'a str,
        /// How long its documents live at most, in seconds; 0: as long as they say.
        max_ttl: u32,
    },
    /// A collection's longest time to live was changed; only for clients that read FlatBuffers.
    CollectionModified {
        /// Its scope.
        scope: ScopeId,
        /// Its id.
        collection: CollectionId,
        /// Its name.
        name: &'a str,
        /// How long its documents live at most from now on, in seconds; 0: as long as they say.
        max_ttl: u32,
    },
    /// A collection was dropped, and its documents with it.
    CollectionDropped {
        /// Its scope.
        scope: ScopeId,
        /// Its id.
        collection: CollectionId,
    },
    /// A scope was made.
    ScopeCreated {
        /// Its id.
        scope: ScopeId,
        /// Its name.
        name: &'a str,
    },
    /// A scope was dropped; its collections were dropped before it.
    ScopeDropped {
        /// Its id.
        scope: ScopeId,
    },
}

/// A system event: a change, and the manifest that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemEvent<'a> {
    /// Its place in the vbucket's history.
    pub seqno: Seqno,
    /// The manifest in which the change is first seen.
    pub manifest: ManifestUid,
    /// The change.
    pub change: SystemChange<'a>,
}

/// Whether a qualified key is that of a document of the default collection, whose id is one byte, 0.
pub(crate) fn is_of_default(key: &[u8]) -> bool {
    key.first() == Some(&0)
}

/// Whether a qualified key is that of a system event.
pub(crate) fn is_system(key: &[u8]) -> bool {
    key.first() == Some(&SYSTEM)
}

impl<'a> SystemEvent<'a> {
    /// Reads the event in a document of the history; `None` for one that is no event, or not for streams.
    pub(crate) fn parse(meta: &DocMeta, key: &[u8], value: &'a [u8]) -> Option<Self> {
        let [SYSTEM, kind, ..] = key else { return None };
        let (head, name) = value.split_at_checked(HEAD_BYTES)?;
        let number =
            |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let manifest = ManifestUid(u64::from(number(0)) << 32 | u64::from(number(4)));
        let (scope, collection, max_ttl) =
            (ScopeId(number(8)), CollectionId(number(12)), number(16));
        let name = core::str::from_utf8(name).ok()?;
        let change = match (*kind, meta.kind.is_alive()) {
            (OF_COLLECTION, true) => {
                SystemChange::CollectionCreated { scope, collection, name, max_ttl }
            }
            (OF_CHANGE, true) => {
                SystemChange::CollectionModified { scope, collection, name, max_ttl }
            }
            (OF_COLLECTION, false) => SystemChange::CollectionDropped { scope, collection },
            (OF_SCOPE, true) => SystemChange::ScopeCreated { scope, name },
            (OF_SCOPE, false) => SystemChange::ScopeDropped { scope },
            _ => return None,
        };
        Some(Self { seqno: meta.seqno, manifest, change })
    }
}

impl<'a> SystemChange<'a> {
    /// The name of what was made or changed; empty for what was dropped.
    #[must_use]
    pub fn name(&self) -> &'a str {
        match *self {
            Self::CollectionCreated { name, .. }
            | Self::CollectionModified { name, .. }
            | Self::ScopeCreated { name, .. } => name,
            Self::CollectionDropped { .. } | Self::ScopeDropped { .. } => "",
        }
    }

    /// The collection whose change a system key is about.
    pub(crate) fn changed(key: &[u8]) -> Option<CollectionId> {
        let [SYSTEM, OF_CHANGE, id @ ..] = key else { return None };
        Some(CollectionId::split(id).ok()?.0)
    }

    /// The key under which a vbucket keeps the newest event of its kind and id.
    pub(crate) fn key(&self) -> Vec<u8> {
        let (kind, id) = match *self {
            Self::CollectionCreated { collection, .. }
            | Self::CollectionDropped { collection, .. } => (OF_COLLECTION, collection.0),
            Self::CollectionModified { collection, .. } => (OF_CHANGE, collection.0),
            Self::ScopeCreated { scope, .. } | Self::ScopeDropped { scope } => (OF_SCOPE, scope.0),
        };
        let mut key = [SYSTEM, kind, 0, 0, 0, 0, 0];
        let bytes = put_id(id, &mut key[2..]);
        key[..2 + bytes].to_vec()
    }

    /// What a system key is about: a collection, a scope, or neither.
    pub(crate) fn subject(key: &[u8]) -> Option<(Option<CollectionId>, Option<ScopeId>)> {
        let [SYSTEM, kind, id @ ..] = key else { return None };
        match *kind {
            OF_COLLECTION => Some((Some(CollectionId::split(id).ok()?.0), None)),
            OF_SCOPE => Some((None, Some(ScopeId(CollectionId::split(id).ok()?.0.0)))),
            _ => Some((None, None)),
        }
    }

    /// The document that tells of it.
    pub(crate) fn document(&self, manifest: ManifestUid, now: u32) -> Change<'static> {
        let (scope, collection, max_ttl, name, made) = match *self {
            Self::CollectionCreated { scope, collection, name, max_ttl }
            | Self::CollectionModified { scope, collection, name, max_ttl } => {
                (scope, collection, max_ttl, name, true)
            }
            Self::CollectionDropped { scope, collection } => (scope, collection, 0, "", false),
            Self::ScopeCreated { scope, name } => (scope, CollectionId::ZERO, 0, name, true),
            Self::ScopeDropped { scope } => (scope, CollectionId::ZERO, 0, "", false),
        };
        let mut value = Vec::with_capacity(HEAD_BYTES + name.len());
        value.extend_from_slice(&manifest.0.to_be_bytes());
        value.extend_from_slice(&scope.0.to_be_bytes());
        value.extend_from_slice(&collection.0.to_be_bytes());
        value.extend_from_slice(&max_ttl.to_be_bytes());
        value.extend_from_slice(name.as_bytes());
        let change = if made { Change::set(Vec::new()) } else { Change::delete(now) };
        Change { value: Cow::Owned(value), flags: manifest.0 as u32, ..change }
    }
}

/// The document that keeps a manifest as a whole.
pub(crate) fn manifest_of(manifest: &Manifest) -> Change<'static> {
    Change {
        kind: DocKind::Alive,
        flags: manifest.uid().0 as u32,
        ..Change::set(manifest.encode())
    }
}
