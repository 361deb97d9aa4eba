//! Lock-free lists: one that is taken whole, one that only grows.

mod append;
mod push;
#[cfg(test)]
mod tests;

pub(crate) use append::AppendList;
pub(crate) use push::Prepared;
pub use push::{Batch, PushList};
