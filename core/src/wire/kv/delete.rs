//! `04`, `14` delete a document. Key; CAS in the header. Answer: see `WriteAnswer`.

use crate::types::{Cas, Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::BytesMut;

/// Delete a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delete<'a> {
    /// The vbucket.
    pub vb: VbId,
    /// The CAS that it must have now, or 0 for any.
    pub cas: Cas,
    /// The key.
    pub key: &'a [u8],
    /// Whether only a failure is answered.
    pub quiet: bool,
}

impl<'a> Delete<'a> {
    pub(super) const SHAPE: Shape =
        Shape::of(&[Opcode::DELETE, Opcode::DELETEQ]).doc_key().preserve_expiry();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let opcode = if self.quiet { Opcode::DELETEQ } else { Opcode::DELETE };
        let lead = Lead::request(opcode, self.vb, opaque).cas(self.cas);
        put(out, &lead.head::<HEADER_BYTES>(self.key.len(), 0), self.key, &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let quiet = frame.opcode().is_quiet();
        Ok(Self { vb: frame.vbucket(), cas: frame.cas(), key: frame.key(), quiet })
    }
}
