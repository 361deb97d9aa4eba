//! Features that a connection agrees on with HELLO.

use core::fmt;

/// A feature; unknown numbers are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Feature(pub u16);

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $n:literal;)*) => {
        impl Feature {
            $($(#[$doc])* pub const $name: Self = Self($n);)*

            /// The name of its constant, or `None` for a number that is not in the table.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($n => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

features! {
    /// The old way to ask for datatypes; nobody grants it.
    DATATYPE = 0x01;
    /// Start of TLS on the same connection; nobody grants it.
    TLS = 0x02;
    /// No delay on the server's socket.
    TCP_NODELAY = 0x03;
    /// Answers to writes carry vbucket uuid and seqno.
    MUTATION_SEQNO = 0x04;
    /// Delay on the server's socket.
    TCP_DELAY = 0x05;
    /// Extended attributes.
    XATTR = 0x06;
    /// Errors beyond the oldest clients' list.
    XERROR = 0x07;
    /// The client will select a bucket.
    SELECT_BUCKET = 0x08;
    /// Values may be compressed, both ways.
    SNAPPY = 0x0a;
    /// Values may be marked as JSON.
    JSON = 0x0b;
    /// The server may send requests of its own.
    DUPLEX = 0x0c;
    /// The server may push the cluster map.
    CLUSTERMAP_CHANGE_NOTIFICATION = 0x0d;
    /// Answers may overtake each other.
    UNORDERED_EXECUTION = 0x0e;
    /// Answers may tell how long they took.
    TRACING = 0x0f;
    /// The client may use framing extras.
    ALT_REQUEST = 0x10;
    /// Durable writes.
    SYNC_REPLICATION = 0x11;
    /// Every key begins with a collection id.
    COLLECTIONS = 0x12;
    /// Every value may be compressed, whatever the command.
    SNAPPY_EVERYWHERE = 0x13;
    /// Writes may keep the document's expiry.
    PRESERVE_TTL = 0x14;
    /// `$vbucket` and friends in sub-document commands.
    VATTR = 0x15;
    /// Point in time recovery.
    PITR = 0x16;
    /// Sub-document: documents may be made deleted.
    SUBDOC_CREATE_AS_DELETED = 0x17;
    /// Sub-document: macros for the whole document.
    SUBDOC_DOCUMENT_MACRO = 0x18;
    /// Sub-document: an attribute may replace the body.
    SUBDOC_REPLACE_BODY_WITH_XATTR = 0x19;
    /// Answers tell what they cost.
    REPORT_UNIT_USAGE = 0x1a;
    /// The server answers at once when it throttles.
    NON_BLOCKING_THROTTLING = 0x1b;
    /// Sub-document: reads from a replica.
    SUBDOC_REPLICA_READ = 0x1c;
    /// The cluster map is asked for with the version that the client has.
    CLUSTER_CONFIG_WITH_KNOWN_VERSION = 0x1d;
    /// A repeated "not my vbucket" may leave the map out.
    DEDUPE_NOT_MY_VBUCKET_CLUSTERMAP = 0x1e;
    /// The server may push the version of a new cluster map, without the map.
    CLUSTERMAP_CHANGE_NOTIFICATION_BRIEF = 0x1f;
    /// Sub-document: several attributes at once.
    SUBDOC_MULTIPLE_XATTR_KEYS = 0x20;
    /// Sub-document: binary attributes.
    SUBDOC_BINARY_XATTR = 0x21;
    /// Range scans with extended attributes.
    RANGE_SCAN_INCLUDE_XATTR = 0x22;
}

impl fmt::Debug for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Feature({:#04x})", self.0),
        }
    }
}

/// A set of the features below number 64; others cannot be in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeatureSet(u64);

impl FeatureSet {
    /// No feature.
    pub const EMPTY: Self = Self(0);

    /// The set of these.
    #[must_use]
    pub const fn of(features: &[Feature]) -> Self {
        let (mut set, mut i) = (Self::EMPTY, 0);
        while i < features.len() {
            set = set.with(features[i]);
            i += 1;
        }
        set
    }

    /// The same set with one more; unchanged if its number is 64 or above.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Self {
        if feature.0 < 64 { Self(self.0 | 1 << feature.0) } else { self }
    }

    /// The same set with one less.
    #[must_use]
    pub const fn without(self, feature: Feature) -> Self {
        if feature.0 < 64 { Self(self.0 & !(1 << feature.0)) } else { self }
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, feature: Feature) -> bool {
        feature.0 < 64 && self.0 >> feature.0 & 1 == 1
    }

    /// The features of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The features in the set, by rising number.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        (0..64).map(Feature).filter(move |&f| self.contains(f))
    }
}

impl FromIterator<Feature> for FeatureSet {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        features.into_iter().fold(Self::EMPTY, Self::with)
    }
}
