//! One version of a document as the log keeps it.

use crate::types::DocMeta;

/// A version of a document: meta data, and key and value in one allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// Everything but key and value.
    pub meta: DocMeta,
    key_bytes: u16,
    body: Box<[u8]>,
}

impl Doc {
    /// Copies key and value into one allocation.
    ///
    /// # Panics
    /// When the key is longer than 65,535 bytes; callers check it against
    /// [`STORED_KEY_BYTES_MAX`](crate::limits::STORED_KEY_BYTES_MAX).
    #[must_use]
    pub fn new(meta: DocMeta, key: &[u8], value: &[u8]) -> Self {
        let key_bytes =
            u16::try_from(key.len()).expect("keys are bounded by limits::STORED_KEY_BYTES_MAX");
        let mut body = Vec::with_capacity(key.len() + value.len());
        body.extend_from_slice(key);
        body.extend_from_slice(value);
        Self { meta, key_bytes, body: body.into_boxed_slice() }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.body[..usize::from(self.key_bytes)]
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.body[usize::from(self.key_bytes)..]
    }

    /// Key and value bytes, which is what the memory budget counts besides the slot.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }
}
