//! Values compressed with Snappy (raw format): checked before they are believed, and made smaller for who asks.
#![forbid(unsafe_code)]

mod compress;
mod inflate;

#[cfg(test)]
mod tests;

pub(crate) use compress::Compressor;
pub(crate) use inflate::{SnappyFault, inflate, inflated_len};
