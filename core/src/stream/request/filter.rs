//! Which documents a stream shows.

use core::fmt;

/// What a request says about documents, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawFilter {
    /// Neither collections nor a scope: everything that the client may see.
    Everything,
    /// These collections.
    Collections(Vec<u32>),
    /// Every collection of this scope.
    Scope(u32),
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
    /// It contradicts itself, or cannot be read.
    Invalid,
    /// It comes with a stream id that no stream can have.
    StreamId,
}

/// Looks a filter up in a vbucket that has but the default collection in the default scope.
///
/// `None` is a request without a value.
///
/// # Errors
/// The first collection, or the scope, that is not the default one; an empty list of collections.
pub fn resolve_in_default(filter: Option<&RawFilter>) -> Result<FilterKind, FilterFault> {
    match filter {
        None => Ok(FilterKind::Legacy),
        Some(RawFilter::Everything) => Ok(FilterKind::Passthrough),
        Some(RawFilter::Scope(DEFAULT)) => Ok(FilterKind::Scope),
        Some(RawFilter::Scope(scope)) => Err(FilterFault::UnknownScope(*scope)),
        Some(RawFilter::Collections(collections)) => {
            if collections.is_empty() {
                return Err(FilterFault::Invalid);
            }
            match collections.iter().find(|collection| **collection != DEFAULT) {
                Some(unknown) => Err(FilterFault::UnknownCollection(*unknown)),
                None => Ok(FilterKind::Collections),
            }
        }
    }
}

impl fmt::Display for FilterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCollection(id) => write!(f, "there is no collection {id:#x}"),
            Self::UnknownScope(id) => write!(f, "there is no scope {id:#x}"),
            Self::Access => f.write_str("the user may not read what the filter names"),
            Self::Invalid => f.write_str("the filter contradicts itself or cannot be read"),
            Self::StreamId => f.write_str("a stream id is a number from 1 to 65535"),
        }
    }
}

/// The id of the default collection, and of the default scope.
const DEFAULT: u32 = 0;
