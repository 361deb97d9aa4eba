//! Commands by number.

use core::fmt;

/// The command of a message; unknown numbers are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Opcode(pub u8);

macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident = $n:literal, $text:literal;)*) => {
        impl Opcode {
            $($(#[$doc])* pub const $name: Self = Self($n);)*

            /// Its name, or `None` for a number that is not in the table.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($n => Some($text),)*
                    _ => None,
                }
            }

            /// Every command of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

opcodes! {
    /// Read a document.
    GET = 0x00, "GET";
    /// Write a document.
    SET = 0x01, "SET";
    /// Write a document that does not exist.
    ADD = 0x02, "ADD";
    /// Write a document that exists.
    REPLACE = 0x03, "REPLACE";
    /// Delete a document.
    DELETE = 0x04, "DELETE";
    /// Add to a counter.
    INCREMENT = 0x05, "INCREMENT";
    /// Subtract from a counter.
    DECREMENT = 0x06, "DECREMENT";
    /// Close the connection, with an answer.
    QUIT = 0x07, "QUIT";
    /// Delete every document.
    FLUSH = 0x08, "FLUSH";
    /// [`Opcode::GET`] that is silent on a miss.
    GETQ = 0x09, "GETQ";
    /// Nothing, with an answer.
    NOOP = 0x0a, "NOOP";
    /// The server's version.
    VERSION = 0x0b, "VERSION";
    /// [`Opcode::GET`] that answers with the key too.
    GETK = 0x0c, "GETK";
    /// [`Opcode::GETK`] that is silent on a miss.
    GETKQ = 0x0d, "GETKQ";
    /// Add bytes behind a value.
    APPEND = 0x0e, "APPEND";
    /// Add bytes in front of a value.
    PREPEND = 0x0f, "PREPEND";
    /// Statistics of a group.
    STAT = 0x10, "STAT";
    /// [`Opcode::SET`] that answers only a failure.
    SETQ = 0x11, "SETQ";
    /// [`Opcode::ADD`] that answers only a failure.
    ADDQ = 0x12, "ADDQ";
    /// [`Opcode::REPLACE`] that answers only a failure.
    REPLACEQ = 0x13, "REPLACEQ";
    /// [`Opcode::DELETE`] that answers only a failure.
    DELETEQ = 0x14, "DELETEQ";
    /// [`Opcode::INCREMENT`] that answers only a failure.
    INCREMENTQ = 0x15, "INCREMENTQ";
    /// [`Opcode::DECREMENT`] that answers only a failure.
    DECREMENTQ = 0x16, "DECREMENTQ";
    /// [`Opcode::QUIT`] without an answer.
    QUITQ = 0x17, "QUITQ";
    /// [`Opcode::FLUSH`] that answers only a failure.
    FLUSHQ = 0x18, "FLUSHQ";
    /// [`Opcode::APPEND`] that answers only a failure.
    APPENDQ = 0x19, "APPENDQ";
    /// [`Opcode::PREPEND`] that answers only a failure.
    PREPENDQ = 0x1a, "PREPENDQ";
    /// Give a document another expiry.
    TOUCH = 0x1c, "TOUCH";
    /// Read a document and give it another expiry.
    GAT = 0x1d, "GAT";
    /// [`Opcode::GAT`] that is silent on a miss.
    GATQ = 0x1e, "GATQ";
    /// Agree on features.
    HELLO = 0x1f, "HELLO";
    /// Names of the authentication mechanisms.
    SASL_LIST_MECHS = 0x20, "SASL_LIST_MECHS";
    /// Begin to authenticate.
    SASL_AUTH = 0x21, "SASL_AUTH";
    /// Go on authenticating.
    SASL_STEP = 0x22, "SASL_STEP";
    /// Set the state of a vbucket.
    SET_VBUCKET = 0x3d, "SET_VBUCKET";
    /// The state of a vbucket.
    GET_VBUCKET = 0x3e, "GET_VBUCKET";
    /// Delete a vbucket.
    DEL_VBUCKET = 0x3f, "DEL_VBUCKET";
    /// The high seqno of every vbucket.
    GET_ALL_VB_SEQNOS = 0x48, "GET_ALL_VB_SEQNOS";
    /// Make this a DCP connection.
    DCP_OPEN = 0x50, "DCP_OPEN";
    /// Ask a consumer to open a stream.
    DCP_ADD_STREAM = 0x51, "DCP_ADD_STREAM";
    /// Close a stream.
    DCP_CLOSE_STREAM = 0x52, "DCP_CLOSE_STREAM";
    /// Open a stream.
    DCP_STREAM_REQ = 0x53, "DCP_STREAM_REQ";
    /// The failover log of a vbucket.
    DCP_GET_FAILOVER_LOG = 0x54, "DCP_GET_FAILOVER_LOG";
    /// A stream is over.
    DCP_STREAM_END = 0x55, "DCP_STREAM_END";
    /// A snapshot begins.
    DCP_SNAPSHOT_MARKER = 0x56, "DCP_SNAPSHOT_MARKER";
    /// A document was written.
    DCP_MUTATION = 0x57, "DCP_MUTATION";
    /// A document was deleted.
    DCP_DELETION = 0x58, "DCP_DELETION";
    /// A document's time to live ran out.
    DCP_EXPIRATION = 0x59, "DCP_EXPIRATION";
    /// Never supported.
    DCP_FLUSH = 0x5a, "DCP_FLUSH";
    /// Takeover: the vbucket's new state.
    DCP_SET_VBUCKET_STATE = 0x5b, "DCP_SET_VBUCKET_STATE";
    /// Is the other side alive?
    DCP_NOOP = 0x5c, "DCP_NOOP";
    /// Flow control: bytes that were handled.
    DCP_BUFFER_ACK = 0x5d, "DCP_BUFFER_ACK";
    /// Change a setting of the connection.
    DCP_CONTROL = 0x5e, "DCP_CONTROL";
    /// A collection or scope came, changed or went.
    DCP_SYSTEM_EVENT = 0x5f, "DCP_SYSTEM_EVENT";
    /// A durable write was prepared.
    DCP_PREPARE = 0x60, "DCP_PREPARE";
    /// A replica has a seqno.
    DCP_SEQNO_ACKNOWLEDGED = 0x61, "DCP_SEQNO_ACKNOWLEDGED";
    /// A durable write was committed.
    DCP_COMMIT = 0x62, "DCP_COMMIT";
    /// A durable write was aborted.
    DCP_ABORT = 0x63, "DCP_ABORT";
    /// The stream got to a seqno without anything to send for it.
    DCP_SEQNO_ADVANCED = 0x64, "DCP_SEQNO_ADVANCED";
    /// A snapshot in key order begins or ends.
    DCP_OSO_SNAPSHOT = 0x65, "DCP_OSO_SNAPSHOT";
    /// How far a vbucket is in memory and on disk.
    OBSERVE_SEQNO = 0x91, "OBSERVE_SEQNO";
    /// Read a document and lock it.
    GET_LOCKED = 0x94, "GET_LOCKED";
    /// Unlock a document.
    UNLOCK_KEY = 0x95, "UNLOCK_KEY";
    /// Use a bucket.
    SELECT_BUCKET = 0x89, "SELECT_BUCKET";
    /// A document's version, also of one that was deleted.
    GET_META = 0xa0, "GET_META";
    /// [`Opcode::GET_META`] that is silent on a miss.
    GETQ_META = 0xa1, "GETQ_META";
    /// Write a version that was made elsewhere.
    SET_WITH_META = 0xa2, "SET_WITH_META";
    /// [`Opcode::SET_WITH_META`] that answers only a failure.
    SETQ_WITH_META = 0xa3, "SETQ_WITH_META";
    /// Write a version that was made elsewhere, of a document that does not exist.
    ADD_WITH_META = 0xa4, "ADD_WITH_META";
    /// [`Opcode::ADD_WITH_META`] that answers only a failure.
    ADDQ_WITH_META = 0xa5, "ADDQ_WITH_META";
    /// Write a tombstone that was made elsewhere.
    DEL_WITH_META = 0xa8, "DEL_WITH_META";
    /// [`Opcode::DEL_WITH_META`] that answers only a failure.
    DELQ_WITH_META = 0xa9, "DELQ_WITH_META";
    /// Forget tombstones of a vbucket.
    COMPACT_DB = 0xb3, "COMPACT_DB";
    /// The cluster's map.
    GET_CLUSTER_CONFIG = 0xb5, "GET_CLUSTER_CONFIG";
    /// Read a document that is drawn at random.
    GET_RANDOM_KEY = 0xb6, "GET_RANDOM_KEY";
    /// Scopes and collections.
    COLLECTIONS_GET_MANIFEST = 0xba, "COLLECTIONS_GET_MANIFEST";
    /// The id of a collection.
    COLLECTIONS_GET_ID = 0xbb, "COLLECTIONS_GET_ID";
    /// The id of a scope.
    COLLECTIONS_GET_SCOPE_ID = 0xbc, "COLLECTIONS_GET_SCOPE_ID";
    /// Read parts of a document.
    SUBDOC_MULTI_LOOKUP = 0xd0, "SUBDOC_MULTI_LOOKUP";
    /// Write parts of a document.
    SUBDOC_MULTI_MUTATION = 0xd1, "SUBDOC_MULTI_MUTATION";
    /// What the status numbers mean.
    GET_ERROR_MAP = 0xfe, "GET_ERROR_MAP";
}

impl Opcode {
    /// Whether a client counts the message, header included, against the flow-control window.
    #[must_use]
    pub const fn is_counted(self) -> bool {
        matches!(self.0, 0x55..=0x59 | 0x5f | 0x64 | 0x65)
    }

    /// Whether the command is a DCP one.
    #[must_use]
    pub const fn is_dcp(self) -> bool {
        matches!(self.0, 0x50..=0x67)
    }

    /// Whether the command leaves out an answer that tells nothing.
    #[must_use]
    pub const fn is_quiet(self) -> bool {
        self.loud().0 != self.0
    }

    /// The command that does the same and always answers; itself unless it is quiet.
    #[must_use]
    pub const fn loud(self) -> Self {
        match self {
            Self::GETQ => Self::GET,
            Self::GETKQ => Self::GETK,
            Self::SETQ => Self::SET,
            Self::ADDQ => Self::ADD,
            Self::REPLACEQ => Self::REPLACE,
            Self::DELETEQ => Self::DELETE,
            Self::INCREMENTQ => Self::INCREMENT,
            Self::DECREMENTQ => Self::DECREMENT,
            Self::QUITQ => Self::QUIT,
            Self::FLUSHQ => Self::FLUSH,
            Self::APPENDQ => Self::APPEND,
            Self::PREPENDQ => Self::PREPEND,
            Self::GATQ => Self::GAT,
            Self::GETQ_META => Self::GET_META,
            Self::SETQ_WITH_META => Self::SET_WITH_META,
            Self::ADDQ_WITH_META => Self::ADD_WITH_META,
            Self::DELQ_WITH_META => Self::DEL_WITH_META,
            other => other,
        }
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "opcode {:#04x}", self.0),
        }
    }
}

impl fmt::Debug for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
