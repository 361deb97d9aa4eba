//! One turn of a stream: what it may use, what it sends, and how it ends.

use super::event::{Event, Layout, Sink, StreamName};
use super::filter::{Shown, StreamFilter};
use super::run::Run;
use super::values::{KeptWith, ValueRoom, Values};
use super::word::StreamWord;
use crate::backfill::Lanes;
use crate::collections::{SystemChange, SystemEvent, flat};
use crate::flow::Window;
use crate::limits::STREAM_TURN_MESSAGES;
use crate::partition::{History, Partition};
use crate::ready::ReadySet;
use crate::snappy::inflated_len;
use crate::types::{Datatype, DocMeta, EndReason, Seqno};
use millstream_reclaim::Pin;
use millstream_reclaim::sync::Arc;

/// The default collection's id as keys have it in front.
const COLLECTION_DEFAULT: u8 = 0;

/// What a stream needs for a turn.
pub(crate) struct StreamContext<'a, 'p, S> {
    pub(crate) word: &'a StreamWord,
    pub(crate) partition: &'a Partition,
    pub(crate) backfills: &'a Lanes,
    pub(crate) ready: &'a Arc<ReadySet>,
    pub(crate) member: usize,
    pub(crate) window: &'a Window,
    pub(crate) layout: Layout,
    /// Where values are changed that are not sent as they are kept.
    pub(crate) room: &'a mut ValueRoom,
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
    /// How many more they had been if no value was compressed.
    pub(crate) inflated_more: i64,
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

impl StreamSent {
    /// Documents and events.
    pub(crate) fn documents(&self) -> u64 {
        self.backfill_sent + self.memory_sent
    }
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
    name: StreamName,
    filter: &'a mut StreamFilter,
    /// Tombstones are not shown.
    skip_deletes: bool,
    /// The history that it is an entry of.
    history: &'a History,
    /// What documents of the default collection go out as they are kept.
    at_once: Option<AtOnce>,
}

/// What is the same for all documents of the default collection, if its client sees all of them.
#[derive(Clone, Copy)]
struct AtOnce {
    /// Where the key begins that the client is shown.
    key_from: usize,
    kept: KeptWith,
}

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    Sent,
    /// It was sent, and the filter has nothing left to show.
    LastOfFilter,
    Hidden,
    /// Its value cannot be read.
    Damaged,
    Full,
    TurnOver,
}

impl<'a> Entry<'a> {
    /// What entries of a history are sent as to a connection that takes values so.
    pub(super) fn new(
        name: StreamName,
        filter: &'a mut StreamFilter,
        skip_deletes: bool,
        history: &'a History,
        values: Values,
    ) -> Self {
        let at_once = filter.key_from().zip(values.kept_with());
        let at_once = at_once.map(|(key_from, kept)| AtOnce { key_from, kept });
        Self { name, filter, skip_deletes, history, at_once }
    }

    /// Sends it, if it is for the client. What nearly every entry is, a document that goes out as it is kept, is
    /// decided where the caller reads: passed through memory from call to call, key and value cost more than the rest.
    #[inline(always)]
    pub(super) fn send<'w, S: Sink>(
        &mut self,
        meta: &DocMeta,
        key: &[u8],
        value: &[u8],
        cx: &mut StreamContext<'w, '_, S>,
        run: &mut Run<'w>,
    ) -> Passed {
        let hidden = self.skip_deletes && !meta.kind.is_alive();
        if let Some(at_once) = self.at_once
            && let [COLLECTION_DEFAULT, ..] = key
            && at_once.kept.holds(meta.datatype)
            && !hidden
            && !self.history.default.is_closing()
        {
            let key = &key[at_once.key_from..];
            let document = Event::Document { stream: self.name, meta, key, value };
            return run.send(&document, meta.datatype, value, cx);
        }
        run.interrupted(cx, |cx| self.send_otherwise(meta, key, value, cx))
    }

    #[inline(never)]
    fn send_otherwise<S: Sink>(
        &mut self,
        meta: &DocMeta,
        key: &[u8],
        value: &[u8],
        cx: &mut StreamContext<'_, '_, S>,
    ) -> Passed {
        match self.filter.show(meta, key, value, self.history, cx.pin) {
            Shown::Hidden => Passed::Hidden,
            Shown::Document(_) if self.skip_deletes && !meta.kind.is_alive() => Passed::Hidden,
            Shown::Event(event) => self.send_event(event, cx),
            Shown::Document(key) if cx.layout.values.keep(meta.datatype, value) => {
                let sent = cx.offer(&Event::Document { stream: self.name, meta, key, value });
                cx.weigh(&sent, meta.datatype, value);
                sent.into()
            }
            Shown::Document(key) => self.send_reshaped(meta, key, value, cx),
        }
    }

    /// Sends a document whose value is not sent as it is kept.
    #[inline(never)]
    fn send_reshaped<S: Sink>(
        &self,
        meta: &DocMeta,
        key: &[u8],
        value: &[u8],
        cx: &mut StreamContext<'_, '_, S>,
    ) -> Passed {
        if let Some(obstacle) = cx.obstacle() {
            // Before the work is done, which would have to be done again.
            return obstacle.into();
        }
        let mut room = core::mem::take(cx.room);
        let passed = match room.reshape(cx.layout.values, meta, value) {
            Ok((datatype, value)) => {
                let meta = DocMeta { datatype, ..*meta };
                let sent =
                    cx.offer(&Event::Document { stream: self.name, meta: &meta, key, value });
                cx.weigh(&sent, datatype, value);
                sent.into()
            }
            Err(_) => Passed::Damaged,
        };
        *cx.room = room;
        passed
    }

    fn send_event<S: Sink>(
        &mut self,
        event: SystemEvent<'_>,
        cx: &mut StreamContext<'_, '_, S>,
    ) -> Passed {
        let is_flat = cx.layout.flat_events;
        if !is_flat && matches!(event.change, SystemChange::CollectionModified { .. }) {
            // There is no other layout for it.
            return Passed::Hidden;
        }
        let value = is_flat.then(|| flat(&event));
        let sent = cx.offer(&Event::System { stream: self.name, event, flat: value.as_deref() });
        if matches!(sent, Offer::Sent) && self.filter.follow(&event.change) {
            return Passed::LastOfFilter;
        }
        sent.into()
    }
}

impl From<Offer> for Passed {
    fn from(offer: Offer) -> Self {
        match offer {
            Offer::Sent => Self::Sent,
            Offer::Full => Self::Full,
            Offer::TurnOver => Self::TurnOver,
        }
    }
}

impl<S: Sink> StreamContext<'_, '_, S> {
    pub(super) fn full(&self) -> Next {
        Next::Full { sent_something: self.messages < STREAM_TURN_MESSAGES }
    }

    /// What keeps a message from being sent now.
    #[inline]
    fn obstacle(&self) -> Option<Offer> {
        if !self.window.may_send() || !self.sink.has_room() {
            return Some(Offer::Full);
        }
        (self.messages == 0).then_some(Offer::TurnOver)
    }

    /// Counts what a compressed value that was sent had taken inflated.
    #[inline]
    pub(super) fn weigh(&mut self, sent: &Offer, datatype: Datatype, value: &[u8]) {
        if datatype.contains(Datatype::SNAPPY) && matches!(sent, Offer::Sent) {
            let inflated = inflated_len(value).unwrap_or(value.len());
            self.sent.inflated_more += inflated as i64 - value.len() as i64;
        }
    }

    /// Sends a message if the turn, the window and the sink allow it.
    pub(super) fn offer(&mut self, event: &Event<'_>) -> Offer {
        if let Some(obstacle) = self.obstacle() {
            return obstacle;
        }
        self.messages -= 1;
        let bytes = event.counted_bytes(self.layout);
        // Counted before it can reach the client, whose acknowledgement may come at once.
        self.window.sent(bytes);
        self.sink.send(event);
        self.sent.bytes += bytes;
        Offer::Sent
    }
}
