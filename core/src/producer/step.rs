//! One turn of a connection: no-op, ends, then each ready stream in its turn.

use super::owner::Producer;
use super::pause::PauseReason;
use crate::limits::STREAM_TURN_MESSAGES;
use crate::stream::{Event, Next, Sent, Sink, StreamContext, StreamName, StreamSent};
use crate::types::{EndReason, Seqno};
use millstream_reclaim::Pin;
use millstream_reclaim::sync::Arc;
use std::time::Instant;

/// What a [`Producer::step`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Nothing is left to send now.
    Idle,
    /// The sink or the flow-control window is full.
    Full,
    /// The connection is over.
    Gone(Departure),
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It was closed: by `close_all`, by a namesake, by the engine's shutdown.
    Closed,
    /// Nothing came from the client for too long.
    Idle,
    /// The window was full for too long and the client acknowledged nothing.
    Stuck,
}

impl Producer {
    /// Sends what there is into `sink`, as long as sink and window have room.
    pub fn step<S: Sink>(&mut self, now: Instant, sink: &mut S) -> Step {
        if self.connection.is_closed() {
            return Step::Gone(Departure::Closed);
        }
        self.noop.set_idle_timeout(self.engine.idle_timeout());
        if self.noop.is_dead(now) {
            return Step::Gone(Departure::Idle);
        }
        // Before the window is looked at: a client that does not acknowledge must still be able to prove that it
        // lives.
        if let Some(opaque) = self.noop.due(now)
            && sink.has_room()
        {
            sink.send(&Event::Noop { opaque });
            self.noop.sent(now);
        }
        let mut sent = Sent::default();
        // Nothing ready is the commonest answer, and is had without a reader.
        let step = if self.has_turns() {
            let engine = Arc::clone(&self.engine);
            let mut reader = engine.domain.borrow("step");
            self.run_turns(&mut sent, sink, &reader.pin())
        } else {
            Step::Idle
        };
        self.room.trim();
        self.connection.backfills.kick_if_drained();
        if self.take_stock(step, &sent, now) { Step::Gone(Departure::Stuck) } else { step }
    }

    /// Counts what a turn sent and why it ended. Whether the client is stuck.
    fn take_stock(&mut self, step: Step, sent: &Sent, now: Instant) -> bool {
        let window = &self.connection.window;
        let full = !window.may_send();
        let stuck = self.stuck.look(full, window.acked_total(), now);
        let stopped = match step {
            Step::Idle => Some(PauseReason::NothingReady),
            Step::Full if full => Some(PauseReason::WindowFull),
            _ => None,
        };
        self.pauses.turned(sent.bytes > 0, stopped, now);
        self.connection.report.count(sent, now);
        self.report();
        stuck
    }

    fn run_turns<S: Sink>(&mut self, sent: &mut Sent, sink: &mut S, pin: &Pin<'_>) -> Step {
        while let Some(&(name, reason)) = self.ends.front() {
            if !self.send_end(name, reason, sent, sink) {
                return Step::Full;
            }
            self.ends.pop_front();
        }
        loop {
            self.queue_ready();
            let Some(member) = self.turns.pop_front() else { return Step::Idle };
            match self.run_stream(member, sent, sink, pin) {
                Some(Next::More) => self.turns.push_back(member),
                Some(Next::Full { sent_something: true }) => {
                    // That was its turn, though a short one.
                    self.turns.push_back(member);
                    return Step::Full;
                }
                Some(Next::Full { sent_something: false }) => {
                    self.turns.push_front(member);
                    return Step::Full;
                }
                Some(Next::Dead(reason)) if !self.bury(member, reason, sent, sink) => {
                    self.turns.push_front(member);
                    return Step::Full;
                }
                Some(Next::Parked | Next::Dead(_)) | None => self.queued[member] = false,
            }
        }
    }

    /// Queues what was marked ready since the last look; the mark is cleared before the stream is looked at.
    fn queue_ready(&mut self) {
        while let Some(member) = self.connection.ready.take(&mut self.cursor) {
            if let Some(queued) = self.queued.get_mut(member)
                && !core::mem::replace(queued, true)
            {
                self.turns.push_back(member);
            }
        }
    }

    /// One stream's turn; `None` if there is none any more.
    fn run_stream<S: Sink>(
        &mut self,
        member: usize,
        sent: &mut Sent,
        sink: &mut S,
        pin: &Pin<'_>,
    ) -> Option<Next> {
        let layout = self.layout();
        (sent.last_seqno, sent.snapshot_end) = (Seqno::ZERO, Seqno::ZERO);
        sent.stream = StreamSent::default();
        let owned = self.streams.get_mut(member)?.as_mut()?;
        let partition = self.engine.partition(owned.stream.name.vb)?;
        let slot = self.connection.streams.slot(member)?;
        let mut cx = StreamContext {
            word: &slot.word,
            partition,
            backfills: &self.connection.backfills,
            ready: &self.connection.ready,
            member,
            window: &self.connection.window,
            layout,
            room: &mut self.room,
            sent,
            sink,
            pin,
            messages: STREAM_TURN_MESSAGES,
        };
        let next = owned.stream.run(&mut cx);
        cx.sent.documents += cx.sent.stream.documents();
        slot.note(cx.sent);
        owned.report.note(&cx.sent.stream, owned.stream.read_to());
        Some(next)
    }

    /// Tells the client that a stream ended, if it is to be told, and frees its slot. False if there is no room.
    fn bury<S: Sink>(
        &mut self,
        member: usize,
        reason: EndReason,
        sent: &mut Sent,
        sink: &mut S,
    ) -> bool {
        let Some(Some(owned)) = self.streams.get(member) else { return true };
        let name = owned.stream.name;
        if self.tells(reason) && !self.send_end(name, reason, sent, sink) {
            return false;
        }
        self.let_go(member);
        true
    }

    fn send_end<S: Sink>(
        &mut self,
        stream: StreamName,
        reason: EndReason,
        sent: &mut Sent,
        sink: &mut S,
    ) -> bool {
        let window = &self.connection.window;
        if !window.may_send() || !sink.has_room() {
            return false;
        }
        let end = Event::StreamEnd { stream, reason: self.told_reason(reason) };
        let bytes = end.counted_bytes(self.layout());
        // Counted before it can reach the client, whose acknowledgement may come at once.
        window.sent(bytes);
        sink.send(&end);
        sent.bytes += bytes;
        true
    }
}
