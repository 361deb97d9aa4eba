//! A whole engine without threads: the model is flusher, worker and reaper.

use super::backfill::Queue;
use crate::engine::{CommitSignal, Engine, EngineBuilder, EngineSettings, Registration};
use crate::error::Result;
use crate::store::Store;
use core::task::{Poll, Waker};
use millstream_reclaim::Reaper;

/// An engine, and the ends that its threads would have.
#[derive(Debug)]
pub struct Bare {
    /// The engine.
    pub engine: Engine,
    /// The housekeeper's.
    pub reaper: Reaper,
    /// The backfill worker's.
    pub queue: Queue,
}

/// Opens an engine without threads.
///
/// # Errors
/// As [`EngineBuilder::open`].
pub fn open(store: impl Store, settings: EngineSettings) -> Result<Bare> {
    let (engine, reaper, jobs) =
        EngineBuilder::new(store).settings(settings).open_without_threads()?;
    Ok(Bare { engine, reaper, queue: Queue(jobs) })
}

/// `CommitSignal`.
#[derive(Debug, Default)]
pub struct Signal(CommitSignal);

/// `Registration`: of a future that is polled however often.
#[derive(Debug, Default)]
pub struct Registered(Registration);

impl Registered {
    /// `Registration::poll`.
    pub fn poll<T>(
        &mut self,
        signal: &Signal,
        waker: &Waker,
        look: impl FnMut() -> Option<T>,
    ) -> Poll<T> {
        self.0.poll(&signal.0, waker, look)
    }
}

impl Signal {
    /// `CommitSignal::register`.
    pub fn register(&self, waker: &Waker) {
        self.0.register(waker);
    }

    /// `CommitSignal::notify`.
    pub fn notify(&self) {
        self.0.notify();
    }

    /// `CommitSignal::told`.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.0.told()
    }
}
