//! What every thread may know and do about a connection; the thread that owns it has the rest.
//!
//! # State
//!
//! | field | decides |
//! |---|---|
//! | `closed` | whether the owner goes on (a hint: the slots decide what may be opened) |
//! | `streams` | which streams live |
//! | `backfills` | who tears down: the one that takes the manager |
//!
//! # Invariants
//! - I1. After `close_all` has returned on every thread that called it, no stream lives and none can be opened
//!   (model `connection::two_closers_and_a_request`).
//! - I2. Of all callers of `close_all` exactly one retires the manager, and no stream is told twice that it ended.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `close_all`, `kill_vbucket`, stats | any pinned thread | everything | wait-free, bounded by the streams |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | E1 | `closed`, set | Release | E2 | nothing that matters: the owner learns of it from the slots too | `connection::two_closers_and_a_request` |
//! | E2 | `closed`, read | Acquire | E1 | as E1 | `connection::two_closers_and_a_request` |
//! | E3 | the words of `report.rs` | Relaxed | none | nothing: statistics | none |
//!
//! # Reclamation
//! The roster and the owner hold references; the backfill manager is reclaimed by the epoch domain.
//!
//! # Not promised
//! That the owner has noticed when `close_all` returns: nobody waits for anybody.

use super::report::Report;
use crate::backfill::Lanes;
use crate::flow::Window;
use crate::producer::StreamTable;
use crate::ready::ReadySet;
use crate::stream::Killed;
use crate::types::{EndReason, VbId};
use millstream_reclaim::Pin;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicBool, Ordering};

/// What a connection is made of.
#[derive(Debug)]
pub(crate) struct ConnectionParts {
    pub(crate) id: u64,
    pub(crate) name: Box<str>,
    pub(crate) streams: StreamTable,
    pub(crate) ready: Arc<ReadySet>,
    pub(crate) backfills: Lanes,
    pub(crate) window: Window,
    pub(crate) report: Report,
}

/// A connection as every thread sees it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) name: Box<str>,
    pub(crate) streams: StreamTable,
    pub(crate) ready: Arc<ReadySet>,
    pub(crate) backfills: Lanes,
    pub(crate) window: Window,
    pub(crate) report: Report,
    closed: AtomicBool,
    #[cfg(millstream_census)]
    _alive: crate::census::Connection,
}

impl Connection {
    pub(crate) fn new(parts: ConnectionParts) -> Arc<Self> {
        let ConnectionParts { id, name, streams, ready, backfills, window, report } = parts;
        Arc::new(Self {
            id,
            name,
            streams,
            ready,
            backfills,
            window,
            report,
            closed: AtomicBool::new(false),
            #[cfg(millstream_census)]
            _alive: crate::census::Connection::new(),
        })
    }

    /// Ends every stream as disconnected, lets none be opened again, takes the backfill managers away and wakes the
    /// owner. Any thread, any number of times; returns without waiting. How many streams this call ended.
    pub(crate) fn close_all(&self, pin: &Pin<'_>) -> usize {
        // E1 Release: pairs with E2.
        self.closed.store(true, Ordering::Release);
        let ended = self.streams.close(|first, ended| {
            self.ready.mark_word(first / 64, ended << (first % 64));
        });
        gate!(CloserEndedStreams);
        self.backfills.close(pin);
        self.ready.wake();
        ended
    }

    /// Whether `close_all` was called.
    pub(crate) fn is_closed(&self) -> bool {
        // E2 Acquire: pairs with E1.
        self.closed.load(Ordering::Acquire)
    }

    /// Ends the streams of one vbucket, all of them. How many this call ended.
    pub(crate) fn kill_vbucket(&self, vb: VbId, reason: EndReason) -> usize {
        let mut ended = 0;
        self.streams.for_vbucket(vb, |member, slot| {
            gate!(HoldsSlot);
            if slot.word.kill(reason) == Killed::First {
                self.ready.mark(member);
                ended += 1;
            }
        });
        ended
    }
}
