//! What can be wrong with a message.

use super::{Magic, Opcode, Status};
use crate::error::{Error, ErrorKind};
use crate::types::{Cas, Datatype};
use core::fmt;

/// What is wrong with a message; always the fault of whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// The first byte is none of the protocol's.
    Magic(Magic),
    /// Framing extras, extras and key together are longer than the body.
    BodyShort {
        /// Their sum.
        parts: u32,
        /// The body's length.
        body: u32,
    },
    /// The body is larger than the connection allows.
    BodyLong {
        /// Its length.
        body: u32,
        /// The largest allowed.
        limit: u32,
    },
    /// The framing extras end in the middle of an entry, or hold one twice or with a wrong length.
    Framing,
    /// The framing extras hold an entry that the command does not know.
    FrameInfo {
        /// Its number.
        id: u16,
    },
    /// The framing extras ask to make a write durable before it is answered.
    Durability,
    /// A stream id is not two bytes, or is 0.
    StreamId {
        /// Bytes of it.
        len: usize,
    },
    /// The command (or response) is another than the one that was to be read.
    Opcode {
        /// The command that came.
        found: Opcode,
    },
    /// The extras are too short or too long.
    Extras {
        /// The command.
        opcode: Opcode,
        /// Their length.
        len: usize,
        /// The lengths allowed.
        allowed: &'static [usize],
    },
    /// The key is too short or too long.
    Key {
        /// The command.
        opcode: Opcode,
        /// Its length.
        len: usize,
        /// The shortest allowed.
        min: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The value is shorter than allowed.
    ValueShort {
        /// The command.
        opcode: Opcode,
        /// Its length.
        len: usize,
        /// The shortest allowed.
        min: usize,
    },
    /// The value is longer than allowed.
    ValueLong {
        /// The command.
        opcode: Opcode,
        /// Its length.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The datatype has bits that the command does not take.
    Datatype {
        /// The command.
        opcode: Opcode,
        /// The datatype.
        datatype: Datatype,
    },
    /// The command takes no CAS.
    CasGiven {
        /// The command.
        opcode: Opcode,
        /// The CAS.
        cas: Cas,
    },
    /// The flags have unknown bits or a combination that cannot be.
    Flags {
        /// The command.
        opcode: Opcode,
        /// The flags.
        flags: u32,
        /// What is wrong with them.
        what: &'static str,
    },
    /// The content of the extras, key or value makes no sense.
    Content {
        /// The command.
        opcode: Opcode,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The key does not begin with a collection id.
    CollectionId,
    /// The other side refused with this status.
    Refused {
        /// The command.
        opcode: Opcode,
        /// The status.
        status: Status,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Magic(magic) => write!(f, "{:#04x} is not the first byte of a message", magic.0),
            Self::BodyShort { parts, body } => {
                write!(f, "extras and key need {parts} bytes, but the body has {body}")
            }
            Self::BodyLong { body, limit } => {
                write!(f, "the body has {body} bytes, more than the {limit} allowed")
            }
            Self::Framing => f.write_str("the framing extras are malformed"),
            Self::Durability => f.write_str(
                "there are no durable writes; OBSERVE_SEQNO tells when a write is persisted",
            ),
            Self::FrameInfo { id } => write!(f, "frame info {id} is not known here"),
            Self::StreamId { len: 2 } => f.write_str("the stream id is 0"),
            Self::StreamId { len } => write!(f, "the stream id has {len} bytes instead of 2"),
            Self::Opcode { found } => write!(f, "{found} came where another message was due"),
            Self::Extras { opcode, len, allowed } => {
                write!(f, "{opcode} has {len} bytes of extras; it takes {allowed:?}")
            }
            Self::Key { opcode, len, min, max } => {
                write!(f, "{opcode} has a key of {len} bytes; it takes {min} to {max}")
            }
            Self::ValueShort { opcode, len, min } => {
                write!(f, "{opcode} has a value of {len} bytes; it takes {min} or more")
            }
            Self::ValueLong { opcode, len, max } => {
                write!(f, "{opcode} has a value of {len} bytes; it takes at most {max}")
            }
            Self::Datatype { opcode, datatype } => {
                write!(f, "{opcode} does not take datatype {:#04x}", datatype.0)
            }
            Self::CasGiven { opcode, cas } => {
                write!(f, "{opcode} takes no CAS, but came with {cas}")
            }
            Self::Flags { opcode, flags, what } => {
                write!(f, "{opcode} has flags {flags:#x}: {what}")
            }
            Self::Content { opcode, what } => write!(f, "{opcode}: {what}"),
            Self::CollectionId => f.write_str("the key does not begin with a collection id"),
            Self::Refused { opcode, status } => write!(f, "{opcode} was refused with {status}"),
        }
    }
}

impl std::error::Error for WireError {}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::new(ErrorKind::Peer, error.to_string())
    }
}
