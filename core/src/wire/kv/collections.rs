//! `ba`, `bb` scopes and collections.
//!
//! ```text
//!  ba manifest: request: nothing; answer: value: JSON
//!  bb id:       request: value (of old clients: key): "scope.collection"
//!               answer: extras 12: 0 manifest u64 | 8 collection u32
//!  bc scope id: request: value (of old clients: key): "scope"
//!               answer: extras 12: 0 manifest u64 | 8 scope u32
//! ```

use crate::types::{Cas, Datatype, Opaque, ScopeId, VbId};
use crate::wire::layout::{Lead, put, put_bare};
use crate::wire::response::answer_head;
use crate::wire::shape::Shape;
use crate::wire::{CollectionId, Frame, HEADER_BYTES, Header, Opcode, Response, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// Asks for all scopes and collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetManifest;

impl GetManifest {
    const OPCODE: Opcode = Opcode::COLLECTIONS_GET_MANIFEST;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE]);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        put_bare(out, Lead::request(Self::OPCODE, VbId::ZERO, opaque));
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it has any content.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame).map(|()| Self)
    }
}

/// Asks for the id of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetCollectionId<'a> {
    /// Scope and collection with a dot between.
    pub path: &'a [u8],
}

impl<'a> GetCollectionId<'a> {
    const OPCODE: Opcode = Opcode::COLLECTIONS_GET_ID;
    /// Two names of 251 bytes and a dot.
    const PATH_BYTES_MAX: usize = 251 + 1 + 251;
    pub(super) const SHAPE: Shape =
        Shape::of(&[Self::OPCODE]).key(0, Self::PATH_BYTES_MAX).value(0, Self::PATH_BYTES_MAX);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        put(out, &lead.head::<HEADER_BYTES>(0, self.path.len()), &[], self.path);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or not exactly one of key and value is there.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        match (frame.key(), frame.value()) {
            (path, []) | ([], path) if !path.is_empty() => Ok(Self { path }),
            _ => Err(WireError::Content {
                opcode: Self::OPCODE,
                what: "the path belongs in the value, or else in the key",
            }),
        }
    }
}

/// The id of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectionIdAnswer {
    /// The manifest that the server looked at.
    pub manifest: u64,
    /// The id.
    pub collection: CollectionId,
}

impl CollectionIdAnswer {
    /// Appends it.
    pub fn encode(&self, to: &Header, out: &mut BytesMut) {
        let mut head: [u8; HEADER_BYTES + ID_ANSWER_EXTRAS] =
            answer_head(to, Cas::ZERO, Datatype::RAW, 0, 0);
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u64(self.manifest);
        extras.put_u32(self.collection.0);
        put(out, &head, &[], &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused, or the extras have another length.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        let answer = Response::accept(frame, &[GetCollectionId::OPCODE])?;
        let mut extras = &answer.exact_extras::<{ ID_ANSWER_EXTRAS }>(&[ID_ANSWER_EXTRAS])?[..];
        Ok(Self { manifest: extras.get_u64(), collection: CollectionId(extras.get_u32()) })
    }
}

/// Asks for the id of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetScopeId<'a> {
    /// The scope's name; what follows a dot is passed over.
    pub path: &'a [u8],
}

impl<'a> GetScopeId<'a> {
    const OPCODE: Opcode = Opcode::COLLECTIONS_GET_SCOPE_ID;
    pub(super) const SHAPE: Shape = Shape::of(&[Self::OPCODE])
        .key(0, GetCollectionId::PATH_BYTES_MAX)
        .value(0, GetCollectionId::PATH_BYTES_MAX);

    /// Appends it.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let lead = Lead::request(Self::OPCODE, VbId::ZERO, opaque);
        put(out, &lead.head::<HEADER_BYTES>(0, self.path.len()), &[], self.path);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or not exactly one of key and value is there.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        match (frame.key(), frame.value()) {
            (path, []) | ([], path) if !path.is_empty() => Ok(Self { path }),
            _ => Err(WireError::Content {
                opcode: Self::OPCODE,
                what: "the path belongs in the value, or else in the key",
            }),
        }
    }
}

/// The id of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeIdAnswer {
    /// The manifest that the server looked at.
    pub manifest: u64,
    /// The id.
    pub scope: ScopeId,
}

impl ScopeIdAnswer {
    /// Appends it.
    pub fn encode(&self, to: &Header, out: &mut BytesMut) {
        let mut head: [u8; HEADER_BYTES + ID_ANSWER_EXTRAS] =
            answer_head(to, Cas::ZERO, Datatype::RAW, 0, 0);
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u64(self.manifest);
        extras.put_u32(self.scope.0);
        put(out, &head, &[], &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused, or the extras have another length.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        let answer = Response::accept(frame, &[GetScopeId::OPCODE])?;
        let mut extras = &answer.exact_extras::<{ ID_ANSWER_EXTRAS }>(&[ID_ANSWER_EXTRAS])?[..];
        Ok(Self { manifest: extras.get_u64(), scope: ScopeId(extras.get_u32()) })
    }
}

const ID_ANSWER_EXTRAS: usize = 8 + 4;
