//! Waiting until nobody needs anything that was retired. Promise: if the reader that leaves last does so after the
//! quiescer looked, it wakes the quiescer.
//!
//! # State
//!
//! | word | meaning | written by |
//! |---|---|---|
//! | `waiting` | a quiescer sleeps or is about to | the quiescer |
//! | `waker` | whom to wake | the quiescer; leaving readers take it |
//!
//! # Invariants
//! - I1. A quiescer registers its waker, sets `waiting`, fences, and only then looks (`Reaper::poll_quiesce`).
//! - I2. A reader leaves (epoch word, then place), fences, and only then reads `waiting`.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `left` | each reader that leaves | everything | wait-free; runs the waker when somebody waits |
//! | `wait`, `stop_waiting` | the reaper | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | `left`: fence before reading `waiting` | SeqCst fence | O2 | lost wake-up: a deadlock | `quiesce::leaving_reader` |
//! | O2 | `wait`: fence after setting `waiting` | SeqCst fence | O1 | the same, from the other side; the epoch's own fence stands in for it whenever the look pushes the epoch on, so no model fails without it | `quiesce::leaving_reader` |
//! | O3 | `waiting` | Relaxed | none | nothing: the fences order it | `quiesce::leaving_reader` |
//!
//! # Reclamation
//! None; the waker is dropped when it is replaced, taken, or the domain ends.
//!
//! # Not promised
//! One wake-up for each leaving reader, or that everything is destroyed when one comes: the quiescer looks again.

use super::Reaper;
use crate::guarded::guarded;
use crate::sync::AtomicWaker;
use crate::sync::atomic::{AtomicBool, Ordering, fence};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

/// The words of the module.
pub(crate) struct Quiescence {
    waiting: AtomicBool,
    waker: AtomicWaker,
}

impl Quiescence {
    pub(crate) fn new() -> Self {
        Self { waiting: AtomicBool::new(false), waker: AtomicWaker::new() }
    }

    /// A reader has left.
    #[inline]
    pub(crate) fn left(&self) {
        // O1 SeqCst fence: if ours is first, the quiescer's look sees that we are outside; if its fence (O2) is
        // first, we see that it waits.
        fence(Ordering::SeqCst);
        // O3 Relaxed: ordered by O1.
        let waits = self.waiting.load(Ordering::Relaxed);
        if let Some(waker) = waits.then(|| self.waker.take()).flatten() {
            // The embedder's: whoever leaves has nothing to do with it.
            let _ = guarded(|| waker.wake());
        }
    }

    /// Announces that somebody waits; it looks afterwards.
    pub(super) fn wait(&self, waker: &Waker) {
        self.waker.register(waker);
        // O3 Relaxed: ordered by O2.
        self.waiting.store(true, Ordering::Relaxed);
        // O2 SeqCst fence: see O1.
        fence(Ordering::SeqCst);
    }

    /// Nobody waits any more.
    pub(super) fn stop_waiting(&self) {
        // O3 Relaxed: a reader that has not seen it wakes for nothing.
        self.waiting.store(false, Ordering::Relaxed);
    }
}

/// A future that is ready when everything retired has been destroyed; see [`Reaper::quiesce`].
#[derive(Debug)]
#[must_use = "nothing is waited for until it is polled"]
pub struct Quiesce<'r> {
    reaper: &'r mut Reaper,
}

impl<'r> Quiesce<'r> {
    pub(super) fn new(reaper: &'r mut Reaper) -> Self {
        Self { reaper }
    }
}

impl Future for Quiesce<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.reaper.poll_quiesce(cx)
    }
}

impl Drop for Quiesce<'_> {
    fn drop(&mut self) {
        self.reaper.stop_waiting();
    }
}
