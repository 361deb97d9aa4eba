//! Published values.
#![forbid(unsafe_code)]

mod live;
mod published;
#[cfg(test)]
mod tests;

pub use live::Live;
pub use published::{Published, ReplaceError};
