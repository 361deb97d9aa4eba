//! A request that cannot be handled at once: it waits for the store, or for memory, and is then handled from its
//! start. The connection's later requests wait behind it; its streams do not.

use super::call::key_of;
use super::kv::VbChange;
use super::status::Refused;
use crate::engine::{Drawn, Engine, Fetched, Flushed};
use crate::error::Result;
use crate::limits::STORED_READS_MAX;
use crate::types::CollectionId;
use crate::wire::{Frame, Status};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::task::JoinHandle;

/// What earlier attempts to handle a request have left for the next.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// What the store has of its document, once that was asked for.
    pub(super) stored: Option<Option<Fetched>>,
    /// The document that was drawn for it, once that was asked for.
    pub(super) drawn: Option<Option<Drawn>>,
    reads: u32,
    /// When it is given up if there is no memory.
    memory_by: Option<Instant>,
    /// Made before the last attempt, which found no memory if this is still here.
    flushed: Option<Flushed>,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Suspended {
    frame: Frame,
    attempts: Attempts,
    waits_for: WaitsFor,
}

#[derive(Debug)]
enum WaitsFor {
    /// Its next attempt.
    Nothing,
    /// To be answered with this.
    Refusal(Refused),
    Store(JoinHandle<Result<Option<Fetched>>>),
    Draw(JoinHandle<Result<Option<Drawn>>>),
    Memory(Flushed),
    Change(JoinHandle<Result<()>>),
    /// To be answered with success.
    Success,
}

/// What becomes of a request that waited.
#[derive(Debug)]
pub(super) enum Resumed {
    /// It still waits.
    Waits(Suspended),
    /// It is handled again.
    Again(Frame, Attempts),
    /// It is answered with this.
    Refused(Frame, Refused),
    /// It is answered with success.
    Done(Frame),
}

impl Suspended {
    /// A request that needs what the store has of its document.
    /// `collections` says whether its key begins with a collection's id.
    pub(super) fn for_stored(
        engine: &Engine,
        frame: Frame,
        collections: bool,
        mut attempts: Attempts,
    ) -> Self {
        attempts.reads += 1;
        attempts.stored = None;
        let waits_for = if attempts.reads > STORED_READS_MAX {
            WaitsFor::Refusal(Refused::too_contended())
        } else {
            let (engine, vb, key) = (engine.clone(), frame.vbucket(), frame.key_bytes());
            // On a thread that may block: reading the disk must not stop other connections.
            let fetch = move || match key_of(collections, &key) {
                Ok(key) => engine.session("fetch").fetch(vb, key),
                // It was read before.
                Err(_) => Ok(None),
            };
            WaitsFor::Store(tokio::task::spawn_blocking(fetch))
        };
        Self { frame, attempts, waits_for }
    }

    /// A request that needs memory, and is given up if there is none in time. It is tried once more before it
    /// waits, so that a commit which frees memory between its attempt and its waiting is not missed.
    pub(super) fn for_memory(
        engine: &Engine,
        frame: Frame,
        mut attempts: Attempts,
        by: Instant,
    ) -> Self {
        attempts.memory_by.get_or_insert(by);
        let waits_for = match attempts.flushed.take() {
            Some(flushed) => WaitsFor::Memory(flushed),
            None => {
                attempts.flushed = Some(engine.flushed());
                WaitsFor::Nothing
            }
        };
        Self { frame, attempts, waits_for }
    }

    /// A request that needs a document which is drawn at random.
    pub(super) fn for_draw(engine: &Engine, frame: Frame, of: CollectionId) -> Self {
        let engine = engine.clone();
        // On a thread that may block: it may look through the store.
        let draw = tokio::task::spawn_blocking(move || engine.draw(of));
        Self { frame, attempts: Attempts::default(), waits_for: WaitsFor::Draw(draw) }
    }

    /// A request that is answered once a vbucket is changed.
    pub(super) fn for_change(engine: &Engine, frame: Frame, change: VbChange) -> Self {
        let engine = engine.clone();
        // On a thread that may block: it waits for the store.
        let made = tokio::task::spawn_blocking(move || change.make(&engine));
        Self { frame, attempts: Attempts::default(), waits_for: WaitsFor::Change(made) }
    }

    /// When it has to be looked at again at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.waits_for {
            WaitsFor::Memory(_) => self.attempts.memory_by,
            _ => None,
        }
    }

    /// Ready when it need not wait any longer.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.waits_for = match &mut self.waits_for {
            WaitsFor::Nothing | WaitsFor::Refusal(_) | WaitsFor::Success => return Poll::Ready(()),
            WaitsFor::Store(read) => match ready!(Pin::new(read).poll(cx)) {
                Ok(Ok(stored)) => {
                    self.attempts.stored = Some(stored);
                    WaitsFor::Nothing
                }
                Ok(Err(error)) => WaitsFor::Refusal(error.into()),
                Err(_) => {
                    WaitsFor::Refusal(Refused::new(Status::EINTERNAL, "reading the store failed"))
                }
            },
            WaitsFor::Draw(draw) => match ready!(Pin::new(draw).poll(cx)) {
                Ok(Ok(drawn)) => {
                    self.attempts.drawn = Some(drawn);
                    WaitsFor::Nothing
                }
                Ok(Err(error)) => WaitsFor::Refusal(error.into()),
                Err(_) => {
                    WaitsFor::Refusal(Refused::new(Status::EINTERNAL, "drawing a document failed"))
                }
            },
            WaitsFor::Change(made) => match ready!(Pin::new(made).poll(cx)) {
                Ok(Ok(())) => WaitsFor::Success,
                Ok(Err(error)) => WaitsFor::Refusal(error.into()),
                Err(_) => {
                    WaitsFor::Refusal(Refused::new(Status::EINTERNAL, "the change was not made"))
                }
            },
            WaitsFor::Memory(flushed) => {
                ready!(Pin::new(flushed).poll(cx));
                WaitsFor::Nothing
            }
        };
        Poll::Ready(())
    }

    /// What becomes of it now.
    pub(super) fn resume(self, now: Instant) -> Resumed {
        let Self { frame, attempts, waits_for } = self;
        match waits_for {
            WaitsFor::Nothing => Resumed::Again(frame, attempts),
            WaitsFor::Success => Resumed::Done(frame),
            WaitsFor::Refusal(refused) => Resumed::Refused(frame, refused),
            WaitsFor::Memory(_) if attempts.memory_by.is_some_and(|by| by <= now) => {
                Resumed::Refused(frame, Refused::memory_full())
            }
            waits_for => Resumed::Waits(Self { frame, attempts, waits_for }),
        }
    }
}
