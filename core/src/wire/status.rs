//! Statuses by number, and the one place where a refusal by the codec gets its status.

use super::WireError;
use core::fmt;

/// The status of a response; unknown numbers are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Status(pub u16);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $n:literal, $text:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $name: Self = Self($n);)*

            /// What it means, in a few words, or `None` for a number that is not in the table.
            #[must_use]
            pub const fn text(self) -> Option<&'static str> {
                match self.0 {
                    $($n => Some($text),)*
                    _ => None,
                }
            }

            /// The name of its constant, or `None` for a number that is not in the table.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($n => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// Every status of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

statuses! {
    /// Done.
    SUCCESS = 0x00, "success";
    /// No such key, or no such stream.
    KEY_ENOENT = 0x01, "not found";
    /// The key, or the stream, exists; or the CAS differs.
    KEY_EEXISTS = 0x02, "exists already, or the CAS does not match";
    /// The value is too large.
    E2BIG = 0x03, "too large";
    /// The request is malformed.
    EINVAL = 0x04, "invalid request";
    /// There is nothing to change.
    NOT_STORED = 0x05, "not stored";
    /// A counter's value is not a number.
    DELTA_BADVAL = 0x06, "not a number";
    /// This node does not serve the vbucket.
    NOT_MY_VBUCKET = 0x07, "this node does not serve the vbucket";
    /// No bucket was selected.
    NO_BUCKET = 0x08, "no bucket is selected";
    /// The document is locked.
    LOCKED = 0x09, "locked";
    /// There is no such stream.
    DCP_STREAM_NOT_FOUND = 0x0a, "no such stream";
    /// The opaque is not that of the stream.
    OPAQUE_NO_MATCH = 0x0b, "the opaque does not match the stream";
    /// The document is not locked.
    NOT_LOCKED = 0x0e, "not locked";
    /// The credentials no longer hold.
    AUTH_STALE = 0x1f, "authentication is stale";
    /// Wrong credentials.
    AUTH_ERROR = 0x20, "authentication failed";
    /// Authentication goes on.
    AUTH_CONTINUE = 0x21, "authentication continues";
    /// A number is outside its range.
    ERANGE = 0x22, "out of range";
    /// The histories differ: go back.
    ROLLBACK = 0x23, "rollback";
    /// Not allowed.
    EACCESS = 0x24, "no access";
    /// The node is not ready.
    NOT_INITIALIZED = 0x25, "not initialized";
    /// The frame info is not known.
    UNKNOWN_FRAME_INFO = 0x80, "unknown frame info";
    /// The command is not known.
    UNKNOWN_COMMAND = 0x81, "unknown command";
    /// Out of memory.
    ENOMEM = 0x82, "out of memory";
    /// The command or option is not supported.
    NOT_SUPPORTED = 0x83, "not supported";
    /// A fault of the server.
    EINTERNAL = 0x84, "internal error";
    /// Too busy.
    EBUSY = 0x85, "busy";
    /// Try again later.
    ETMPFAIL = 0x86, "temporary failure";
    /// The value's extended attributes are malformed.
    XATTR_EINVAL = 0x87, "invalid extended attributes";
    /// There is no such collection.
    UNKNOWN_COLLECTION = 0x88, "unknown collection";
    /// The manifest was not applied.
    CANNOT_APPLY_COLLECTIONS_MANIFEST = 0x8a, "cannot apply the manifest";
    /// There is no such scope.
    UNKNOWN_SCOPE = 0x8c, "unknown scope";
    /// The stream id is missing, not allowed or out of range.
    DCP_STREAM_ID_INVALID = 0x8d, "invalid stream id";
}

impl Status {
    /// Whether it is [`Status::SUCCESS`].
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }

    /// What the sender of a message that the codec refused is told.
    #[must_use]
    pub const fn of(error: &WireError) -> Self {
        match error {
            WireError::BodyLong { .. } => Self::E2BIG,
            WireError::Durability => Self::NOT_SUPPORTED,
            WireError::FrameInfo { .. } => Self::UNKNOWN_FRAME_INFO,
            WireError::StreamId { .. } => Self::DCP_STREAM_ID_INVALID,
            WireError::Opcode { .. } => Self::UNKNOWN_COMMAND,
            // A value where none may be is no value that is too large.
            WireError::ValueLong { max: 1.., .. } => Self::E2BIG,
            _ => Self::EINVAL,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x} ({})", self.0, self.text().unwrap_or("unknown status"))
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
