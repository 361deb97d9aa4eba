//! `94` read a document and lock it, `95` unlock it.
//!
//! ```text
//!  94: extras 0, or 4: seconds u32; key. Answer: see `GetAnswer`, the lock's token in the header as its CAS
//!  95: key; the lock's token in the header as the CAS. Answer: empty
//! ```

use crate::types::{Cas, Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// Read a document and lock it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetLocked<'a> {
    /// The vbucket.
    pub vb: VbId,
    /// For how long; 0: as long as the server thinks right.
    pub seconds: u32,
    /// The key.
    pub key: &'a [u8],
}

impl<'a> GetLocked<'a> {
    pub(super) const SHAPE: Shape =
        Shape::of(&[Opcode::GET_LOCKED]).extras(&[0, SECONDS]).doc_key();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Opcode::GET_LOCKED, self.vb, opaque);
        let mut head: [u8; HEADER_BYTES + SECONDS] = lead.head(self.key.len(), 0);
        (&mut head[HEADER_BYTES..]).put_u32(self.seconds);
        put(out, &head, self.key, &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let seconds = if frame.extras().is_empty() { 0 } else { frame.extras().get_u32() };
        Ok(Self { vb: frame.vbucket(), seconds, key: frame.key() })
    }
}

/// Unlock a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnlockKey<'a> {
    /// The vbucket.
    pub vb: VbId,
    /// The lock's token.
    pub cas: Cas,
    /// The key.
    pub key: &'a [u8],
}

impl<'a> UnlockKey<'a> {
    const OPCODE: Opcode = Opcode::UNLOCK_KEY;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]).doc_key();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, self.vb, opaque).cas(self.cas);
        put(out, &lead.head::<HEADER_BYTES>(self.key.len(), 0), self.key, &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or there is no token.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        if frame.cas() == Cas::ZERO {
            let what = "the CAS is not that of a lock";
            return Err(WireError::Content { opcode: Self::OPCODE, what });
        }
        Ok(Self { vb: frame.vbucket(), cas: frame.cas(), key: frame.key() })
    }
}

const SECONDS: usize = 4;
