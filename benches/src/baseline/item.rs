//! A document's version, and the lock around everything.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A document's version.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) seqno: u64,
    pub(super) key: Box<[u8]>,
    pub(super) value: Box<[u8]>,
}

impl Item {
    /// As a message on the wire: header, extras, key, value.
    pub(super) fn counted_bytes(&self) -> u64 {
        24 + 31 + (self.key.len() + self.value.len()) as u64
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
