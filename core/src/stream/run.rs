//! Documents of one stream that go out one after the other: the turn and the window are looked at once for as many as
//! fit, and counted once for all.

use super::event::{Event, Sink};
use super::turn::{Offer, Passed, StreamContext};
use crate::flow::Sending;
use crate::types::Datatype;

/// A run within a turn. While it lasts, messages go out through it alone.
pub(super) struct Run<'w> {
    sending: Sending<'w>,
    /// Messages that may still be sent in the turn.
    messages: u32,
}

impl<'w> Run<'w> {
    pub(super) fn begin<S>(cx: &StreamContext<'w, '_, S>) -> Self {
        Self { sending: cx.window.sending(), messages: cx.messages }
    }

    /// Counts what was sent.
    pub(super) fn end<S>(self, cx: &mut StreamContext<'w, '_, S>) {
        cx.messages = self.messages;
        cx.sent.bytes += self.sending.bytes();
    }

    /// Sends a document if the turn, the window and the sink allow it.
    #[inline(always)]
    pub(super) fn send<S: Sink>(
        &mut self,
        document: &Event<'_>,
        datatype: Datatype,
        value: &[u8],
        cx: &mut StreamContext<'w, '_, S>,
    ) -> Passed {
        if !self.sending.may_send() {
            // The client may have acknowledged since the last look.
            self.interrupted(cx, |_| ());
            if !self.sending.may_send() {
                return Passed::Full;
            }
        }
        if !cx.sink.has_room() {
            return Passed::Full;
        }
        if self.messages == 0 {
            return Passed::TurnOver;
        }
        self.messages -= 1;
        // Counted before it can reach the client, whose acknowledgement may come at once.
        self.sending.sent(document.counted_bytes(cx.layout));
        cx.sink.send(document);
        cx.weigh(&Offer::Sent, datatype, value);
        Passed::Sent
    }

    /// Does what sends messages in another way, or none.
    pub(super) fn interrupted<S, R>(
        &mut self,
        cx: &mut StreamContext<'w, '_, S>,
        other: impl FnOnce(&mut StreamContext<'w, '_, S>) -> R,
    ) -> R {
        core::mem::replace(self, Self::begin(cx)).end(cx);
        let result = other(cx);
        *self = Self::begin(cx);
        result
    }
}
