//! One version of a document as the log keeps it.
#![expect(
    unsafe_code,
    reason = "key and value lie in memory of the document's own, or of its segment"
)]

use super::arena::Arena;
use crate::types::DocMeta;
use core::fmt;
use core::ptr::{self, NonNull};

/// A version of a document: meta data, and key and value in one piece of memory.
pub struct Doc {
    /// Everything but key and value.
    pub meta: DocMeta,
    key_bytes: u16,
    /// Whether the body is a box of its own; else it belongs to the arena of the document's segment, which goes after
    /// the document.
    owned: bool,
    body_bytes: u32,
    body: NonNull<u8>,
}

// SAFETY: the body is bytes that nobody writes to while the document lives.
unsafe impl Send for Doc {}
// SAFETY: as above.
unsafe impl Sync for Doc {}

impl Doc {
    /// Copies key and value into one allocation.
    ///
    /// # Panics
    /// When the key is longer than 65,535 bytes or both together longer than 4 GiB; callers check them against
    /// [`STORED_KEY_BYTES_MAX`](crate::limits::STORED_KEY_BYTES_MAX) and
    /// [`VALUE_BYTES_MAX`](crate::limits::VALUE_BYTES_MAX).
    #[must_use]
    pub fn new(meta: DocMeta, key: &[u8], value: &[u8]) -> Self {
        let mut body = Vec::with_capacity(key.len() + value.len());
        body.extend_from_slice(key);
        body.extend_from_slice(value);
        let (body_bytes, body) = (body.len(), Box::into_raw(body.into_boxed_slice()));
        let body = NonNull::new(body.cast::<u8>()).expect("a box is not at null");
        Self::of(meta, key.len(), body_bytes, body, true)
    }

    /// Copies key and value into an arena. With it how much memory that took anew.
    ///
    /// # Safety
    /// The document goes before the arena does.
    pub(super) unsafe fn in_arena(
        meta: DocMeta,
        key: &[u8],
        value: &[u8],
        arena: &Arena,
    ) -> (Self, usize) {
        let (body, grown) = arena.put(key, value);
        (Self::of(meta, key.len(), key.len() + value.len(), body, false), grown)
    }

    fn of(meta: DocMeta, key: usize, body_bytes: usize, body: NonNull<u8>, owned: bool) -> Self {
        let key_bytes = u16::try_from(key).expect("bounded by limits::STORED_KEY_BYTES_MAX");
        let body_bytes = u32::try_from(body_bytes).expect("bounded by limits::VALUE_BYTES_MAX");
        Self { meta, key_bytes, owned, body_bytes, body }
    }

    fn body(&self) -> &[u8] {
        // SAFETY: both constructors wrote so many bytes there, which live as long as the document.
        unsafe { core::slice::from_raw_parts(self.body.as_ptr(), self.body_bytes()) }
    }

    /// The key.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.body()[..usize::from(self.key_bytes)]
    }

    /// The value.
    #[inline]
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.body()[usize::from(self.key_bytes)..]
    }

    /// Asks the processor for the beginning of the body.
    #[inline]
    pub(super) fn prefetch(&self) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a hint, which reads nothing; the address is that of live memory at that.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.body.as_ptr().cast()) };
        }
    }

    /// Key and value bytes.
    #[inline]
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.body_bytes as usize
    }
}

impl Drop for Doc {
    fn drop(&mut self) {
        if self.owned {
            let body = ptr::slice_from_raw_parts_mut(self.body.as_ptr(), self.body_bytes());
            // SAFETY: `new` made it of a box, and nobody else frees it.
            drop(unsafe { Box::from_raw(body) });
        }
    }
}

impl Clone for Doc {
    fn clone(&self) -> Self {
        Self::new(self.meta, self.key(), self.value())
    }
}

impl PartialEq for Doc {
    fn eq(&self, other: &Self) -> bool {
        self.meta == other.meta && self.key() == other.key() && self.value() == other.value()
    }
}

impl Eq for Doc {}

impl fmt::Debug for Doc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doc")
            .field("meta", &self.meta)
            .field("key", &self.key())
            .field("value", &self.value())
            .finish()
    }
}
