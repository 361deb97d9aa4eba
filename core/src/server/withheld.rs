//! Answers that wait until what they answer is persisted.
//!
//! While the writes of one batch wait for their commit, further requests are handled and form the next batch, so that
//! the store is never idle because of a connection that has more to write.

use super::output::{Output, Place};
use crate::engine::{Engine, PersistedAll};
use crate::types::{Seqno, VbId};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::collections::HashMap;

/// The answers of a connection whose server answers writes once they are persisted.
#[derive(Debug, Default)]
pub(super) struct Withheld {
    waiting: Option<PersistedAll>,
    gathering: HashMap<VbId, Seqno>,
    /// Where the answers of the batch begin that is being gathered.
    from: Option<Place>,
}

impl Withheld {
    /// A write was made whose answer (if it has one) is appended at `answer`.
    pub(super) fn note(&mut self, vb: VbId, seqno: Seqno, answer: Place) {
        let highest = self.gathering.entry(vb).or_insert(seqno);
        *highest = seqno.max(*highest);
        self.from.get_or_insert(answer);
    }

    /// Begins to wait for what was gathered, unless an earlier batch still waits.
    pub(super) fn settle(&mut self, engine: &Engine, output: &mut Output) {
        if self.waiting.is_none() && self.from.is_some() {
            output.withhold(self.from.take());
            self.waiting = Some(engine.persisted_all(self.gathering.drain().collect()));
        }
    }

    /// Ready with `true` when answers were released; with `false` when they never will be, because the engine has
    /// stopped.
    pub(super) fn poll_release(
        &mut self,
        cx: &mut Context<'_>,
        engine: &Engine,
        output: &mut Output,
    ) -> Poll<bool> {
        let Some(waiting) = &mut self.waiting else { return Poll::Pending };
        let persisted = ready!(Pin::new(waiting).poll(cx));
        if !persisted {
            return Poll::Ready(false);
        }
        self.waiting = None;
        output.withhold(None);
        self.settle(engine, output);
        Poll::Ready(true)
    }
}
