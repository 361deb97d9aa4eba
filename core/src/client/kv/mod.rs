//! Documents: single ones, many at once, and what a server says about its vbuckets.

mod bulk;
mod client;
mod documents;
mod vbuckets;

pub use bulk::{BulkProgress, BulkReport, NotStored};
pub use client::KvClient;
pub use documents::{Counted, Got, WriteOptions, Written};
