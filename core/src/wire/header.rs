//! The 24 bytes in front of every message.
//!
//! ```text
//!   0 magic        1 opcode      2..4 key length (u16)         4 extras length   5 datatype
//!   6..8 vbucket (requests) or status (responses)              8..12 body length
//!  12..16 opaque                                              16..24 cas
//!
//!  With a flexible magic (08, 18), bytes 2..4 are: 2 framing extras length, 3 key length (u8).
//!  The body is framing extras, extras, key, value, in this order; its length counts all four.
//! ```

use super::{Opcode, Status, WireError};
use crate::limits::{FRAME_BODY_BYTES_MAX, FRAME_BODY_BYTES_MAX_BEFORE_AUTH, FRAME_SKIP_BYTES_MAX};
use crate::types::{Cas, Datatype, Opaque, VbId};
use core::fmt;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 24;

/// The first byte of a message: who sends it, and how the header is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Magic(pub u8);

impl Magic {
    /// A request; DCP stream messages are requests too.
    pub const REQUEST: Self = Self(0x80);
    /// A response.
    pub const RESPONSE: Self = Self(0x81);
    /// A request with framing extras.
    pub const FLEX_REQUEST: Self = Self(0x08);
    /// A response with framing extras.
    pub const FLEX_RESPONSE: Self = Self(0x18);
    /// A request that a server pushes to a client on its own account.
    pub const SERVER_REQUEST: Self = Self(0x82);
    /// The answer to such a push.
    pub const SERVER_RESPONSE: Self = Self(0x83);

    /// Whether it is one of the six.
    #[must_use]
    pub const fn is_known(self) -> bool {
        matches!(self.0, 0x80..=0x83 | 0x08 | 0x18)
    }

    /// Whether the header has room for framing extras.
    #[must_use]
    pub const fn is_flexible(self) -> bool {
        matches!(self.0, 0x08 | 0x18)
    }

    /// Whether bytes 6 and 7 are a status and not a vbucket.
    #[must_use]
    pub const fn is_response(self) -> bool {
        matches!(self.0, 0x81 | 0x18 | 0x83)
    }

    /// Whether it is a client's request (or a DCP message), with framing extras or without.
    #[must_use]
    pub const fn is_request(self) -> bool {
        matches!(self.0, 0x80 | 0x08)
    }
}

impl fmt::Debug for Magic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Magic({:#04x})", self.0)
    }
}

/// A header, taken apart. Unknown numbers are kept as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Kind of message.
    pub magic: Magic,
    /// Command.
    pub opcode: Opcode,
    /// Bytes of framing extras; 0 unless the magic is flexible.
    pub framing_len: u8,
    /// Bytes of key; at most 255 if the magic is flexible.
    pub key_len: u16,
    /// Bytes of extras.
    pub extras_len: u8,
    /// What the value is made of.
    pub datatype: Datatype,
    /// The vbucket of a request, the status of a response.
    pub vbucket_or_status: u16,
    /// Bytes that follow the header.
    pub body_len: u32,
    /// The number that ties an answer to its request.
    pub opaque: Opaque,
    /// Compare-and-swap token.
    pub cas: Cas,
}

impl Header {
    /// Takes a header apart; never fails, see [`Header::check`].
    #[must_use]
    pub fn parse(b: &[u8; HEADER_BYTES]) -> Self {
        let magic = Magic(b[0]);
        let (framing_len, key_len) = if magic.is_flexible() {
            (b[2], u16::from(b[3]))
        } else {
            (0, u16::from_be_bytes([b[2], b[3]]))
        };
        Self {
            magic,
            opcode: Opcode(b[1]),
            framing_len,
            key_len,
            extras_len: b[4],
            datatype: Datatype(b[5]),
            vbucket_or_status: u16::from_be_bytes([b[6], b[7]]),
            body_len: u32::from_be_bytes([b[8], b[9], b[10], b[11]]),
            opaque: Opaque(u32::from_be_bytes([b[12], b[13], b[14], b[15]])),
            cas: Cas(u64::from_be_bytes([b[16], b[17], b[18], b[19], b[20], b[21], b[22], b[23]])),
        }
    }

    /// The reverse of [`Header::parse`].
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut b = [0; HEADER_BYTES];
        b[0] = self.magic.0;
        b[1] = self.opcode.0;
        let key_len = self.key_len.to_be_bytes();
        b[2] = if self.magic.is_flexible() { self.framing_len } else { key_len[0] };
        b[3] = key_len[1];
        b[4] = self.extras_len;
        b[5] = self.datatype.0;
        b[6..8].copy_from_slice(&self.vbucket_or_status.to_be_bytes());
        b[8..12].copy_from_slice(&self.body_len.to_be_bytes());
        b[12..16].copy_from_slice(&self.opaque.get().to_be_bytes());
        b[16..24].copy_from_slice(&self.cas.get().to_be_bytes());
        b
    }

    /// Decides on the header alone whether the message may be received, before anything is set aside for
    /// its body.
    ///
    /// # Errors
    /// [`WireError::Magic`], [`WireError::BodyShort`] or [`WireError::BodyLong`]; [`FrameLimits::after`] says
    /// whether the connection can go on after it.
    pub fn check(&self, limits: FrameLimits) -> Result<(), WireError> {
        if !self.magic.is_known() {
            return Err(WireError::Magic(self.magic));
        }
        let parts = self.parts_len();
        if parts > self.body_len {
            return Err(WireError::BodyShort { parts, body: self.body_len });
        }
        if self.body_len > limits.body_max {
            return Err(WireError::BodyLong { body: self.body_len, limit: limits.body_max });
        }
        Ok(())
    }

    /// Bytes of value: what the other parts leave of the body.
    #[must_use]
    pub fn value_len(&self) -> usize {
        (self.body_len as usize).saturating_sub(self.parts_len() as usize)
    }

    fn parts_len(&self) -> u32 {
        u32::from(self.framing_len) + u32::from(self.extras_len) + u32::from(self.key_len)
    }

    /// The vbucket of a request.
    #[must_use]
    pub const fn vbucket(&self) -> VbId {
        VbId(self.vbucket_or_status)
    }

    /// The status of a response.
    #[must_use]
    pub const fn status(&self) -> Status {
        Status(self.vbucket_or_status)
    }
}

/// What may follow a message that was refused on its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Aftermath {
    /// Answer it; its body is skipped and the next message is read.
    AnswerAndGoOn,
    /// Answer it and close: where the next message begins cannot be trusted, or is too far away.
    AnswerAndClose,
    /// Close without an answer: this is not the protocol.
    Close,
}

/// How large the body of a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// Largest body that is received.
    pub body_max: u32,
    /// Largest body that is skipped after a refusal.
    pub skip_max: u32,
}

impl FrameLimits {
    /// For a peer that has not authenticated: small, and nothing is skipped.
    pub const BEFORE_AUTH: Self =
        Self { body_max: FRAME_BODY_BYTES_MAX_BEFORE_AUTH as u32, skip_max: 0 };
    /// For a peer that has.
    pub const AFTER_AUTH: Self =
        Self { body_max: FRAME_BODY_BYTES_MAX as u32, skip_max: FRAME_SKIP_BYTES_MAX as u32 };

    /// What may follow after `header` was refused with `error`. A body that would have been received, had there been
    /// nothing else wrong, is skipped; so is a longer one up to the limit for that.
    pub fn after(self, header: &Header, error: &WireError) -> Aftermath {
        match error {
            WireError::Magic(_) => Aftermath::Close,
            // There is nobody to answer, and what it belongs to is lost.
            _ if !header.magic.is_request() => Aftermath::Close,
            WireError::BodyShort { .. } => Aftermath::AnswerAndClose,
            _ if header.body_len <= self.skip_max.max(self.body_max) => Aftermath::AnswerAndGoOn,
            _ => Aftermath::AnswerAndClose,
        }
    }
}

const _: () = {
    assert!(FRAME_BODY_BYTES_MAX_BEFORE_AUTH <= FRAME_BODY_BYTES_MAX);
    assert!(FRAME_BODY_BYTES_MAX <= FRAME_SKIP_BYTES_MAX);
    assert!(FRAME_SKIP_BYTES_MAX <= u32::MAX as usize);
};
