//! Readers of one partition that wait for its next write. Promise: a waiter that parked and then found nothing to
//! read is marked ready by the next write, and a writer that finds nobody parked pays one load.
//!
//! # State
//!
//! ```text
//! WaitList.parked -> waiter -> waiter -> null        (a stack; a writer takes it whole)
//! Waiter.parked: true from before the push until after the writer took it out
//! ```
//!
//! # Invariants
//! - I1. A waiter is in the list at most once (its `parked` flag is set by exchange before the push).
//! - I2. The list never holds more than twice the streams that were ever open at once, and a constant: a park that
//!   finds it longer wakes everybody (test `closed_waiters_do_not_pile_up`).
//! - I3. Every reader is counted in once and out once (asserted in `leave`; model `wait::counted_out_once`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `park` | the reader that owns the waiter | everything | lock-free |
//! | `wake_all` | any writer | everything | wait-free when nobody is parked; else lock-free, bounded by the list |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | P1 | `park`: fence after the push | SeqCst fence | P2 | writer and reader miss each other: asleep for ever | `wait::park_vs_publish` |
//! | P2 | `wake_all`: fence before the look | SeqCst fence | P1 | as P1 | `wait::park_vs_publish` |
//! | P3 | `parked`, set | AcqRel | P4 | a waiter could be pushed while it is still in the list | `wait::park_vs_publish` |
//! | P4 | `parked`, clear | Release | P3 | as P3 | `wait::park_vs_publish` |
//! | P5 | counters | Relaxed | none | nothing: they only bound the list | `wait::leave_vs_publish` |
//!
//! # Reclamation
//! The list owns references to its waiters and drops them when it takes them out.
//!
//! # Not promised
//! That a woken reader finds anything: it looks, and parks again.

use super::set::ReadySet;
use millstream_reclaim::PushList;
use millstream_reclaim::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use millstream_reclaim::sync::{Arc, workers};

/// One reader's place in a wait list, reused for each sleep.
#[derive(Debug)]
pub struct Waiter {
    ready: Arc<ReadySet>,
    member: u32,
    parked: AtomicBool,
}

impl Waiter {
    /// A waiter that marks `member` of `ready` when it is woken.
    #[must_use]
    pub fn new(ready: Arc<ReadySet>, member: usize) -> Arc<Self> {
        let member = u32::try_from(member).expect("sets are far smaller");
        Arc::new(Self { ready, member, parked: AtomicBool::new(false) })
    }

    fn wake(&self) {
        // P4 Release: out of the list before it may be pushed again; pairs with P3.
        self.parked.store(false, Ordering::Release);
        self.ready.mark(self.member as usize);
    }
}

/// The parked readers of one partition.
#[derive(Debug, Default)]
pub struct WaitList {
    parked: PushList<Arc<Waiter>>,
    pushes: AtomicUsize,
    readers: AtomicUsize,
}

/// Pushes without a write after which the list is swept, besides two for each reader.
const PUSHES_SPARE: usize = if cfg!(millstream_loom) { 0 } else { 64 };

impl WaitList {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a reader in; see invariant I2.
    pub fn enter(&self) {
        // P5 Relaxed: a bound.
        self.readers.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a reader out.
    pub fn leave(&self) {
        // P5 Relaxed: a bound.
        let before = self.readers.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "I3: who leaves was counted in");
    }

    /// Parks a waiter. The caller then looks once more whether there is something to read.
    pub fn park(&self, waiter: &Arc<Waiter>) {
        // P3 AcqRel: only the one that sets it pushes; pairs with P4.
        if !waiter.parked.swap(true, Ordering::AcqRel) {
            self.parked.push(Arc::clone(waiter));
            // P5 Relaxed: a bound.
            let pushes = self.pushes.fetch_add(1, Ordering::Relaxed) + 1;
            // P5 Relaxed: a bound.
            if pushes > 2 * self.readers.load(Ordering::Relaxed) + PUSHES_SPARE {
                self.take_and_wake();
            }
        }
        // P1 SeqCst fence: if the writer's fence (P2) is first, the caller's look sees its write; if ours is first,
        // the writer sees the waiter.
        fence(Ordering::SeqCst);
    }

    /// Wakes everybody who is parked. Called after each publication.
    pub fn wake_all(&self) {
        // P2 SeqCst fence: see P1.
        fence(Ordering::SeqCst);
        if !self.parked.is_empty() {
            self.take_and_wake();
        }
    }

    #[cold]
    fn take_and_wake(&self) {
        // P5 Relaxed: a bound.
        self.pushes.store(0, Ordering::Relaxed);
        for waiter in self.parked.take_all() {
            waiter.wake();
        }
    }
}

/// A waker that unparks the calling thread.
#[must_use]
pub fn thread_waker() -> core::task::Waker {
    struct Unpark(workers::Thread);

    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }

    core::task::Waker::from(std::sync::Arc::new(Unpark(workers::current())))
}
