//! A stream that sends: where it reads, what it sends next, when it ends. Owned and moved by one thread, the one that
//! steps its connection; others reach only its word.

use super::event::{Event, Sink, SnapshotFlags, StreamName};
use super::filter::StreamFilter;
use super::purge::{First, PurgeTest};
use super::run::Run;
use super::turn::{Entry, Next, Offer, Passed, StreamContext};
use super::word::{Advanced, StreamState};
use crate::backfill::{Backfill, BackfillRequest, Delivery, OutboxReader, outbox};
use crate::limits::{FILTERED_ITEMS_MAX, SNAPSHOT_ITEMS_MAX};
use crate::log::{Doc, Opened, ReadTo};
use crate::ready::{ReadySet, Waiter};
use crate::types::{EndReason, Seqno};
use core::num::NonZeroU64;
use core::ops::ControlFlow;
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
    /// What the client said of purged tombstones.
    pub(crate) purge: PurgeTest,
    /// It reads the store and ends there.
    pub(crate) disk_only: bool,
    /// Its first reading of the store leaves tombstones out, if it begins at the beginning.
    pub(crate) skip_deletes: bool,
}

/// What of its range a stream still needs once it has begun. The test's parts lie side by side with the rest, since a
/// struct within would be padded.
struct RangeLeft {
    end: Seqno,
    purge_known: Seqno,
    purge_ignored: bool,
    disk_only: bool,
    skip_deletes: bool,
}

/// A stream, as its owner has it. There may be a million: each field counts.
pub(crate) struct ActiveStream {
    pub(crate) name: StreamName,
    range: RangeLeft,
    filter: StreamFilter,
    /// The last seqno that the client was sent.
    shown: Seqno,
    /// The client is to be told that it is at this seqno, since it was not shown what is there.
    advance: Option<NonZeroU64>,
    /// Entries in a row that were not shown.
    hidden: u32,
    /// The reading of the store that goes on leaves tombstones out.
    skips_deletes: bool,
    /// The next seqno to read.
    next: Seqno,
    source: Source,
    /// The end of the log's snapshot that is being sent.
    snapshot: Option<NonZeroU64>,
    /// The start of the next marker.
    marker_start: Seqno,
    /// The client is in the middle of a snapshot that ends here: of the keys that are newer towards its end it was
    /// not sent the older versions, so that it has a consistent state again only at this seqno, and no snapshot
    /// that starts before it may end before it.
    snapshot_end_min: Seqno,
    /// The next snapshot from memory is the first since the store was read (or since the start).
    checkpoint: bool,
    waiter: Arc<Waiter>,
    /// For commits, since a waiter is in one list at a time; most streams never wait for one.
    flush_waiter: Option<Arc<Waiter>>,
}

/// Where it reads.
enum Source {
    /// Not decided.
    Undecided,
    /// The store.
    Store(Box<Reading>),
    /// The log.
    Log,
    /// Nowhere any more: it ends.
    Finished,
}

/// A reading of the store that goes on; few streams have one.
struct Reading {
    outbox: OutboxReader,
    /// Where it began.
    first: First,
}

impl ActiveStream {
    /// A stream that has sent nothing yet.
    pub(crate) fn new(
        name: StreamName,
        range: StreamRange,
        filter: StreamFilter,
        ready: &Arc<ReadySet>,
        member: usize,
    ) -> Self {
        Self {
            name,
            range: RangeLeft {
                end: range.end,
                purge_known: range.purge.known,
                purge_ignored: range.purge.ignored,
                disk_only: range.disk_only,
                skip_deletes: range.skip_deletes,
            },
            filter,
            shown: range.start,
            advance: None,
            hidden: 0,
            skips_deletes: false,
            next: Seqno(range.start.0.saturating_add(1)),
            source: Source::Undecided,
            snapshot: None,
            marker_start: range.start,
            snapshot_end_min: range.snapshot_end,
            checkpoint: true,
            waiter: Waiter::new(Arc::clone(ready), member),
            flush_waiter: None,
        }
    }

    /// The last seqno that was read.
    pub(crate) fn read_to(&self) -> Seqno {
        Seqno(self.next.0.saturating_sub(1))
    }

    /// Sends as much as the turn allows.
    pub(crate) fn run<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> Next {
        loop {
            if let StreamState::Dead(reason) = cx.word.load() {
                // Gives back, whole, what was read for it.
                self.source = Source::Undecided;
                return Next::Dead(reason);
            }
            if let ControlFlow::Break(next) = self.send_advance(cx) {
                return next;
            }
            let step = match self.source {
                Source::Undecided => self.choose_source(cx),
                Source::Store(_) => self.send_from_store(cx),
                Source::Log => self.send_from_log(cx),
                Source::Finished => self.end(cx, EndReason::Ok),
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
        if self.filter.is_over(cx.partition, cx.pin) {
            return self.end(cx, EndReason::FilterEmpty);
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
        if let Some(cut) = self.snapshot.take().map(seqno_of) {
            // What is left of the snapshot has left the log; the next one takes over from here.
            self.marker_start = self.next;
            self.snapshot_end_min = cut;
        }
        if !self.is_persisted(cx) {
            self.source = Source::Undecided;
            return ControlFlow::Break(Next::Parked);
        }
        self.skips_deletes = core::mem::take(&mut self.range.skip_deletes) && self.next == Seqno(1);
        let (writer, outbox) = outbox(Arc::clone(cx.ready), cx.member);
        // Nothing that the filter shows is older than its collections.
        let first = First::of(self.next, &self.filter, cx.partition, cx.pin);
        let request = BackfillRequest {
            vb: self.name.vb,
            from: first.seqno,
            without_values: cx.layout.values.are_left_out(),
            default_only: !self.filter.is_aware(),
        };
        self.source = Source::Store(Box::new(Reading { outbox, first }));
        if let Advanced::Dead(_) = cx.word.advance(StreamState::Backfilling) {
            return ControlFlow::Continue(());
        }
        if cx.backfills.schedule(cx.member, Backfill::new(request, writer), cx.pin) {
            return ControlFlow::Break(Next::Parked);
        }
        // No managers: the connection is closing, and this stream with it.
        self.end(cx, EndReason::Disconnected)
    }

    /// Whether the store has all of the snapshot that the client is in. If not, the stream is marked ready by the
    /// commit that makes it so.
    fn is_persisted<S: Sink>(&mut self, cx: &StreamContext<'_, '_, S>) -> bool {
        let partition = cx.partition;
        let end = self.snapshot_end_min;
        if end < self.next || partition.persisted() >= end {
            return true;
        }
        let waiter =
            self.flush_waiter.get_or_insert_with(|| Waiter::new(Arc::clone(cx.ready), cx.member));
        partition.flushed.park(waiter);
        // Looked at again after parking, so that no commit falls between.
        partition.persisted() >= end
    }

    /// Sends what the backfill has delivered.
    fn send_from_store<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> ControlFlow<Next> {
        let Source::Store(reading) = &mut self.source else { return ControlFlow::Continue(()) };
        let first = reading.first;
        match reading.outbox.front() {
            None => {
                gate!(FoundOutboxEmpty);
                ControlFlow::Break(Next::Parked)
            }
            Some(&mut Delivery::Failed(reason)) => self.end(cx, reason),
            Some(&mut Delivery::Opened { last, purge }) => {
                let RangeLeft { purge_known: known, purge_ignored: ignored, .. } = self.range;
                let test = PurgeTest { ignored, known };
                if test.forbids(first, purge, &self.filter, cx.partition, cx.pin) {
                    return self.end(cx, EndReason::StateChanged);
                }
                let end = self.filter.snapshot_end(last, cx.partition, cx.pin);
                if end >= self.next {
                    let flags = SnapshotFlags::DISK.with(SnapshotFlags::CHECKPOINT);
                    let purge = cx.layout.purge_in_markers.then_some(purge);
                    self.send_marker(cx, end, flags, purge)?;
                    self.snapshot = NonZeroU64::new(end.0);
                }
                self.pop_delivery();
                ControlFlow::Continue(())
            }
            Some(&mut Delivery::Done { read_to }) => {
                self.next = self.next.max(read_to.next());
                self.close_snapshot();
                self.source =
                    if self.range.disk_only { Source::Finished } else { Source::Undecided };
                self.checkpoint = true;
                ControlFlow::Continue(())
            }
            Some(Delivery::Slice { .. }) => self.send_slice(cx),
        }
    }

    fn send_slice<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> ControlFlow<Next> {
        let Source::Store(reading) = &mut self.source else { return ControlFlow::Continue(()) };
        let Some(Delivery::Slice { records, permit }) = reading.outbox.front() else {
            return ControlFlow::Continue(());
        };
        let (partition, pin) = (cx.partition, cx.pin);
        let history = partition.history(pin);
        while let Some(record) = records.front() {
            if record.meta.seqno > self.range.end {
                return self.end(cx, EndReason::Ok);
            }
            if cx.word.is_dead() {
                return ControlFlow::Continue(());
            }
            let (seqno, bytes) =
                (record.meta.seqno, (record.key.len() + record.value.len()) as u64);
            let (name, skip_deletes) = (self.name, self.skips_deletes);
            let mut entry =
                Entry::new(name, &mut self.filter, skip_deletes, &history, cx.layout.values);
            let mut run = Run::begin(cx);
            let sent = entry.send(&record.meta, &record.key, &record.value, cx, &mut run);
            run.end(cx);
            match sent {
                Passed::Sent | Passed::LastOfFilter => {
                    (self.shown, self.hidden) = (seqno, 0);
                    cx.sent.last_seqno = seqno;
                    cx.sent.stream.backfill_sent += 1;
                }
                Passed::Hidden => self.hidden += 1,
                Passed::Damaged => return self.end(cx, EndReason::BackfillFailed),
                Passed::Full => return ControlFlow::Break(cx.full()),
                Passed::TurnOver => return ControlFlow::Break(Next::More),
            }
            self.next = seqno.next();
            cx.sent.stream.backfill_items += 1;
            permit.give_back(bytes);
            records.pop_front();
            if sent == Passed::LastOfFilter {
                return self.end(cx, EndReason::FilterEmpty);
            }
            if self.hidden >= FILTERED_ITEMS_MAX && self.filter.is_aware() {
                // A client that is shown nothing for long would otherwise read it all again after a disconnect.
                self.advance = NonZeroU64::new(seqno.0);
                return ControlFlow::Continue(());
            }
        }
        self.pop_delivery();
        ControlFlow::Continue(())
    }

    fn pop_delivery(&mut self) {
        if let Source::Store(reading) = &mut self.source {
            reading.outbox.pop();
        }
    }

    /// Sends the next part of the log: opens a snapshot, or goes on with the one that is open.
    fn send_from_log<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> ControlFlow<Next> {
        if self.next > self.range.end {
            return self.end(cx, EndReason::Ok);
        }
        match self.snapshot.map(seqno_of) {
            None if self.filter.is_over(cx.partition, cx.pin) => {
                self.end(cx, EndReason::FilterEmpty)
            }
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
                let filter = &self.filter;
                let may_end = |doc: &Doc| filter.ends_at(doc.key());
                let last = match history.log.last_document(self.next, upto, pin, may_end) {
                    Ok(Some(last)) => last,
                    Ok(None) => {
                        // Only void seqnos, and what the client is not told of: nothing to announce.
                        self.next = upto.next();
                        return ControlFlow::Continue(());
                    }
                    Err(_) => return self.start_backfill(cx),
                };
                let first =
                    if self.checkpoint { SnapshotFlags::CHECKPOINT } else { SnapshotFlags(0) };
                self.send_marker(cx, last, SnapshotFlags::MEMORY.with(first), None)?;
                self.checkpoint = false;
                self.snapshot = NonZeroU64::new(last.0);
                ControlFlow::Continue(())
            }
        }
    }

    /// Sends the rest of the log's snapshot that ends at `end`. Code of its own, so that registers hold what it looks
    /// at for each document.
    #[inline(never)]
    fn send_snapshot<S: Sink>(
        &mut self,
        cx: &mut StreamContext<'_, '_, S>,
        end: Seqno,
    ) -> ControlFlow<Next> {
        let (partition, pin) = (cx.partition, cx.pin);
        let history = partition.history(pin);
        let filter = &mut self.filter;
        let mut entry = Entry::new(self.name, filter, false, &history, cx.layout.values);
        let (mut last, mut over, mut stopped) = (None, None, None);
        let (turn, mut run) = (cx.messages, Run::begin(cx));
        // The stream may end inside the snapshot that it began in.
        let read_to = end.min(self.range.end);
        let word = cx.word;
        let read = history.log.read_part((self.next, read_to), end, pin, |doc| {
            if word.is_dead() {
                return ControlFlow::Break(());
            }
            match entry.send(&doc.meta, doc.key(), doc.value(), cx, &mut run) {
                Passed::Hidden => {}
                Passed::Sent => last = Some(doc.meta.seqno),
                Passed::LastOfFilter => {
                    // What is left behind the last event of the filter is not shown anyway.
                    (last, over) = (Some(doc.meta.seqno), Some(EndReason::FilterEmpty));
                }
                Passed::Damaged => {
                    over = Some(EndReason::BackfillFailed);
                    return ControlFlow::Break(());
                }
                obstacle @ (Passed::Full | Passed::TurnOver) => {
                    stopped = Some(obstacle);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        run.end(cx);
        cx.sent.stream.memory_sent += u64::from(turn - cx.messages);
        if let Some(last) = last {
            (self.shown, cx.sent.last_seqno) = (last, last);
        }
        if let Some(reason) = over {
            return self.end(cx, reason);
        }
        match read {
            ReadTo::Behind(at) => {
                // What comes before was sent.
                self.next = at;
                self.start_backfill(cx)
            }
            ReadTo::Next(next) => {
                self.next = next;
                if next > end {
                    self.close_snapshot();
                }
                match stopped {
                    Some(Passed::Full) => ControlFlow::Break(cx.full()),
                    Some(_) => ControlFlow::Break(Next::More),
                    None => ControlFlow::Continue(()),
                }
            }
        }
    }

    /// Announces a snapshot up to `end`.
    fn send_marker<S: Sink>(
        &mut self,
        cx: &mut StreamContext<'_, '_, S>,
        end: Seqno,
        flags: SnapshotFlags,
        purge: Option<Seqno>,
    ) -> ControlFlow<Next> {
        let (stream, start) = (self.name, self.marker_start);
        let event = Event::SnapshotMarker { stream, start, end, flags, purge };
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

    /// The snapshot was read to its end.
    fn close_snapshot(&mut self) {
        if let Some(end) = self.snapshot.take().map(seqno_of)
            && self.filter.is_aware()
            && self.shown < end
            && end <= self.range.end
        {
            self.advance = NonZeroU64::new(end.0);
        }
    }

    /// Tells the client where it is, if what is there was not for it.
    fn send_advance<S: Sink>(&mut self, cx: &mut StreamContext<'_, '_, S>) -> ControlFlow<Next> {
        let Some(seqno) = self.advance.map(seqno_of) else { return ControlFlow::Continue(()) };
        match cx.offer(&Event::SeqnoAdvanced { stream: self.name, seqno }) {
            Offer::Sent => {
                (self.advance, self.shown, self.hidden) = (None, seqno, 0);
                cx.sent.stream.advanced = Some(seqno);
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

/// A seqno of a document, which is never 0: what there is none of takes no room of its own.
fn seqno_of(seqno: NonZeroU64) -> Seqno {
    Seqno(seqno.get())
}
