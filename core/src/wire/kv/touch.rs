//! `1c`, `1d`, `1e` give a document another expiry.
//!
//! ```text
//!  request: extras 4: expiry u32; key
//!  answer:  1c: see WriteAnswer; 1d, 1e: see GetAnswer
//! ```

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// Give a document another expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch<'a> {
    /// The vbucket.
    pub vb: VbId,
    /// When it expires, written as in [`Store`](super::Store).
    pub expiry: u32,
    /// The key.
    pub key: &'a [u8],
}

impl<'a> Touch<'a> {
    pub(super) const SHAPE: Shape = Shape::of(&[Opcode::TOUCH]).extras(&[EXTRAS]).doc_key();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        encode(Opcode::TOUCH, self.vb, self.expiry, self.key, opaque, out);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { vb: frame.vbucket(), expiry: frame.extras().get_u32(), key: frame.key() })
    }
}

/// Read a document and give it another expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetAndTouch<'a> {
    /// The vbucket.
    pub vb: VbId,
    /// When it expires, written as in [`Store`](super::Store).
    pub expiry: u32,
    /// The key.
    pub key: &'a [u8],
    /// Whether a miss goes without an answer.
    pub quiet: bool,
}

impl<'a> GetAndTouch<'a> {
    pub(super) const SHAPE: Shape =
        Shape::of(&[Opcode::GAT, Opcode::GATQ]).extras(&[EXTRAS]).doc_key();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let opcode = if self.quiet { Opcode::GATQ } else { Opcode::GAT };
        encode(opcode, self.vb, self.expiry, self.key, opaque, out);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self {
            vb: frame.vbucket(),
            expiry: frame.extras().get_u32(),
            key: frame.key(),
            quiet: frame.opcode().is_quiet(),
        })
    }
}

fn encode(opcode: Opcode, vb: VbId, expiry: u32, key: &[u8], opaque: Opaque, out: &mut BytesMut) {
    let lead = Lead::request(opcode, vb, opaque);
    let mut head: [u8; HEADER_BYTES + EXTRAS] = lead.head(key.len(), 0);
    (&mut head[HEADER_BYTES..]).put_u32(expiry);
    put(out, &head, key, &[]);
}

const EXTRAS: usize = 4;
