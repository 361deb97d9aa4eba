//! Lock-free lists: one that is taken whole, one that only grows; and an array that is made on first use.

mod append;
mod push;
mod shelf;
#[cfg(test)]
mod tests;

pub(crate) use append::AppendList;
pub(crate) use push::Prepared;
pub use push::{Batch, PushList};
pub use shelf::Shelf;
