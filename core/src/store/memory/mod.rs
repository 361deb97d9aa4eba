//! The store in memory: the model that defines the contract, and what `--ephemeral` runs on.

mod scan;
mod store;
#[cfg(test)]
mod tests;
mod vbucket;

pub use store::MemoryStore;
