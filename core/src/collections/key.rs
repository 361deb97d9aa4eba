//! How a document is named: its collection, and its key there.

use crate::limits::{KEY_BYTES_MAX, STORED_KEY_BYTES_MAX};
use crate::types::CollectionId;

/// A key and the collection that it is in. A bare key is one of the default collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    /// The collection.
    pub collection: CollectionId,
    /// The key, 1 to [`KEY_BYTES_MAX`] bytes.
    pub name: &'a [u8],
}

impl<'a> Key<'a> {
    /// A key of a collection.
    #[must_use]
    pub const fn new(collection: CollectionId, name: &'a [u8]) -> Self {
        Self { collection, name }
    }
}

impl<'a> From<&'a [u8]> for Key<'a> {
    fn from(name: &'a [u8]) -> Self {
        Self::new(CollectionId::ZERO, name)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Key<'a> {
    fn from(name: &'a [u8; N]) -> Self {
        Self::new(CollectionId::ZERO, name)
    }
}

impl<'a> From<&'a Vec<u8>> for Key<'a> {
    fn from(name: &'a Vec<u8>) -> Self {
        Self::new(CollectionId::ZERO, name)
    }
}

impl<'a> From<&'a Box<[u8]>> for Key<'a> {
    fn from(name: &'a Box<[u8]>) -> Self {
        Self::new(CollectionId::ZERO, name)
    }
}

/// A key as logs, indexes and stores have it: the collection's id in LEB128, then the key.
#[derive(Clone, Debug)]
pub(crate) struct QualifiedKey {
    bytes: [u8; STORED_KEY_BYTES_MAX],
    len: usize,
}

impl QualifiedKey {
    /// `None` for a key that is empty or too long.
    pub(crate) fn new(key: Key<'_>) -> Option<Self> {
        if key.name.is_empty() || key.name.len() > KEY_BYTES_MAX {
            return None;
        }
        let mut bytes = [0; STORED_KEY_BYTES_MAX];
        let prefix = put_id(key.collection.0, &mut bytes);
        let len = prefix + key.name.len();
        bytes[prefix..len].copy_from_slice(key.name);
        Some(Self { bytes, len })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Writes an id in LEB128; returns how many bytes it took.
pub(super) fn put_id(id: u32, out: &mut [u8]) -> usize {
    let (mut rest, mut at) = (id, 0);
    while rest >= 0x80 {
        // The low seven bits, and "more".
        out[at] = rest as u8 | 0x80;
        rest >>= 7;
        at += 1;
    }
    out[at] = rest as u8;
    at + 1
}
