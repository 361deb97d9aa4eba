//! The engine's threads and its end. Nobody waits in `shutdown`; whoever wants to know when all is gone waits for
//! [`Quiesce`].

use super::parts::EngineParts;
use super::signal::{CommitSignal, Registration};
use super::{flusher, housekeeper};
use crate::backfill::BackfillPool;
use crate::error::{Error, ErrorKind, Result};
use crate::guarded::{Panic, guarded, message};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use millstream_reclaim::Reaper;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicBool, Ordering};
use millstream_reclaim::sync::workers::{Builder, JoinHandle, has_ended};
use std::sync::{Mutex, PoisonError};

/// The threads of an engine, and what they have to say. Touched at start and end only, so that a lock does no harm.
pub(crate) struct Workers {
    pool: Mutex<Option<BackfillPool>>,
    queues: Queues,
    flusher: Mutex<Option<JoinHandle<()>>>,
    ending: Arc<Ending>,
    on_error: Option<Observer>,
    last_error: Mutex<Option<String>>,
    failure: Mutex<Option<String>>,
}

/// How the engine ended, once it has. Apart from the engine's parts, so that whoever says so can let go of them first:
/// when it is said, the store has no owner left but the embedder's handles.
#[derive(Debug, Default)]
pub(super) struct Ending {
    report: Mutex<Option<ShutdownReport>>,
    done: AtomicBool,
    waiting: CommitSignal,
}

/// Where new connections queue for backfill workers.
type Queues = crate::backfill::PoolQueues;

/// Who is told of an error that no caller is there for.
pub(super) type Observer = Box<dyn Fn(&Error) + Send + Sync>;

/// How an engine ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Everything that was written is in the store, which was closed in order.
    pub clean: bool,
    /// Why not, if not.
    pub failure: Option<String>,
    /// Retired values that were destroyed over the engine's life.
    pub destroyed: u64,
    /// Values that were retired and had another owner when their turn came; always 0 unless there is a bug.
    pub held: u64,
}

impl Workers {
    pub(super) fn new(pool: BackfillPool, on_error: Option<Observer>) -> Self {
        Self {
            queues: pool.queues(),
            pool: Mutex::new(Some(pool)),
            flusher: Mutex::new(None),
            ending: Arc::new(Ending::default()),
            on_error,
            last_error: Mutex::new(None),
            failure: Mutex::new(None),
        }
    }

    /// Starts flusher and housekeeper.
    pub(super) fn start(parts: &Arc<EngineParts>, reaper: Reaper) -> Result<()> {
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            Builder::new()
                .name(name.into())
                .spawn(run)
                .map_err(|e| Error::new(ErrorKind::Unavailable, "cannot start a thread").because(e))
        };
        let for_flusher = Arc::clone(parts);
        let flusher = spawn("millstream-flusher", Box::new(move || flusher::run(&for_flusher)))?;
        *lock(&parts.workers.flusher) = Some(flusher);
        let for_housekeeper = Arc::clone(parts);
        spawn(
            "millstream-housekeeper",
            Box::new(move || housekeeper::run(for_housekeeper, reaper)),
        )?;
        Ok(())
    }

    pub(crate) fn queues(&self) -> &Queues {
        &self.queues
    }

    /// An error that no caller is there for; `before` says how often it was met in a row.
    pub(super) fn report(&self, before: u64, error: &Error) {
        *lock(&self.last_error) = Some(error.to_string());
        // The first, and then ever more rarely: a full disk must not fill a log as well.
        if (before == 0 || before.is_power_of_two())
            && let Some(observer) = &self.on_error
        {
            observer(error);
        }
    }

    pub(crate) fn last_error(&self) -> Option<String> {
        lock(&self.last_error).clone()
    }

    /// The engine could not be closed in order.
    pub(super) fn fail(&self, error: &Error) {
        lock(&self.failure).get_or_insert_with(|| error.to_string());
    }

    pub(super) fn take_failure(&self) -> Option<String> {
        lock(&self.failure).take()
    }

    /// Tells the backfill workers to end after what they are at.
    pub(super) fn stop(&self) {
        if let Some(pool) = &*lock(&self.pool) {
            pool.tell_to_stop();
        }
    }

    /// Whether flusher and backfill workers have ended.
    pub(super) fn have_stopped(&self) -> bool {
        lock(&self.flusher).as_ref().is_none_or(has_ended)
            && lock(&self.pool).as_ref().is_none_or(BackfillPool::has_stopped)
    }

    /// Waits for the flusher and stops the backfill workers.
    pub(super) fn join(&self) {
        let flusher = lock(&self.flusher).take();
        if let Some(flusher) = flusher {
            // What it panicked with it has told of itself.
            let _ = flusher.join();
        }
        let pool = lock(&self.pool).take();
        if let Some(mut pool) = pool {
            pool.stop();
        }
    }

    pub(super) fn ending(&self) -> Arc<Ending> {
        Arc::clone(&self.ending)
    }
}

impl EngineParts {
    /// A thread of the engine has panicked. Nobody may wait for what will not come, nor write what nobody persists:
    /// the engine is shut down, and its report says why.
    pub(super) fn give_up(&self, who: &str, panic: &Panic) {
        let what = format!("the {who} panicked: {}", message(panic));
        let error = Error::new(ErrorKind::Unavailable, what);
        self.workers.fail(&error);
        // The observer may be what panicked.
        let _ = guarded(|| self.workers.report(0, &error));
        // So may a waker that the shutdown comes to; each is woken once, so that this ends.
        while guarded(|| self.shutdown()).is_err() {}
    }
}

impl Ending {
    /// Says how it ended.
    pub(super) fn finish(&self, report: ShutdownReport) {
        *lock(&self.report) = Some(report);
        // H3 Release: after the report; pairs with `finished`.
        self.done.store(true, Ordering::Release);
        self.waiting.notify();
    }

    fn finished(&self) -> Option<ShutdownReport> {
        // H3 Acquire: pairs with `finish`.
        if !self.done.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.report).clone()
    }
}

/// Done when an engine that was shut down has persisted what it had, closed its store, and destroyed everything
/// that was retired.
///
/// # Cancel safety
/// May be dropped at any time.
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Quiesce {
    ending: Arc<Ending>,
    registration: Registration,
}

impl Quiesce {
    pub(super) fn new(parts: &EngineParts) -> Self {
        Self { ending: parts.workers.ending(), registration: Registration::default() }
    }
}

impl Future for Quiesce {
    type Output = ShutdownReport;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ShutdownReport> {
        let Self { ending, registration } = &mut *self;
        registration.poll(&ending.waiting, cx.waker(), || ending.finished())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
