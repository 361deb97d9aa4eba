//! Waiting until something is persisted.

use super::parts::EngineParts;
use crate::types::{Seqno, VbId};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use millstream_reclaim::PushList;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{Ordering, fence};

/// Who waits for the next commit.
#[derive(Debug, Default)]
pub(crate) struct CommitSignal(PushList<Waker>);

impl CommitSignal {
    /// Registers; the caller looks once more afterwards.
    pub(crate) fn register(&self, waker: &Waker) {
        self.0.push(waker.clone());
        // G2 SeqCst fence: if the flusher's is first, the caller's look sees its commit; if ours is first, it sees us.
        fence(Ordering::SeqCst);
    }

    /// Wakes everybody who waits.
    pub(crate) fn notify(&self) {
        // G2 SeqCst fence: see `register`.
        fence(Ordering::SeqCst);
        if !self.0.is_empty() {
            for waker in self.0.take_all() {
                waker.wake();
            }
        }
    }
}

/// Done when a write is persisted, or the engine has stopped.
///
/// # Cancel safety
/// May be dropped at any time.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Persisted {
    parts: Arc<EngineParts>,
    vb: VbId,
    seqno: Seqno,
}

impl Persisted {
    pub(super) fn new(parts: Arc<EngineParts>, vb: VbId, seqno: Seqno) -> Self {
        Self { parts, vb, seqno }
    }

    fn look(&self) -> Option<bool> {
        let persisted = self.parts.partition(self.vb).is_some_and(|p| p.persisted() >= self.seqno);
        if persisted {
            return Some(true);
        }
        self.parts.is_stopped().then_some(false)
    }
}

impl Future for Persisted {
    /// Whether it is persisted.
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        if let Some(done) = self.look() {
            return Poll::Ready(done);
        }
        self.parts.commits.register(cx.waker());
        match self.look() {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        }
    }
}
