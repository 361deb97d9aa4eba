//! The reaper: runs destructors, and pushes the epoch on so that there are some to run.
#![expect(unsafe_code, reason = "a participant may move between threads while it is outside")]

use super::{Garbage, Quiesce, Retired};
use crate::domain::{Shared, Stalled};
use crate::list::Batch;
use crate::sync::{Arc, thread};
use core::fmt;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use crossbeam_epoch::LocalHandle;
use std::time::Instant;

/// Tries without progress before a reap gives up: an epoch advances at most once in each, and two advances make a
/// grace period; one more for a try that another participant's registration spoils.
const FRUITLESS_TRIES_MAX: usize = 3;
/// How long a blocked quiescer sleeps without a wake-up: the guarantee behind wake-ups, which are for latency.
const BLOCKED_TICK: Duration = Duration::from_millis(1);

/// The one that destroys what was retired: exactly one for each domain, on any thread.
///
/// Call [`reap`](Self::reap) on a housekeeping tick of a few milliseconds, so that garbage does not wait for the next
/// retirement and stalled readers are noticed. At shutdown wait with [`quiesce`](Self::quiesce) or
/// [`quiesce_blocking`](Self::quiesce_blocking). What has not been destroyed when the reaper is dropped is
/// destroyed by the thread that drops the domain's last handle, or a cell after that.
///
/// # Panics in destructors
/// A destructor that panics counts as run: the panic hook reports it, [`Reaped::panicked`] and
/// [`DomainStats::panicked_total`](crate::DomainStats::panicked_total) count it, and the reaper goes on.
pub struct Reaper {
    /// First, so that it is dropped before the collector that `shared` owns.
    handle: LocalHandle,
    ready: Batch<Retired>,
    held: Vec<Retired>,
    noticed_ms: u64,
    shared: Arc<Shared>,
}

/// What one [`Reaper::reap`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reaped {
    /// Values destroyed by this call.
    pub destroyed: usize,
    /// Of those, values whose destructor panicked.
    pub panicked: u64,
    /// Values that still await their readers, the reaper, or (held) another owner.
    pub pending: u64,
    /// Values that have another owner after their grace period: 0 unless a [`Live`](crate::Live) was leaked.
    pub held: usize,
}

// SAFETY:
// - Participant: its state is plain cells, reached through this handle and guards that end inside `&mut` methods.
// - `Retired` and what is shared are `Send`.
unsafe impl Send for Reaper {}

impl Reaper {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let handle = shared.collector.register();
        Self { handle, ready: Batch::empty(), held: Vec::new(), noticed_ms: 0, shared }
    }

    /// Destroys what has no reader left, [`DomainConfig::reap_max`](crate::DomainConfig::reap_max) values at most,
    /// and notices who is inside. Does not wait for anybody.
    pub fn reap(&mut self) -> Reaped {
        let shared = &*self.shared;
        shared.places.notice(&shared.clock, &mut self.noticed_ms);
        let (limit, panicked_before) = (shared.config.reap_max, shared.garbage.panicked());
        let mut destroyed = self.retry_held();
        let mut fruitless = 0;
        while destroyed < limit && !self.is_idle() {
            let now = self.destroy_ready(limit - destroyed);
            destroyed += now;
            if now > 0 {
                fruitless = 0;
            } else if fruitless < FRUITLESS_TRIES_MAX {
                fruitless += 1;
                self.push_on();
            } else {
                break;
            }
        }
        let garbage = self.garbage();
        Reaped {
            destroyed,
            panicked: garbage.panicked() - panicked_before,
            pending: garbage.pending(),
            held: self.held.len(),
        }
    }

    /// Ready when everything retired has been destroyed, values retired meanwhile included. Wakes the task when a
    /// reader leaves that may have been in the way.
    ///
    /// While a leaked pin or a leaked `Live` keeps a value, it stays pending.
    pub fn poll_quiesce(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.quiescence.wait(cx.waker());
        let reaped = self.reap();
        if reaped.pending == 0 {
            self.stop_waiting();
            return Poll::Ready(());
        }
        // A reader that is inside wakes us when it leaves. With nobody inside, the way may be blocked for an
        // instant by a thread between two steps that tells nobody; or we have hit the limit of one call: look again.
        let at_limit = reaped.destroyed >= self.shared.config.reap_max;
        let unblocked = at_limit || !self.shared.places.any_inside();
        if unblocked && reaped.pending > reaped.held as u64 {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Waits, as a future, until everything retired has been destroyed.
    ///
    /// # Cancel safety
    /// It may be dropped at any time; nothing is lost.
    pub fn quiesce(&mut self) -> Quiesce<'_> {
        Quiesce::new(self)
    }

    /// Waits on this thread until everything retired has been destroyed.
    ///
    /// # Errors
    /// After `patience`, the readers that are still inside, with how long each has been seen there. Empty when none
    /// is: then retirement goes on faster than destruction, or a leaked [`Live`](crate::Live) holds a value.
    pub fn quiesce_blocking(&mut self, patience: Duration) -> Result<(), Vec<Stalled>> {
        let waker = Waker::from(std::sync::Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        let began = Instant::now();
        loop {
            if self.poll_quiesce(&mut cx).is_ready() {
                return Ok(());
            }
            let Some(left) = patience.checked_sub(began.elapsed()).filter(|left| !left.is_zero())
            else {
                self.stop_waiting();
                return Err(self.shared.places.stalled(Duration::ZERO, &self.shared.clock));
            };
            thread::park_timeout(left.min(BLOCKED_TICK));
        }
    }

    pub(super) fn stop_waiting(&self) {
        self.shared.quiescence.stop_waiting();
    }

    fn garbage(&self) -> &Garbage {
        &self.shared.garbage
    }

    /// Nothing is on its way but what is held.
    fn is_idle(&self) -> bool {
        self.garbage().pending() == self.held.len() as u64 && self.garbage().plain_pending() == 0
    }

    /// Tries to advance the epoch, and runs closures that are due: they put values into the ready list.
    fn push_on(&self) {
        self.handle.pin().flush();
    }

    fn destroy_ready(&mut self, limit: usize) -> usize {
        let (mut destroyed, mut newly_held) = (0, 0);
        while destroyed < limit {
            let Some(value) = self.next_ready() else {
                break;
            };
            match self.garbage().destroy(value) {
                Ok(()) => destroyed += 1,
                Err(held) => {
                    newly_held += 1;
                    self.held.push(held);
                }
            }
        }
        if newly_held > 0 {
            self.garbage().count_held(self.held.len(), newly_held);
        }
        destroyed
    }

    fn next_ready(&mut self) -> Option<Retired> {
        self.ready.next().or_else(|| {
            self.ready = self.garbage().take_ready();
            self.ready.next()
        })
    }

    /// Looks at what was held again; a bug shows as a count, never as a use after free.
    fn retry_held(&mut self) -> usize {
        if self.held.is_empty() {
            return 0;
        }
        let before = self.held.len();
        let held = core::mem::take(&mut self.held);
        self.held =
            held.into_iter().filter_map(|value| self.garbage().destroy(value).err()).collect();
        self.garbage().count_held(self.held.len(), 0);
        before - self.held.len()
    }
}

impl Drop for Reaper {
    /// Destroys what is ready, without pushing the epoch on; see the type for the rest.
    fn drop(&mut self) {
        self.retry_held();
        self.destroy_ready(usize::MAX);
    }
}

impl fmt::Debug for Reaper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reaper").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

/// Wakes a thread.
struct Unpark(thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}
