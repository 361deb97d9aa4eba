//! The vocabulary: ids and counts, each its own type, so that two of them cannot be swapped.
#![forbid(unsafe_code)]

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $int);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);

            /// The bare number.
            #[must_use]
            pub const fn get(self) -> $int {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$int> for $name {
            fn from(value: $int) -> Self {
                Self(value)
            }
        }
    };
}

id! {
    /// A vbucket: one partition of the key space, with its own seqnos and failover log.
    VbId(u16)
}
id! {
    /// A sequence number within one vbucket. The first write has 1; 0 means "nothing yet".
    Seqno(u64)
}
id! {
    /// The identity of one branch of a vbucket's history; never 0 in a failover log.
    VbUuid(u64)
}
id! {
    /// Compare-and-swap token of a document, in nanoseconds since 1970; never 0 for a live document.
    Cas(u64)
}
id! {
    /// How often a document was changed, deletions included.
    RevSeqno(u64)
}
id! {
    /// A number that a peer chose, which every answer and stream message repeats.
    Opaque(u32)
}
id! {
    /// A collection: a part of a bucket's documents; 0 is the default collection.
    CollectionId(u32)
}
id! {
    /// A scope: a group of collections; 0 is the default scope.
    ScopeId(u32)
}
id! {
    /// Which set of scopes and collections: rises with each change of the manifest.
    ManifestUid(u64)
}
id! {
    /// A stream id (`sid`), which tells apart several streams on one vbucket; never 0 on the wire.
    Sid(u16)
}

impl Seqno {
    /// The end of a stream that never ends.
    pub const MAX: Self = Self(u64::MAX);

    /// The seqno that follows.
    ///
    /// # Panics
    /// When it is [`Seqno::MAX`], which no write ever gets.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The bits of a value's datatype: 1 JSON, 2 Snappy, 4 extended attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Datatype(pub u8);

impl Datatype {
    /// Plain bytes.
    pub const RAW: Self = Self(0);
    /// The value is JSON.
    pub const JSON: Self = Self(1);
    /// The value is compressed with Snappy (raw format).
    pub const SNAPPY: Self = Self(2);
    /// The value starts with extended attributes.
    pub const XATTR: Self = Self(4);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits that `other` does not have.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The bits that `other` has too.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// What a version of a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DocKind {
    /// A value.
    Alive = 0,
    /// A tombstone: somebody deleted it.
    Deleted = 1,
    /// A tombstone: its time to live ran out.
    Expired = 2,
}

impl DocKind {
    /// Whether the document has a value.
    #[must_use]
    pub const fn is_alive(self) -> bool {
        matches!(self, Self::Alive)
    }

    /// From its number.
    #[must_use]
    pub const fn from_u8(n: u8) -> Option<Self> {
        match n {
            0 => Some(Self::Alive),
            1 => Some(Self::Deleted),
            2 => Some(Self::Expired),
            _ => None,
        }
    }
}

/// Everything about one version of a document but its key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocMeta {
    /// Its place in the vbucket's history.
    pub seqno: Seqno,
    /// Its compare-and-swap token.
    pub cas: Cas,
    /// How often the document was changed.
    pub rev: RevSeqno,
    /// The writer's own 32 bits, returned as they came.
    pub flags: u32,
    /// When it expires, in seconds since 1970 (0: never); of a tombstone, when it was deleted.
    pub expiry: u32,
    /// What the value is made of.
    pub datatype: Datatype,
    /// A value or a tombstone.
    pub kind: DocKind,
}

impl DocMeta {
    /// Of the first version of a document, which never expires, without flags or datatype.
    #[must_use]
    pub const fn alive(seqno: Seqno, cas: Cas) -> Self {
        Self {
            seqno,
            cas,
            rev: RevSeqno(1),
            flags: 0,
            expiry: 0,
            datatype: Datatype::RAW,
            kind: DocKind::Alive,
        }
    }
}

/// What a vbucket is to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VbState {
    /// Takes writes and may be streamed.
    Active = 1,
    /// Copies another node; may be streamed.
    Replica = 2,
    /// About to become active.
    Pending = 3,
    /// Gone from this node.
    Dead = 4,
}

impl VbState {
    /// From its number on the wire.
    #[must_use]
    pub const fn from_u32(n: u32) -> Option<Self> {
        match n {
            1 => Some(Self::Active),
            2 => Some(Self::Replica),
            3 => Some(Self::Pending),
            4 => Some(Self::Dead),
            _ => None,
        }
    }

    /// Its name in stats.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Replica => "replica",
            Self::Pending => "pending",
            Self::Dead => "dead",
        }
    }
}

/// Why a stream ended, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[non_exhaustive]
pub enum EndReason {
    /// It reached its end seqno.
    Ok = 0,
    /// The client closed it.
    Closed = 1,
    /// The vbucket changed its state (or was rolled back).
    StateChanged = 2,
    /// The connection is gone; never sent.
    Disconnected = 3,
    /// The client was too slow.
    Slow = 4,
    /// The store could not be read.
    BackfillFailed = 5,
    /// Nothing is left that the stream's filter lets through.
    FilterEmpty = 7,
    /// The user lost the right to read it.
    LostPrivileges = 8,
}

impl EndReason {
    /// From its number on the wire.
    #[must_use]
    pub const fn from_u32(n: u32) -> Option<Self> {
        Some(match n {
            0 => Self::Ok,
            1 => Self::Closed,
            2 => Self::StateChanged,
            3 => Self::Disconnected,
            4 => Self::Slow,
            5 => Self::BackfillFailed,
            7 => Self::FilterEmpty,
            8 => Self::LostPrivileges,
            _ => return None,
        })
    }
}

/// One entry of a failover log: the branch `uuid` of history began above `seqno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailoverEntry {
    /// The branch.
    pub uuid: VbUuid,
    /// The last seqno that it shares with the branch before it.
    pub seqno: Seqno,
}
