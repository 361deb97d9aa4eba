//! `89` use a bucket. Key: its name. Answer: 00, 24 no access, which a bucket that does not exist is too.

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::BytesMut;

/// Use a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectBucket<'a> {
    /// Its name.
    pub bucket: &'a [u8],
}

impl<'a> SelectBucket<'a> {
    const OPCODE: Opcode = Opcode::SELECT_BUCKET;
    const NAME_BYTES_MAX: usize = 1023;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]).key(1, Self::NAME_BYTES_MAX);

    /// Appends it.
    ///
    /// # Panics
    /// When the name is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        put(out, &lead.head::<HEADER_BYTES>(self.bucket.len(), 0), self.bucket, &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { bucket: frame.key() })
    }
}
