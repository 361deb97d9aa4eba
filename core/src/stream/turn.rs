//! One turn of a stream: what it may use, what it sends, and how it ends.

use super::event::{Event, Layout, Sink, StreamName};
use super::filter::{Shown, StreamFilter};
use super::word::StreamWord;
use crate::backfill::Backfills;
use crate::flow::Window;
use crate::limits::STREAM_TURN_MESSAGES;
use crate::partition::Partition;
use crate::ready::ReadySet;
use crate::types::{DocMeta, EndReason, Seqno};
use millstream_reclaim::Pin;
use millstream_reclaim::sync::Arc;

/// What a stream needs for a turn.
pub(crate) struct StreamContext<'a, 'p, S> {
    pub(crate) word: &'a StreamWord,
    pub(crate) partition: &'a Partition,
    pub(crate) backfills: &'a Arc<Backfills>,
    pub(crate) ready: &'a Arc<ReadySet>,
    pub(crate) member: usize,
    pub(crate) window: &'a Window,
    pub(crate) layout: Layout,
    pub(crate) sent: &'a mut Sent,
    pub(crate) sink: &'a mut S,
    pub(crate) pin: &'a Pin<'p>,
    /// Messages that it may still send in this turn, of [`STREAM_TURN_MESSAGES`].
    pub(crate) messages: u32,
}

/// What was sent, for stats.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) documents: u64,
    pub(crate) bytes: u64,
    pub(crate) last_seqno: Seqno,
    pub(crate) snapshot_end: Seqno,
    /// What one stream did in its turn.
    pub(crate) stream: StreamSent,
}

/// What one stream did in its turn, for stats.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StreamSent {
    pub(crate) backfill_items: u64,
    pub(crate) backfill_sent: u64,
    pub(crate) memory_sent: u64,
    pub(crate) advanced: Option<Seqno>,
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Next {
    /// It has more to send and used up its turn.
    More,
    /// It will be marked ready when there is something.
    Parked,
    /// The window or the sink is full.
    Full {
        /// Whether the turn came to something before.
        sent_something: bool,
    },
    /// It is dead.
    Dead(EndReason),
}

/// Whether a message went out.
pub(super) enum Offer {
    Sent,
    Full,
    TurnOver,
}

/// What an entry of the history is sent as.
pub(super) struct Entry<'a> {
    pub(super) name: StreamName,
    pub(super) filter: &'a mut StreamFilter,
}

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    Sent,
    /// It was sent, and the filter has nothing left to show.
    LastOfFilter,
    Hidden,
    Full,
    TurnOver,
}

impl Entry<'_> {
    pub(super) fn send<S: Sink>(
        &mut self,
        meta: &DocMeta,
        key: &[u8],
        value: &[u8],
        cx: &mut StreamContext<'_, '_, S>,
    ) -> Passed {
        let stream = self.name;
        let (event, change) = match self.filter.show(meta, key, value, cx.partition, cx.pin) {
            Shown::Document(key) => (Event::Document { stream, meta, key, value }, None),
            Shown::Event(event) => (Event::System { stream, event }, Some(event.change)),
            Shown::Hidden => return Passed::Hidden,
        };
        match cx.offer(&event) {
            Offer::Sent if change.is_some_and(|change| self.filter.follow(&change)) => {
                Passed::LastOfFilter
            }
            Offer::Sent => Passed::Sent,
            Offer::Full => Passed::Full,
            Offer::TurnOver => Passed::TurnOver,
        }
    }
}

impl<S: Sink> StreamContext<'_, '_, S> {
    pub(super) fn full(&self) -> Next {
        Next::Full { sent_something: self.messages < STREAM_TURN_MESSAGES }
    }

    /// Sends a message if the turn, the window and the sink allow it.
    pub(super) fn offer(&mut self, event: &Event<'_>) -> Offer {
        if !self.window.may_send() || !self.sink.has_room() {
            return Offer::Full;
        }
        if self.messages == 0 {
            return Offer::TurnOver;
        }
        self.messages -= 1;
        let bytes = event.counted_bytes(self.layout);
        // Counted before it can reach the client, whose acknowledgement may come at once.
        self.window.sent(bytes);
        self.sink.send(event);
        self.sent.bytes += bytes;
        self.sent.documents += u64::from(event.is_document());
        Offer::Sent
    }
}
