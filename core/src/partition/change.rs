//! What a writer says and gets back.

use crate::index::Lock;
pub use crate::log::Doc;
use crate::types::{Cas, Datatype, DocKind, DocMeta, RevSeqno, Seqno};
use std::borrow::Cow;

/// The newest version of a key, as a writer's decision sees it.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Everything but key and value; of a tombstone too.
    pub meta: &'a DocMeta,
    /// The value, if it is in memory (or was handed in after [`UpdateError::NotInMemory`]).
    pub value: Option<&'a [u8]>,
    /// The lock that is in force on it. To write all the same breaks it.
    pub lock: Option<Lock>,
}

impl<'a> Found<'a> {
    /// A version as the store has it, which knows of no locks.
    pub(crate) fn stored(meta: &'a DocMeta, value: &'a [u8]) -> Self {
        Self { meta, value: Some(value), lock: None }
    }
}

/// What becomes of a key.
#[derive(Clone, Debug)]
pub enum Decision<'v, E> {
    /// A new version.
    Write(Change<'v>),
    /// The decision needs the value, which is not in memory.
    NeedValue,
    /// Nothing: the caller gets this back.
    Refuse(E),
}

/// A new version of a document.
#[derive(Clone, Debug)]
pub struct Change<'v> {
    /// A value or a tombstone.
    pub kind: DocKind,
    /// The value; empty for a tombstone.
    pub value: Cow<'v, [u8]>,
    /// The writer's own 32 bits.
    pub flags: u32,
    /// When it expires, in seconds since 1970, or 0; of a tombstone, when it was deleted.
    pub expiry: u32,
    /// What the value is made of.
    pub datatype: Datatype,
    /// Where the version comes from, if it was made elsewhere.
    pub origin: Option<Origin>,
}

/// What a version that was made elsewhere brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its compare-and-swap token; `None`: it gets a new one.
    pub cas: Option<Cas>,
    /// How often the document was changed.
    pub rev: RevSeqno,
}

impl<'v> Change<'v> {
    /// A plain value that never expires.
    pub fn set(value: impl Into<Cow<'v, [u8]>>) -> Self {
        Self {
            kind: DocKind::Alive,
            value: value.into(),
            flags: 0,
            expiry: 0,
            datatype: Datatype::RAW,
            origin: None,
        }
    }

    /// A tombstone made at `now` (seconds since 1970).
    #[must_use]
    pub fn delete(now: u32) -> Self {
        Self { kind: DocKind::Deleted, expiry: now, ..Self::set(&[][..]) }
    }

    /// The tombstone of a document whose time ran out.
    #[must_use]
    pub fn expire(now: u32) -> Self {
        Self { kind: DocKind::Expired, ..Self::delete(now) }
    }
}

/// The version that a write made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its place in the vbucket's history.
    pub seqno: Seqno,
    /// Its compare-and-swap token.
    pub cas: Cas,
    /// How often the document was changed.
    pub rev: RevSeqno,
}

/// Why a write was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateError<E> {
    /// The decision said so.
    Refused(E),
    /// The decision needs a value that only the store has: fetch it and hand it in.
    NotInMemory,
    /// The vbucket is not active.
    NotActive,
    /// Try again: memory is full until more is persisted, or the vbucket has just become active and has yet to hear of
    /// the key's collection.
    Busy,
    /// Key or value is too long.
    TooLarge,
    /// There is no such collection in this vbucket, or it is being dropped.
    UnknownCollection,
}
