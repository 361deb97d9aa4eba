//! A key as the index keeps it.

use core::borrow::Borrow;
use core::hash::{Hash, Hasher};

/// The longest key that lies in its entry, beside its cell: one cache line then has both, where a key of its own
/// memory is a second line that a write has to wait for once it has the first.
pub(super) const SHORT_BYTES: usize = 30;

/// A key, which takes memory of its own only if it is long.
#[derive(Debug)]
pub(super) enum IndexKey {
    Short { len: u8, bytes: [u8; SHORT_BYTES] },
    Long(Box<[u8]>),
}

impl IndexKey {
    /// Bytes besides its entry that a key takes.
    pub(super) fn bytes_apart(key: &[u8]) -> usize {
        if key.len() <= SHORT_BYTES { 0 } else { key.len() }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for IndexKey {
    fn from(key: &[u8]) -> Self {
        match u8::try_from(key.len()) {
            Ok(len) if key.len() <= SHORT_BYTES => {
                let mut bytes = [0; SHORT_BYTES];
                bytes[..key.len()].copy_from_slice(key);
                Self::Short { len, bytes }
            }
            _ => Self::Long(Box::from(key)),
        }
    }
}

/// Looked up by its bytes, and so equal and hashed as these are.
impl Borrow<[u8]> for IndexKey {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for IndexKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for IndexKey {}

impl Hash for IndexKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        #[cfg(test)]
        HASHED.set(HASHED.get() + 1);
        self.as_bytes().hash(state);
    }
}

const _: () = assert!(size_of::<IndexKey>() == 32, "with its cell an entry is 40 bytes");

#[cfg(test)]
std::thread_local! {
    /// How often kept keys were hashed by this thread: each once when it is added, and whenever it is moved.
    pub(super) static HASHED: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}
