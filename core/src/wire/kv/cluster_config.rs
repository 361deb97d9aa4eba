//! `b5` the cluster's map.
//!
//! ```text
//!  request: extras 0, or 16: the version that the client has: 0 epoch u64 | 8 revision u64
//!  answer:  value: JSON; empty if that version is still the newest
//! ```

use crate::types::{Opaque, VbId};
use crate::wire::layout::{Lead, put, put_bare};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// The version of a map; epochs compare before revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigVersion {
    /// The epoch.
    pub epoch: u64,
    /// The revision.
    pub revision: u64,
}

/// Asks for the cluster's map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetClusterConfig {
    /// The version that the client has.
    pub known: Option<ConfigVersion>,
}

impl GetClusterConfig {
    const OPCODE: Opcode = Opcode::GET_CLUSTER_CONFIG;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]).extras(&[0, EXTRAS]);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        let Some(known) = self.known else {
            return put_bare(out, lead);
        };
        let mut head: [u8; HEADER_BYTES + EXTRAS] = lead.head(0, 0);
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u64(known.epoch);
        extras.put_u64(known.revision);
        put(out, &head, &[], &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let mut extras = frame.extras();
        let known = (!extras.is_empty())
            .then(|| ConfigVersion { epoch: extras.get_u64(), revision: extras.get_u64() });
        Ok(Self { known })
    }
}

const EXTRAS: usize = 8 + 8;
