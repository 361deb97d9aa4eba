//! A whole engine without threads: the model is flusher, worker and reaper.

use super::backfill::Queue;
use crate::engine::{CommitSignal, Engine, EngineBuilder, EngineSettings, Registration};
use crate::error::Result;
use crate::store::Store;
use crate::types::{Seqno, VbId};
use core::task::{Poll, Waker};
use millstream_reclaim::Reaper;
use millstream_reclaim::sync::workers::Receiver;
use std::sync::mpsc::TryRecvError;

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

/// What the flusher was asked for, as its asker waits for it.
#[derive(Debug)]
pub struct Asked(Receiver<Result<Seqno>>);

impl Asked {
    /// Whether its asker has learnt that nobody does it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.0.try_recv(), Err(TryRecvError::Disconnected))
    }
}

/// `EngineParts::ask_flusher`.
#[must_use]
pub fn ask_flusher(engine: &Engine, vb: VbId) -> Asked {
    Asked(engine.ask_flusher(vb))
}

/// `EngineParts::is_stopped`.
#[must_use]
pub fn is_flusher_stopped(engine: &Engine) -> bool {
    engine.is_flusher_stopped()
}

/// `EngineParts::set_stopped`.
pub fn set_flusher_stopped(engine: &Engine) {
    engine.set_flusher_stopped();
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
