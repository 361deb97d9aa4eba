//! A stream that sends: where it reads, what it sends next, when it ends. Owned and moved by one thread, the one that
//! steps its connection; others reach only its word.

use super::event::{Event, Layout, Sink, SnapshotFlags, StreamName};
use super::word::{Advanced, StreamState, StreamWord};
use crate::backfill::{Backfill, BackfillRequest, Backfills, Delivery, OutboxReader, outbox};
use crate::flow::Window;
use crate::limits::{SNAPSHOT_ITEMS_MAX, STREAM_TURN_MESSAGES};
use crate::log::{Opened, ReadTo};
use crate::partition::Partition;
use crate::ready::{ReadySet, Waiter};
use crate::types::{EndReason, Seqno};
use core::ops::ControlFlow;
use millstream_reclaim::Pin;
use millstream_reclaim::sync::Arc;

/// What a stream was accepted for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamRange {
    /// The last seqno that the client has.
    pub(crate) start: Seqno,
    /// The last seqno that it wants.
    pub(crate) end: Seqno,
    /// The end of the snapshot that it is in the middle of; `start` if it is in none.
    pub(crate) snapshot_end: Seqno,
    /// Whether a purge above `start` does no harm.
    pub(crate) purge_exempt: bool,
    /// It reads the store and ends there.
    pub(crate) disk_only: bool,
}

/// A stream, as its owner has it.
pub(crate) struct ActiveStream {
    pub(crate) name: StreamName,
    range: StreamRange,
    /// The next seqno to read.
    next: Seqno,
    source: Source,
    /// The end of the log's snapshot that is being sent.
    snapshot: Option<Seqno>,
    /// The start of the next marker.
    marker_start: Seqno,
    /// The client is in the middle of a snapshot that ends here: of the keys that are newer towards its end it was
    /// not sent the older versions, so that it has a consistent state again only at this seqno, and no snapshot
    /// that starts before it may end before it.
    snapshot_end_min: Seqno,
    /// The next snapshot from memory is the first since the store was read (or since the start).
    checkpoint: bool,
    waiter: Arc<Waiter>,
    /// For commits, since a waiter is in one list at a time.
    flush_waiter: Arc<Waiter>,
}

/// Where it reads.
enum Source {
    /// Not decided.
    Undecided,
    /// The store.
    Store(OutboxReader),
    /// The log.
    Log,
}

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
enum Offer {
    Sent,
    Full,
    TurnOver,
}

impl ActiveStream {
    /// A stream that has sent nothing yet.
    pub(crate) fn new(
        name: StreamName,
        range: StreamRange,
        ready: &Arc<ReadySet>,
        member: usize,
    ) -> Self {
        Self {
            name,
            range,
            next: Seqno(range.start.0.saturating_add(1)),
            source: Source::Undecided,
            snapshot: None,
            marker_start: range.start,
            snapshot_end_min: range.snapshot_end,
            checkpoint: true,
            waiter: Waiter::new(Arc::clone(ready), member),
            flush_waiter: Waiter::new(Arc::clone(ready), member),
        }
    }

    /// Sends as much as the turn allows.
    pub(crate) fn run<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> Next {
        loop {
            if let StreamState::Dead(reason) = cx.word.load() {
                // Gives back, whole, what was read for it.
                self.source = Source::Undecided;
                return Next::Dead(reason);
            }
            let step = match self.source {
                Source::Undecided => self.choose_source(cx),
                Source::Store(_) => self.send_from_store(cx),
                Source::Log => self.send_from_log(cx),
            };
            if let ControlFlow::Break(next) = step {
                return next;
            }
        }
    }

    /// The log, if it reaches back far enough; else the store.
    fn choose_source<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> ControlFlow<Next> {
        if self.next > self.range.end {
            return self.end(cx, EndReason::Ok);
        }
        let floor = cx.partition.history(cx.pin).log.floor();
        if self.range.disk_only || self.next < floor {
            return self.start_backfill(cx);
        }
        self.source = Source::Log;
        gate!(ChoseLog);
        let _: Advanced = cx.word.advance(StreamState::InMemory);
        ControlFlow::Continue(())
    }

    fn start_backfill<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> ControlFlow<Next> {
        if let Some(cut) = self.snapshot.take() {
            // What is left of the snapshot has left the log; the next one takes over from here.
            self.marker_start = self.next;
            self.snapshot_end_min = cut;
        }
        if !self.is_persisted(cx.partition) {
            self.source = Source::Undecided;
            return ControlFlow::Break(Next::Parked);
        }
        let (writer, reader) = outbox(Arc::clone(cx.ready), cx.member);
        let request = BackfillRequest {
            vb: self.name.vb,
            from: self.next,
            purge_exempt: self.range.purge_exempt,
        };
        self.source = Source::Store(reader);
        if let Advanced::Dead(_) = cx.word.advance(StreamState::Backfilling) {
            return ControlFlow::Continue(());
        }
        if Backfills::schedule(cx.backfills, Backfill::new(request, writer), cx.pin) {
            return ControlFlow::Break(Next::Parked);
        }
        // No manager: the connection is closing, and this stream with it.
        self.end(cx, EndReason::Disconnected)
    }

    /// Whether the store has all of the snapshot that the client is in. If not, the stream is marked ready by the
    /// commit that makes it so.
    fn is_persisted(&self, partition: &Partition) -> bool {
        let end = self.snapshot_end_min;
        if end < self.next || partition.persisted() >= end {
            return true;
        }
        partition.flushed.park(&self.flush_waiter);
        // Looked at again after parking, so that no commit falls between.
        partition.persisted() >= end
    }

    /// Sends what the backfill has delivered.
    fn send_from_store<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> ControlFlow<Next> {
        let Source::Store(outbox) = &mut self.source else { return ControlFlow::Continue(()) };
        match outbox.front() {
            None => {
                gate!(FoundOutboxEmpty);
                ControlFlow::Break(Next::Parked)
            }
            Some(&mut Delivery::Failed(reason)) => self.end(cx, reason),
            Some(&mut Delivery::Opened { last }) => {
                if last >= self.next {
                    let flags = SnapshotFlags::DISK.with(SnapshotFlags::CHECKPOINT);
                    self.send_marker(cx, last, flags)?;
                }
                self.pop_delivery();
                ControlFlow::Continue(())
            }
            Some(&mut Delivery::Done { read_to }) => {
                self.next = self.next.max(read_to.next());
                if self.range.disk_only {
                    return self.end(cx, EndReason::Ok);
                }
                self.source = Source::Undecided;
                self.checkpoint = true;
                ControlFlow::Continue(())
            }
            Some(Delivery::Slice { .. }) => self.send_slice(cx),
        }
    }

    fn send_slice<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> ControlFlow<Next> {
        let Source::Store(outbox) = &mut self.source else { return ControlFlow::Continue(()) };
        let Some(Delivery::Slice { records, permit }) = outbox.front() else {
            return ControlFlow::Continue(());
        };
        while let Some(record) = records.front() {
            if record.meta.seqno > self.range.end {
                return self.end(cx, EndReason::Ok);
            }
            if let StreamState::Dead(_) = cx.word.load() {
                return ControlFlow::Continue(());
            }
            let event = Event::Document {
                stream: self.name,
                meta: &record.meta,
                key: &record.key,
                value: &record.value,
            };
            match cx.offer(&event) {
                Offer::Sent => {}
                Offer::Full => return ControlFlow::Break(cx.full()),
                Offer::TurnOver => return ControlFlow::Break(Next::More),
            }
            cx.sent.last_seqno = record.meta.seqno;
            self.next = record.meta.seqno.next();
            permit.give_back((record.key.len() + record.value.len()) as u64);
            records.pop_front();
        }
        self.pop_delivery();
        ControlFlow::Continue(())
    }

    fn pop_delivery(&mut self) {
        if let Source::Store(outbox) = &mut self.source {
            outbox.pop();
        }
    }

    /// Sends the next part of the log: opens a snapshot, or goes on with the one that is open.
    fn send_from_log<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> ControlFlow<Next> {
        if self.next > self.range.end {
            return self.end(cx, EndReason::Ok);
        }
        match self.snapshot {
            None => self.open_snapshot(cx),
            Some(end) => self.send_snapshot(cx, end),
        }
    }

    fn open_snapshot<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> ControlFlow<Next> {
        let (partition, pin) = (cx.partition, cx.pin);
        let history = partition.history(pin);
        let (from, least) = (self.next, self.snapshot_end_min);
        let items = SNAPSHOT_ITEMS_MAX.max(least.0.saturating_sub(from.0).saturating_add(1));
        let end = self.range.end.max(least);
        let open = || history.log.open(from, items, end, pin);
        let mut opened = open();
        if opened == Opened::Empty {
            gate!(FoundLogEmpty);
            partition.waiters.park(&self.waiter);
            // Looked at again after parking, so that no write falls between.
            opened = open();
            gate!(LookedAgain);
        }
        match opened {
            Opened::Empty => ControlFlow::Break(Next::Parked),
            Opened::Behind(_) => self.start_backfill(cx),
            Opened::Upto(upto) => {
                let last = match history.log.last_document(self.next, upto, pin) {
                    Ok(Some(last)) => last,
                    Ok(None) => {
                        // Only void seqnos: nothing to announce.
                        self.next = upto.next();
                        return ControlFlow::Continue(());
                    }
                    Err(_) => return self.start_backfill(cx),
                };
                let first =
                    if self.checkpoint { SnapshotFlags::CHECKPOINT } else { SnapshotFlags(0) };
                self.send_marker(cx, last, SnapshotFlags::MEMORY.with(first))?;
                self.checkpoint = false;
                self.snapshot = Some(last);
                ControlFlow::Continue(())
            }
        }
    }

    fn send_snapshot<S: Sink>(
        &mut self,
        cx: &mut StreamContext<'_, '_, S>,
        end: Seqno,
    ) -> ControlFlow<Next> {
        let (partition, pin) = (cx.partition, cx.pin);
        let history = partition.history(pin);
        let name = self.name;
        let mut stopped = ControlFlow::Continue(());
        // The stream may end inside the snapshot that it began in.
        let read_to = end.min(self.range.end);
        let read = history.log.read(self.next, end, pin, |doc| {
            if doc.meta.seqno > read_to {
                return ControlFlow::Break(());
            }
            if let StreamState::Dead(_) = cx.word.load() {
                return ControlFlow::Break(());
            }
            let event = Event::Document {
                stream: name,
                meta: &doc.meta,
                key: doc.key(),
                value: doc.value(),
            };
            match cx.offer(&event) {
                Offer::Sent => {
                    cx.sent.last_seqno = doc.meta.seqno;
                    return ControlFlow::Continue(());
                }
                Offer::Full => stopped = ControlFlow::Break(cx.full()),
                Offer::TurnOver => stopped = ControlFlow::Break(Next::More),
            }
            ControlFlow::Break(())
        });
        match read {
            ReadTo::Behind(at) => {
                // What comes before was sent.
                self.next = at;
                self.start_backfill(cx)
            }
            ReadTo::Next(next) => {
                self.next = next;
                if next > end {
                    self.snapshot = None;
                }
                stopped
            }
        }
    }

    /// Announces a snapshot up to `end`.
    fn send_marker<S: Sink>(
        &mut self,
        cx: &mut StreamContext<'_, '_, S>,
        end: Seqno,
        flags: SnapshotFlags,
    ) -> ControlFlow<Next> {
        let event =
            Event::SnapshotMarker { stream: self.name, start: self.marker_start, end, flags };
        match cx.offer(&event) {
            Offer::Sent => {
                self.marker_start = end.next();
                cx.sent.snapshot_end = end;
                ControlFlow::Continue(())
            }
            Offer::Full => ControlFlow::Break(cx.full()),
            Offer::TurnOver => ControlFlow::Break(Next::More),
        }
    }

    /// Ends the stream from within; whoever was first decides the reason.
    fn end<S: Sink>(
        &mut self,
        cx: &mut StreamContext<'_, '_, S>,
        reason: EndReason,
    ) -> ControlFlow<Next> {
        let _ = cx.word.kill(reason);
        ControlFlow::Continue(())
    }
}

impl<S: Sink> StreamContext<'_, '_, S> {
    fn full(&self) -> Next {
        Next::Full { sent_something: self.messages < STREAM_TURN_MESSAGES }
    }

    /// Sends a message if the turn, the window and the sink allow it.
    fn offer(&mut self, event: &Event<'_>) -> Offer {
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
