//! The domain: one collector, its readers, its garbage, and what may be asked of them.
#![forbid(unsafe_code)]

mod handle;
mod shared;
mod stats;
#[cfg(test)]
mod tests;

pub use handle::{Backlogged, Domain, DomainConfig};
pub(crate) use shared::Shared;
pub use stats::{DomainStats, Stalled};
