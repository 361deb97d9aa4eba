//! The newest version of each key.

use super::item::{Item, lock};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex};

type Keys = HashMap<Box<[u8]>, Arc<Item>, RandomState>;

/// Keys under striped locks.
#[derive(Debug)]
pub(super) struct KeyTable {
    stripes: Box<[Mutex<Keys>]>,
    hasher: RandomState,
}

impl KeyTable {
    pub(super) fn new(stripes: usize) -> Self {
        let hasher = RandomState::default();
        let stripe = |_| Mutex::new(Keys::with_hasher(hasher.clone()));
        Self { stripes: (0..stripes).map(stripe).collect(), hasher }
    }

    /// Makes a version of a key while its stripe is locked, and keeps it.
    pub(super) fn update(&self, key: &[u8], make: impl FnOnce() -> Arc<Item>) {
        let stripe = self.hasher.hash_one(key) as usize % self.stripes.len();
        let mut keys = lock(&self.stripes[stripe]);
        match keys.get_mut(key) {
            Some(newest) => *newest = make(),
            None => {
                keys.insert(key.into(), make());
            }
        }
    }
}
