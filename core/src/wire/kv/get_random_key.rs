//! `b6` read a document that is drawn at random.
//!
//! ```text
//!  request: no extras; if collections were agreed on 4: the collection u32, or 5: u8 more, whether extended
//!           attributes are wanted
//!  answer:  extras 4: flags u32; key; value; datatype and CAS in the header
//! ```

use crate::types::{Cas, CollectionId, Opaque, VbId};
use crate::wire::layout::{Lead, put, put_bare};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::BytesMut;

/// Read a document that is drawn at random. Answered by a [`GetAnswer`](super::GetAnswer), with its key; 01 if there is
/// none, 88 if there is no such collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetRandomKey {
    /// Of this collection; of the default one if the client did not agree on collections.
    pub collection: Option<CollectionId>,
}

impl GetRandomKey {
    const OPCODE: Opcode = Opcode::GET_RANDOM_KEY;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]).extras(&[0, 4, 5]);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        let Some(collection) = self.collection else { return put_bare(out, lead) };
        let mut head: [u8; HEADER_BYTES + 4] = lead.head(0, 0);
        head[HEADER_BYTES..].copy_from_slice(&collection.0.to_be_bytes());
        put(out, &head, &[], &[]);
    }

    /// Reads it; `collections` says whether they were agreed on.
    ///
    /// # Errors
    /// When a part does not have its length, there is a CAS, or a collection is named that was not agreed on, or none
    /// that was.
    pub fn parse(frame: &Frame, collections: bool) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let (opcode, extras) = (Self::OPCODE, frame.extras());
        if frame.cas() != Cas::ZERO {
            return Err(WireError::CasGiven { opcode, cas: frame.cas() });
        }
        let collection = extras.first_chunk().map(|id| CollectionId(u32::from_be_bytes(*id)));
        if collection.is_some() != collections {
            let allowed: &[usize] = if collections { &[4, 5] } else { &[0] };
            return Err(WireError::Extras { opcode, len: extras.len(), allowed });
        }
        Ok(Self { collection })
    }
}
