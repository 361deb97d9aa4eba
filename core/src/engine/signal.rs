//! Waiting until something is persisted.

use super::parts::EngineParts;
use crate::guarded::guarded;
use crate::partition::Partition;
use crate::types::{Seqno, VbId};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering, fence};
use millstream_reclaim::{Pin as Guard, PushList};

/// Who waits for the next commit.
#[derive(Debug, Default)]
pub(crate) struct CommitSignal {
    waiting: PushList<Waker>,
    told: AtomicU64,
    swept: AtomicU64,
}

impl CommitSignal {
    /// Registers; the caller looks once more afterwards.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waiting.push(waker.clone());
        // G2 SeqCst fence: if the flusher's is first, the caller's look sees its commit; if ours is first, it sees
        // us.
        fence(Ordering::SeqCst);
    }

    /// Wakes everybody who waits.
    pub(crate) fn notify(&self) {
        // G1 Release: after what is told of; pairs with `told`.
        self.told.fetch_add(1, Ordering::Release);
        gate!(SignalTold);
        // G2 SeqCst fence: see `register`.
        fence(Ordering::SeqCst);
        let waiting = (!self.waiting.is_empty()).then(|| self.waiting.take_all());
        // G3 Release: after the list was taken; pairs with `renew`.
        self.swept.fetch_add(1, Ordering::Release);
        for waker in waiting.into_iter().flatten() {
            // Whatever the embedder's waker does, those behind it are woken, and this thread goes on.
            let _ = guarded(|| waker.wake());
        }
    }

    /// How often `notify` was called.
    pub(crate) fn told(&self) -> u64 {
        // G1 Acquire: pairs with `notify`.
        self.told.load(Ordering::Acquire)
    }
}

/// A registration that is made once for each time that the signal is told, however often its owner polls. One that is
/// made while somebody is between telling and taking the list may be taken without being told of again: it does not
/// count, and the next poll makes another.
#[derive(Debug, Default)]
pub(crate) struct Registration(Option<(u64, Waker)>);

impl Registration {
    fn renew(&mut self, signal: &CommitSignal, waker: &Waker) {
        let told = signal.told();
        if self.0.as_ref().is_some_and(|(at, ours)| *at == told && ours.will_wake(waker)) {
            return;
        }
        // G3 Acquire: all who told of it so far have taken the list, so that whoever takes us tells once more; pairs
        // with `notify`. (If the number is reached by those who came since, `told` is another one already.)
        let settled = signal.swept.load(Ordering::Acquire) == told;
        signal.register(waker);
        self.0 = settled.then(|| (told, waker.clone()));
    }

    /// One poll of a future that is done once `look` finds something: it looks, sees to it that `waker` is told of the
    /// next time, and looks again, at what came in between.
    pub(crate) fn poll<T>(
        &mut self,
        signal: &CommitSignal,
        waker: &Waker,
        mut look: impl FnMut() -> Option<T>,
    ) -> Poll<T> {
        if let Some(found) = look() {
            return Poll::Ready(found);
        }
        self.renew(signal, waker);
        look().map_or(Poll::Pending, Poll::Ready)
    }
}

/// Done when a write is persisted or was taken back by a rollback, or the engine has stopped.
///
/// # Cancel safety
/// May be dropped at any time.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Persisted {
    parts: Arc<EngineParts>,
    vb: VbId,
    seqno: Seqno,
    registration: Registration,
}

impl Persisted {
    pub(super) fn new(parts: Arc<EngineParts>, vb: VbId, seqno: Seqno) -> Self {
        Self { parts, vb, seqno, registration: Registration::default() }
    }
}

/// Whether a write is persisted; not if a rollback has taken it back. `None` while that is open.
fn outcome(parts: &EngineParts, vb: VbId, seqno: Seqno, pin: &Guard<'_>) -> Option<bool> {
    let partition = parts.partition(vb)?;
    // First: what was taken back is noted before seqnos count as persisted.
    let settled = partition.persisted() >= seqno;
    settled.then(|| !partition.info(pin).taken_back.contains(seqno))
}

impl Future for Persisted {
    /// Whether it is persisted; not if a rollback has taken it back.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let Self { parts, vb, seqno, registration } = &mut *self;
        registration.poll(&parts.commits, cx.waker(), || {
            // First, as the flusher's last commit comes before it stops.
            let stopped = parts.is_stopped();
            let mut reader = parts.domain.borrow("persisted");
            outcome(parts, *vb, *seqno, &reader.pin()).or(stopped.then_some(false))
        })
    }
}

/// Done when several writes are persisted or one was taken back by a rollback, or the engine has stopped.
///
/// # Cancel safety
/// May be dropped at any time.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct PersistedAll {
    parts: Arc<EngineParts>,
    left: Vec<(VbId, Seqno)>,
    registration: Registration,
}

impl PersistedAll {
    pub(super) fn new(parts: Arc<EngineParts>, writes: Vec<(VbId, Seqno)>) -> Self {
        Self { parts, left: writes, registration: Registration::default() }
    }
}

impl Future for PersistedAll {
    /// Whether all of them are persisted.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let Self { parts, left, registration } = &mut *self;
        registration.poll(&parts.commits, cx.waker(), || {
            // First, as above.
            let stopped = parts.is_stopped();
            let mut reader = parts.domain.borrow("persisted");
            let pin = reader.pin();
            let mut all = true;
            left.retain(|(vb, seqno)| {
                let outcome = outcome(parts, *vb, *seqno, &pin);
                all &= outcome != Some(false);
                outcome.is_none()
            });
            let settled = left.is_empty() || !all;
            settled.then_some(all).or(stopped.then_some(false))
        })
    }
}

/// Done when the state that a vbucket had when this was made, or a later one, is persisted, or the engine has stopped.
///
/// # Cancel safety
/// May be dropped at any time.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct StatePersisted {
    parts: Arc<EngineParts>,
    vb: VbId,
    version: u64,
    registration: Registration,
}

impl StatePersisted {
    pub(super) fn new(parts: Arc<EngineParts>, vb: VbId) -> Self {
        let version = {
            let mut reader = parts.domain.borrow("state persisted");
            let pin = reader.pin();
            parts.partition(vb).map_or(0, |partition| partition.info(&pin).version)
        };
        Self { parts, vb, version, registration: Registration::default() }
    }
}

impl Future for StatePersisted {
    /// Whether it is persisted.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let Self { parts, vb, version, registration } = &mut *self;
        registration.poll(&parts.commits, cx.waker(), || {
            // First, as above.
            let stopped = parts.is_stopped();
            let stored = |partition: &Partition| partition.info_stored() >= *version;
            let settled = parts.partition(*vb).is_none_or(stored);
            settled.then_some(true).or(stopped.then_some(false))
        })
    }
}

/// Done when the state or failover log of some vbucket has changed since [`Engine::states_told`] gave a number, or the
/// engine has stopped.
///
/// [`Engine::states_told`]: super::Engine::states_told
///
/// # Cancel safety
/// May be dropped at any time.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct StatesChanged {
    parts: Arc<EngineParts>,
    told: u64,
    registration: Registration,
}

impl StatesChanged {
    pub(super) fn new(parts: Arc<EngineParts>, told: u64) -> Self {
        Self { parts, told, registration: Registration::default() }
    }
}

impl Future for StatesChanged {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { parts, told, registration } = &mut *self;
        registration.poll(&parts.states, cx.waker(), || {
            (parts.states.told() != *told || parts.is_stopped()).then_some(())
        })
    }
}

/// Done when the flusher has persisted something, or given up memory, since this was made; a write that was told to
/// come again is then tried again.
///
/// # Cancel safety
/// May be dropped at any time.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Flushed {
    parts: Arc<EngineParts>,
    told: u64,
    registration: Registration,
}

impl Flushed {
    pub(super) fn new(parts: Arc<EngineParts>) -> Self {
        Self { told: parts.commits.told(), parts, registration: Registration::default() }
    }
}

impl Future for Flushed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { parts, told, registration } = &mut *self;
        registration.poll(&parts.commits, cx.waker(), || {
            (parts.commits.told() != *told || parts.is_stopped()).then_some(())
        })
    }
}
