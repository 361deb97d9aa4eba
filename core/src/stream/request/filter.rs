//! Which documents a stream shows.

use crate::collections::Manifest;
use crate::types::{CollectionId, ScopeId};
use core::fmt;

/// What a request says about documents, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawFilter {
    /// The request of a client that knows of collections has no value: everything.
    Absent,
    /// Neither collections nor a scope: everything that the client may see.
    Everything,
    /// These collections.
    Collections(Vec<u32>),
    /// Every collection of this scope.
    Scope(u32),
    /// What it says cannot be: a value like any other until the filter's turn comes.
    Faulty(FilterFault),
}

/// What a filter came to, once it was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterKind {
    /// The request had no value: the default collection, as clients without collections know it.
    Legacy,
    /// Everything, of any collection.
    Passthrough,
    /// Some collections.
    Collections,
    /// A scope, which grows and shrinks.
    Scope,
}

/// Why a filter cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterFault {
    /// It names a collection that does not exist.
    UnknownCollection(u32),
    /// It names a scope that does not exist.
    UnknownScope(u32),
    /// The user may not read what it names.
    Access,
    /// It contradicts itself.
    Invalid,
    /// It cannot be read, for this reason.
    Unreadable(&'static str),
    /// It comes with something that is not built, named here.
    NotBuilt(&'static str),
    /// It comes with a stream id that no stream can have.
    StreamId,
}

/// Looks a filter up.
///
/// `None` is a request of a client that does not know of collections.
///
/// # Errors
/// The first collection, or the scope, that the manifest does not have (of a client that does not know of collections,
/// the default one); an empty list of collections; what was wrong with it from the start.
pub fn resolve(filter: Option<&RawFilter>, manifest: &Manifest) -> Result<FilterKind, FilterFault> {
    match filter {
        None if manifest.collection(CollectionId::ZERO).is_none() => {
            Err(FilterFault::UnknownCollection(CollectionId::ZERO.0))
        }
        None => Ok(FilterKind::Legacy),
        Some(RawFilter::Absent | RawFilter::Everything) => Ok(FilterKind::Passthrough),
        Some(RawFilter::Faulty(fault)) => Err(*fault),
        Some(RawFilter::Scope(scope)) => match manifest.scope(ScopeId(*scope)) {
            Some(_) => Ok(FilterKind::Scope),
            None => Err(FilterFault::UnknownScope(*scope)),
        },
        Some(RawFilter::Collections(collections)) => {
            if collections.is_empty() {
                return Err(FilterFault::Invalid);
            }
            let unknown = |id: &&u32| manifest.collection(CollectionId(**id)).is_none();
            match collections.iter().find(unknown) {
                Some(unknown) => Err(FilterFault::UnknownCollection(*unknown)),
                None => Ok(FilterKind::Collections),
            }
        }
    }
}

impl RawFilter {
    /// The ids that it names.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        match self {
            Self::Absent | Self::Everything | Self::Faulty(_) => &[],
            Self::Collections(ids) => ids,
            Self::Scope(id) => core::slice::from_ref(id),
        }
    }
}

impl fmt::Display for FilterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCollection(id) => write!(f, "there is no collection {id:#x}"),
            Self::UnknownScope(id) => write!(f, "there is no scope {id:#x}"),
            Self::Access => f.write_str("the user may not read what the filter names"),
            Self::Invalid => f.write_str("the filter contradicts itself"),
            Self::Unreadable(why) | Self::NotBuilt(why) => f.write_str(why),
            Self::StreamId => f.write_str("a stream id is a number from 1 to 65535"),
        }
    }
}
