//! Collection ids in front of keys, as unsigned LEB128: seven bits a byte, lowest first, top bit = "more".

use super::WireError;
pub use crate::types::CollectionId;
use bytes::BytesMut;

impl CollectionId {
    /// The default collection.
    pub const DEFAULT: Self = Self(0);

    /// Splits a key into its collection id and the rest.
    ///
    /// # Errors
    /// [`WireError::CollectionId`] when the key ends inside the id, when the id does not fit 32 bits, or when
    /// it is written with more bytes than it needs (otherwise one document would have several keys).
    pub fn split(key: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let mut id = 0u32;
        for (i, &byte) in key.iter().enumerate().take(5) {
            let bits = u32::from(byte & 0x7f);
            if i == 4 && bits > 0x0f {
                break;
            }
            id |= bits << (7 * i);
            if byte & 0x80 == 0 {
                if byte == 0 && i > 0 {
                    break;
                }
                return Ok((Self(id), &key[i + 1..]));
            }
        }
        Err(WireError::CollectionId)
    }

    /// Appends it.
    pub fn encode(self, out: &mut BytesMut) {
        let mut rest = self.0;
        while rest >= 0x80 {
            // The low seven bits, and "more".
            out.extend_from_slice(&[rest as u8 | 0x80]);
            rest >>= 7;
        }
        out.extend_from_slice(&[rest as u8]);
    }
}
