//! A value that notices when it is read by one thread and destroyed by another without an order between the two, when
//! it is destroyed elsewhere than on the reaper's thread, and how often.

use loom::cell::UnsafeCell;
use loom::thread::{self, ThreadId};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts destructions within one execution. Not loom's: counting must not add an order between threads.
#[derive(Clone, Debug, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    /// A count of zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Destructions so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Canary {
    value: UnsafeCell<u32>,
    reaper: Option<ThreadId>,
    drops: Drops,
}

// SAFETY: readers only read the cell, and the destructor writes it alone; that nothing but the types under test
// orders the two is what loom checks.
unsafe impl Sync for Canary {}

impl Canary {
    /// A value that may only be destroyed by the calling thread.
    #[must_use]
    pub fn new(value: u32, drops: &Drops) -> Self {
        let mut canary = Self::anywhere(value, drops);
        canary.reaper = Some(thread::current().id());
        canary
    }

    /// A value that any thread may destroy.
    #[must_use]
    pub fn anywhere(value: u32, drops: &Drops) -> Self {
        Self { value: UnsafeCell::new(value), reaper: None, drops: drops.clone() }
    }

    /// Reads the value.
    #[must_use]
    pub fn read(&self) -> u32 {
        // SAFETY: a reader that holds a reference; loom fails the model if a destructor could run meanwhile.
        self.value.with(|value| unsafe { *value })
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        // SAFETY: `&mut self`; loom fails the model if a reader could still look.
        self.value.with_mut(|value| unsafe { *value = u32::MAX });
        self.drops.0.fetch_add(1, Ordering::Relaxed);
        if let Some(reaper) = self.reaper
            && !thread::panicking()
        {
            assert_eq!(thread::current().id(), reaper, "destroyed off the reaper's thread");
        }
    }
}
