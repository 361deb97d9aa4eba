//! The one atomic that atomic-waker takes from portable-atomic, over loom's.
//!
//! atomic-waker makes it in a `const fn`, which loom's cannot be made in; so loom's is made at the first use. Loom
//! takes the making for a write by that thread, which is why the facade uses each waker once before it is shared.

use loom::sync::atomic::{AtomicUsize as Modelled, Ordering};
use std::sync::OnceLock;

/// A word that loom explores.
#[derive(Debug)]
pub struct AtomicUsize {
    initial: usize,
    word: OnceLock<Modelled>,
}

impl AtomicUsize {
    /// A word with a value.
    pub const fn new(initial: usize) -> Self {
        Self { initial, word: OnceLock::new() }
    }

    /// All threads of a model are one thread to the lock, and making a word does not switch between them.
    fn word(&self) -> &Modelled {
        self.word.get_or_init(|| Modelled::new(self.initial))
    }

    /// As std's.
    pub fn compare_exchange(
        &self,
        current: usize,
        new: usize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<usize, usize> {
        self.word().compare_exchange(current, new, success, failure)
    }

    /// As std's.
    pub fn swap(&self, value: usize, order: Ordering) -> usize {
        self.word().swap(value, order)
    }

    /// As std's.
    pub fn fetch_or(&self, bits: usize, order: Ordering) -> usize {
        self.word().fetch_or(bits, order)
    }

    /// As std's.
    pub fn fetch_and(&self, bits: usize, order: Ordering) -> usize {
        self.word().fetch_and(bits, order)
    }
}
