//! `1f` agree on features.
//!
//! ```text
//!  request: key: what the client calls itself; value: features, u16 each
//!  answer:  value: those that were granted, u16 each
//! ```

use crate::types::{Cas, Datatype, Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::response::answer_head;
use crate::wire::shape::Shape;
use crate::wire::{Feature, FeatureSet, Frame, HEADER_BYTES, Header, Opcode, Response, WireError};
use bytes::{BufMut, BytesMut};

/// Agree on features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello<'a> {
    /// What the client calls itself; often JSON.
    pub agent: &'a [u8],
    /// What it would like; numbers from 64 up are left out.
    pub features: FeatureSet,
}

impl<'a> Hello<'a> {
    const OPCODE: Opcode = Opcode::HELLO;
    const AGENT_BYTES_MAX: usize = 1024;
    const VALUE_BYTES_MAX: usize = 1024;
    pub(super) const SHAPE: Shape =
        Shape::of(&[Self::OPCODE]).key(0, Self::AGENT_BYTES_MAX).value(0, Self::VALUE_BYTES_MAX);

    /// Appends it.
    ///
    /// # Panics
    /// When the agent is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let len = 2 * self.features.iter().count();
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        let head: [u8; HEADER_BYTES] = lead.head(self.agent.len(), len);
        put(out, &head, self.agent, &[]);
        put_features(self.features, out);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        Ok(Self { agent: frame.key(), features: read_features(frame.value())? })
    }
}

/// What the server grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloAnswer {
    /// The features.
    pub features: FeatureSet,
}

impl HelloAnswer {
    /// Appends it.
    pub fn encode(&self, to: &Header, out: &mut BytesMut) {
        let len = 2 * self.features.iter().count();
        let head: [u8; HEADER_BYTES] = answer_head(to, Cas::ZERO, Datatype::RAW, 0, len);
        put(out, &head, &[], &[]);
        put_features(self.features, out);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused, or the value is not made of features.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        let answer = Response::accept(frame, &[Hello::OPCODE])?;
        Ok(Self { features: read_features(answer.value)? })
    }
}

fn put_features(features: FeatureSet, out: &mut BytesMut) {
    for feature in features.iter() {
        out.put_u16(feature.0);
    }
}

fn read_features(value: &[u8]) -> Result<FeatureSet, WireError> {
    let (features, rest) = value.as_chunks::<2>();
    if !rest.is_empty() {
        let what = "the list of features has an odd length";
        return Err(WireError::Content { opcode: Hello::OPCODE, what });
    }
    Ok(features.iter().map(|&f| Feature(u16::from_be_bytes(f))).collect())
}
