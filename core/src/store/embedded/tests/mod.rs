//! Tests of the embedded store: the contract, its folder, and what it does about damage.

mod contract;
mod damage;
mod folder;

use super::{EmbeddedOptions, EmbeddedStore};
use crate::Result;
use crate::store::suite::Maker;
use crate::store::Store;
use tempfile::TempDir;

/// Keeps each store in a temporary folder, of which it removes the one before.
struct Folders {
    folder: Option<TempDir>,
    options: EmbeddedOptions,
}

impl Folders {
    fn new() -> Self {
        Self { folder: None, options: small(1) }
    }

    fn open(&self) -> Result<Box<dyn Store>> {
        let folder = self.folder.as_ref().expect("a store was made");
        Ok(Box::new(EmbeddedStore::open(folder.path(), self.options.clone())?))
    }
}

impl Maker for Folders {
    fn make(&mut self, vbuckets: u32) -> Result<Box<dyn Store>> {
        self.options.vbuckets = vbuckets;
        self.folder = Some(TempDir::new().expect("a temporary folder can be made"));
        self.open()
    }

    fn reopen(&mut self, store: Box<dyn Store>) -> Option<Result<Box<dyn Store>>> {
        drop(store);
        Some(self.open())
    }
}

/// Options that suit a small store.
fn small(vbuckets: u32) -> EmbeddedOptions {
    EmbeddedOptions { cache_bytes: 1 << 20, threads: 1, ..EmbeddedOptions::new(vbuckets) }
}
