//! Waiting until something is persisted.

use super::guarded::guarded;
use super::parts::EngineParts;
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
    pub(crate) fn renew(&mut self, signal: &CommitSignal, waker: &Waker) {
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

    fn look(&self) -> Option<bool> {
        // First, as the flusher's last commit comes before it stops.
        let stopped = self.parts.is_stopped();
        let mut reader = self.parts.domain.borrow("persisted");
        let outcome = outcome(&self.parts, self.vb, self.seqno, &reader.pin());
        outcome.or(stopped.then_some(false))
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
        let this = &mut *self;
        if let Some(done) = this.look() {
            return Poll::Ready(done);
        }
        this.registration.renew(&this.parts.commits, cx.waker());
        match this.look() {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        }
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

    fn look(&mut self) -> Option<bool> {
        let parts = &self.parts;
        // First, as above.
        let stopped = parts.is_stopped();
        let mut reader = parts.domain.borrow("persisted");
        let pin = reader.pin();
        let mut all = true;
        self.left.retain(|(vb, seqno)| {
            let outcome = outcome(parts, *vb, *seqno, &pin);
            all &= outcome != Some(false);
            outcome.is_none()
        });
        if self.left.is_empty() || !all {
            return Some(all);
        }
        stopped.then_some(false)
    }
}

impl Future for PersistedAll {
    /// Whether all of them are persisted.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = &mut *self;
        if let Some(done) = this.look() {
            return Poll::Ready(done);
        }
        this.registration.renew(&this.parts.commits, cx.waker());
        match this.look() {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        }
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

    fn look(&self) -> Option<bool> {
        // First, as above.
        let stopped = self.parts.is_stopped();
        let stored = |partition: &Partition| partition.info_stored() >= self.version;
        if self.parts.partition(self.vb).is_none_or(stored) {
            return Some(true);
        }
        stopped.then_some(false)
    }
}

impl Future for StatePersisted {
    /// Whether it is persisted.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = &mut *self;
        if let Some(done) = this.look() {
            return Poll::Ready(done);
        }
        this.registration.renew(&this.parts.commits, cx.waker());
        match this.look() {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        }
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

    fn is_done(&self) -> bool {
        self.parts.states.told() != self.told || self.parts.is_stopped()
    }
}

impl Future for StatesChanged {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.is_done() {
            return Poll::Ready(());
        }
        this.registration.renew(&this.parts.states, cx.waker());
        if this.is_done() { Poll::Ready(()) } else { Poll::Pending }
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

    fn is_done(&self) -> bool {
        self.parts.commits.told() != self.told || self.parts.is_stopped()
    }
}

impl Future for Flushed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.is_done() {
            return Poll::Ready(());
        }
        this.registration.renew(&this.parts.commits, cx.waker());
        if this.is_done() { Poll::Ready(()) } else { Poll::Pending }
    }
}
