//! The store in a folder, on an embedded log-structured database (fjall).
#![doc = include_str!("layout.md")]

mod blame;
mod commit;
mod database;
mod faults;
mod folder;
mod head;
mod history;
mod keys;
mod maintain;
mod making;
mod options;
mod read;
mod salvage;
mod scan;
mod store;
mod synced;
#[cfg(test)]
mod tests;
mod values;
mod vbucket;
mod writer;

pub use options::EmbeddedOptions;
pub use store::EmbeddedStore;
