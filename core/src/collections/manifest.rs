//! The list of a bucket's scopes and collections. A value: each change makes a new one with a higher uid.

use super::event::{SystemChange, SystemEvent};
use crate::limits::{COLLECTION_NAME_BYTES_MAX, COLLECTIONS_MAX};
use crate::types::{CollectionId, ManifestUid, ScopeId};
use bytes::Buf;
use core::fmt;

/// A scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its id, which no other scope ever gets.
    pub id: ScopeId,
    /// Its name.
    pub name: String,
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Its id, which no other collection ever gets.
    pub id: CollectionId,
    /// The scope that it is in.
    pub scope: ScopeId,
    /// Its name.
    pub name: String,
    /// How long its documents live at most, in seconds; 0: as long as they say.
    pub max_ttl: u32,
    /// The manifest that changed that last; 0: none has, since it was made.
    pub changed: ManifestUid,
}

/// Scopes and collections, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    uid: ManifestUid,
    next_id: u32,
    scopes: Vec<Scope>,
    collections: Vec<Collection>,
}

/// Why a manifest cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestFault {
    /// There is no such scope.
    UnknownScope(String),
    /// There is no such collection.
    UnknownCollection(String),
    /// There is one of that name.
    Exists(String),
    /// A name has 1 to 251 of the characters `A-Z a-z 0-9 _ - %`, and the first is neither `_` nor `%`.
    Name(String),
    /// There are as many collections as there can be.
    TooMany,
    /// The default scope stays.
    DefaultScope,
}

impl Default for Manifest {
    /// The default collection in the default scope.
    fn default() -> Self {
        Self {
            uid: ManifestUid::ZERO,
            next_id: FIRST_ID,
            scopes: vec![Scope { id: ScopeId::ZERO, name: DEFAULT.to_owned() }],
            collections: vec![Collection {
                id: CollectionId::ZERO,
                scope: ScopeId::ZERO,
                name: DEFAULT.to_owned(),
                max_ttl: 0,
                changed: ManifestUid::ZERO,
            }],
        }
    }
}

impl Manifest {
    /// Which one it is.
    #[must_use]
    pub fn uid(&self) -> ManifestUid {
        self.uid
    }

    /// Its scopes.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Its collections, of all scopes.
    #[must_use]
    pub fn collections(&self) -> &[Collection] {
        &self.collections
    }

    /// A collection by its id.
    #[must_use]
    pub fn collection(&self, id: CollectionId) -> Option<&Collection> {
        let at = self.collections.binary_search_by_key(&id, |collection| collection.id).ok()?;
        self.collections.get(at)
    }

    /// A scope by its id.
    #[must_use]
    pub fn scope(&self, id: ScopeId) -> Option<&Scope> {
        self.scopes.iter().find(|scope| scope.id == id)
    }

    /// A scope by its name; an empty one is the default scope's.
    #[must_use]
    pub fn scope_named(&self, name: &str) -> Option<&Scope> {
        let name = if name.is_empty() { DEFAULT } else { name };
        self.scopes.iter().find(|scope| scope.name == name)
    }

    /// A collection by its scope's name and its own; an empty one is the default's.
    #[must_use]
    pub fn collection_named(&self, scope: &str, name: &str) -> Option<&Collection> {
        let scope = self.scope_named(scope)?.id;
        let name = if name.is_empty() { DEFAULT } else { name };
        self.collections.iter().find(|known| known.scope == scope && known.name == name)
    }

    /// With one more scope.
    ///
    /// # Errors
    /// [`ManifestFault::Name`], [`ManifestFault::Exists`].
    pub fn with_scope(&self, name: &str) -> Result<Self, ManifestFault> {
        check_name(name)?;
        if self.scope_named(name).is_some() {
            return Err(ManifestFault::Exists(name.to_owned()));
        }
        let mut next = self.successor();
        let id = ScopeId(next.take_id());
        next.scopes.push(Scope { id, name: name.to_owned() });
        Ok(next)
    }

    /// Without a scope and its collections.
    ///
    /// # Errors
    /// [`ManifestFault::UnknownScope`], [`ManifestFault::DefaultScope`].
    pub fn without_scope(&self, name: &str) -> Result<Self, ManifestFault> {
        let unknown = || ManifestFault::UnknownScope(name.to_owned());
        let id = self.scope_named(name).ok_or_else(unknown)?.id;
        if id == ScopeId::ZERO {
            return Err(ManifestFault::DefaultScope);
        }
        let mut next = self.successor();
        next.scopes.retain(|scope| scope.id != id);
        next.collections.retain(|collection| collection.scope != id);
        Ok(next)
    }

    /// With one more collection, whose documents live `max_ttl` seconds at most (0: as long as they say).
    ///
    /// # Errors
    /// [`ManifestFault::UnknownScope`], [`ManifestFault::Name`], [`ManifestFault::Exists`],
    /// [`ManifestFault::TooMany`].
    pub fn with_collection(
        &self,
        scope: &str,
        name: &str,
        max_ttl: u32,
    ) -> Result<Self, ManifestFault> {
        let unknown = || ManifestFault::UnknownScope(scope.to_owned());
        let id = self.scope_named(scope).ok_or_else(unknown)?.id;
        check_name(name)?;
        if self.collection_named(scope, name).is_some() {
            return Err(ManifestFault::Exists(format!("{scope}.{name}")));
        }
        if self.collections.len() >= COLLECTIONS_MAX {
            return Err(ManifestFault::TooMany);
        }
        let mut next = self.successor();
        let collection = CollectionId(next.take_id());
        let (name, changed) = (name.to_owned(), ManifestUid::ZERO);
        let made = Collection { id: collection, scope: id, name, max_ttl, changed };
        next.collections.push(made);
        Ok(next)
    }

    /// With another longest time to live of a collection; the same manifest if it has that already.
    ///
    /// # Errors
    /// [`ManifestFault::UnknownCollection`].
    pub fn with_max_ttl(
        &self,
        scope: &str,
        name: &str,
        max_ttl: u32,
    ) -> Result<Self, ManifestFault> {
        let unknown = || ManifestFault::UnknownCollection(format!("{scope}.{name}"));
        let known = self.collection_named(scope, name).ok_or_else(unknown)?;
        if known.max_ttl == max_ttl {
            return Ok(self.clone());
        }
        let id = known.id;
        let mut next = self.successor();
        let changed = next.uid;
        for collection in next.collections.iter_mut().filter(|collection| collection.id == id) {
            (collection.max_ttl, collection.changed) = (max_ttl, changed);
        }
        Ok(next)
    }

    /// Without a collection.
    ///
    /// # Errors
    /// [`ManifestFault::UnknownCollection`].
    pub fn without_collection(&self, scope: &str, name: &str) -> Result<Self, ManifestFault> {
        let unknown = || ManifestFault::UnknownCollection(format!("{scope}.{name}"));
        let id = self.collection_named(scope, name).ok_or_else(unknown)?.id;
        let mut next = self.successor();
        next.collections.retain(|collection| collection.id != id);
        Ok(next)
    }

    /// With what an event tells, which is of a newer manifest than this.
    pub(crate) fn follow(&mut self, event: &SystemEvent<'_>) {
        self.uid = self.uid.max(event.manifest);
        match event.change {
            SystemChange::CollectionCreated { scope, collection, name, max_ttl } => {
                self.next_id = self.next_id.max(collection.0 + 1);
                let at = self.collections.binary_search_by_key(&collection, |known| known.id);
                if let Err(at) = at {
                    let name = name.to_owned();
                    let changed = ManifestUid::ZERO;
                    self.collections
                        .insert(at, Collection { id: collection, scope, name, max_ttl, changed });
                }
            }
            SystemChange::CollectionModified { collection, max_ttl, .. } => {
                let at = self.collections.binary_search_by_key(&collection, |known| known.id);
                if let Some(known) = at.ok().and_then(|at| self.collections.get_mut(at)) {
                    (known.max_ttl, known.changed) = (max_ttl, event.manifest);
                }
            }
            SystemChange::CollectionDropped { collection, .. } => {
                self.next_id = self.next_id.max(collection.0 + 1);
                self.collections.retain(|known| known.id != collection);
            }
            SystemChange::ScopeCreated { scope, name } => {
                self.next_id = self.next_id.max(scope.0 + 1);
                if self.scope(scope).is_none() {
                    self.scopes.push(Scope { id: scope, name: name.to_owned() });
                }
            }
            SystemChange::ScopeDropped { scope } => {
                self.next_id = self.next_id.max(scope.0 + 1);
                self.scopes.retain(|known| known.id != scope);
            }
        }
    }

    /// As it is kept in the history.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.uid.0.to_be_bytes());
        out.extend_from_slice(&self.next_id.to_be_bytes());
        out.extend_from_slice(&(self.scopes.len() as u32 | TELLS_CHANGES).to_be_bytes());
        for scope in &self.scopes {
            out.extend_from_slice(&scope.id.0.to_be_bytes());
            put_name(&scope.name, &mut out);
        }
        for collection in &self.collections {
            out.extend_from_slice(&collection.id.0.to_be_bytes());
            out.extend_from_slice(&collection.scope.0.to_be_bytes());
            out.extend_from_slice(&collection.max_ttl.to_be_bytes());
            out.extend_from_slice(&collection.changed.0.to_be_bytes());
            put_name(&collection.name, &mut out);
        }
        out
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub(crate) fn decode(mut from: &[u8]) -> Option<Self> {
        let uid = ManifestUid(from.try_get_u64().ok()?);
        let next_id = from.try_get_u32().ok()?;
        let (mut scopes, mut collections) = (Vec::new(), Vec::new());
        let count = from.try_get_u32().ok()?;
        for _ in 0..count & !TELLS_CHANGES {
            let id = ScopeId(from.try_get_u32().ok()?);
            scopes.push(Scope { id, name: take_name(&mut from)? });
        }
        while from.has_remaining() {
            let id = CollectionId(from.try_get_u32().ok()?);
            let scope = ScopeId(from.try_get_u32().ok()?);
            let max_ttl = from.try_get_u32().ok()?;
            let tells_changes = count & TELLS_CHANGES != 0;
            let changed = if tells_changes { from.try_get_u64().ok()? } else { 0 };
            let (name, changed) = (take_name(&mut from)?, ManifestUid(changed));
            collections.push(Collection { id, scope, name, max_ttl, changed });
        }
        Some(Self { uid, next_id, scopes, collections })
    }

    fn successor(&self) -> Self {
        Self { uid: ManifestUid(self.uid.0 + 1), ..self.clone() }
    }

    fn take_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id - 1
    }
}

impl fmt::Display for ManifestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownScope(name) => write!(f, "there is no scope {name}"),
            Self::UnknownCollection(name) => write!(f, "there is no collection {name}"),
            Self::Exists(name) => write!(f, "{name} exists already"),
            Self::Name(name) => write!(
                f,
                "{name:?} is no name: 1 to {COLLECTION_NAME_BYTES_MAX} of A-Z, a-z, 0-9, _, - and %, and neither _ \
                 nor % in front"
            ),
            Self::TooMany => {
                write!(f, "there are {COLLECTIONS_MAX} collections, which is the limit")
            }
            Self::DefaultScope => f.write_str("the default scope stays"),
        }
    }
}

impl std::error::Error for ManifestFault {}

fn check_name(name: &str) -> Result<(), ManifestFault> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'%');
    let fits = (1..=COLLECTION_NAME_BYTES_MAX).contains(&name.len());
    if fits && name.bytes().all(plain) && !name.starts_with(['_', '%']) {
        return Ok(());
    }
    Err(ManifestFault::Name(name.to_owned()))
}

fn put_name(name: &str, out: &mut Vec<u8>) {
    // A name has at most 251 bytes.
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
}

fn take_name(from: &mut &[u8]) -> Option<String> {
    let len = usize::from(from.try_get_u8().ok()?);
    let (name, rest) = from.split_at_checked(len)?;
    *from = rest;
    String::from_utf8(name.to_vec()).ok()
}

/// The name of the default scope and of its default collection.
const DEFAULT: &str = "_default";
/// A bit of the number of scopes in a manifest that is kept: its collections tell when they were changed. Manifests
/// that were kept before collections could be changed do not have it.
const TELLS_CHANGES: u32 = 1 << 31;
/// Ids below are the protocol's own.
const FIRST_ID: u32 = 8;
