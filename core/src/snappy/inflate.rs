//! From a compressed value to the value. No room is made before the length in front was found believable.

use crate::limits::VALUE_BYTES_MAX;
use core::fmt;

/// Why a value cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SnappyFault {
    /// It was not compressed with Snappy, or is damaged.
    Malformed,
    /// It says that it is longer than a value may be.
    TooLong,
}

/// How long a value says that it is when it is inflated: no longer than a value may be, nor than so many bytes can
/// stand for.
pub(crate) fn inflated_len(compressed: &[u8]) -> Result<usize, SnappyFault> {
    let len = snap::raw::decompress_len(compressed).map_err(|_| SnappyFault::Malformed)?;
    if len > VALUE_BYTES_MAX {
        return Err(SnappyFault::TooLong);
    }
    if len > compressed.len() * EXPANSION_MAX {
        return Err(SnappyFault::Malformed);
    }
    Ok(len)
}

/// Puts the inflated value in `room`, in place of what was there.
pub(crate) fn inflate(compressed: &[u8], room: &mut Vec<u8>) -> Result<(), SnappyFault> {
    let len = inflated_len(compressed)?;
    room.clear();
    room.resize(len, 0);
    match snap::raw::Decoder::new().decompress(compressed, room) {
        Ok(n) if n == len => Ok(()),
        Ok(_) | Err(_) => Err(SnappyFault::Malformed),
    }
}

impl fmt::Display for SnappyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the value is not compressed with Snappy"),
            Self::TooLong => write!(f, "the value is longer than {VALUE_BYTES_MAX} bytes inflated"),
        }
    }
}

/// The most bytes that one compressed byte can stand for: an element of 3 bytes repeats up to 64.
const EXPANSION_MAX: usize = 64_usize.div_ceil(3);
