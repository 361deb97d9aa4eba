//! The by-key index of one partition: for each key the newest version, in the log's window or (its meta data only)
//! out of it.

//!
//! # Orderings
//!
//! Of the files that have no table of their own.
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | bytes of the index | Relaxed | none | nothing: a statistic | none |

mod cell;
mod key;
mod lock;
mod map;

#[cfg(test)]
mod tests;

pub(crate) use cell::{Cell, Current, Held};
pub use lock::Lock;
pub(crate) use map::Index;
