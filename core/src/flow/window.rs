//! The flow-control window of one connection. Promise: what is outstanding is counted exactly, and
//! a sender that found the window full, and still finds it full after it registered to be woken, is
//! told of the first acknowledgement that opens it.
//!
//! # State
//!
//! | word | meaning | written by |
//! |---|---|---|
//! | `sent` | counted bytes that were sent, ever | the stepping thread, by plain stores |
//! | `released` | those of them that no longer count | whoever acknowledges or resizes |
//! | `max` | the size of the window; 0: it is off | whoever resizes |
//! | `acked` | what the client acknowledged, as it said | whoever acknowledges |
//!
//! Outstanding is `sent - released` while the window is on, and 0 while it is off.
//!
//! # Invariants
//! - I1. `released ≤ sent`: outstanding is never negative (test `window::a_ledger_agrees`; each
//!   writer of `released` bounds it by a `sent` that it read; asserted in `outstanding`).
//! - I2. If each message is sent after `may_send` said so, outstanding is below `max + message` for
//!   the `max` that was asked (test `window::a_ledger_agrees`). A run of messages asks once for its
//!   [`limit`](Sending::may_send), which acknowledgements only move further away.
//! - I3. Of the acknowledgements that take outstanding from `max` or more to less, each returns
//!   `opened`, and no other (test `window::each_opening_is_told_once`).
//! - I4. A sender for which [`is_full`](Window::is_full) is true after it registered is followed by
//!   an acknowledgement or a resize that returns `opened`, if the client acknowledges enough (test
//!   `window::no_opening_is_lost`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `may_send`, `sent`, `sending` | the stepping thread | everything else | wait-free |
//! | `ack` | any thread | everything | lock-free: an exchange fails only if another took effect |
//! | `resize` | one thread at a time | everything else | wait-free |
//! | `is_full`, `outstanding`, `acked_total`, `max` | any thread | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | W1 | load and store of `sent` by its only writer | Relaxed | none | nothing: its other readers are ordered by W3 | none |
//! | W2 | load of `sent` by an acknowledgement, after the client saw what it acknowledges | Relaxed | none | nothing: what carried the message there and the answer back ordered it | none |
//! | W3 | load of `sent`, after `released` | Relaxed | none | nothing: W5 has ordered it after the load that bounded `released` | none |
//! | W4 | change of `released`, after the load of `sent` that bounds it | Release | W5 | a reader of `released` finds a smaller `sent`: I1 | `window::never_negative` |
//! | W5 | load of `released`, before `sent` | Acquire | W4 | as W4 | `window::never_backwards` |
//! | W6 | change of `max`, after `released` | Release | W7 | a sender finds the window on, and full of what was sent before that | `window::switched_on` |
//! | W7 | load of `max` | Acquire | W6 | as W6 | `window::switched_on` |
//! | W8 | `ack` and `resize`, after their change; `is_full`, before its loads | SeqCst fence | W8 | if the sender's fence is first, the change was made with all that it had sent and is found to open the window; if the other is first, the sender sees the change. Weaker: neither, and it sleeps for ever | `window::no_lost_opening` |
//! | W9 | `acked` | Relaxed | none | nothing: statistics, and a watch for clients that are stuck | none |
//!
//! W8 is checked for each pair of roles: `window::two_acknowledgements`, `window::resize`,
//! `window::grow` and `window::shrink` as well; W5 by `window::never_negative` for those who only
//! look.
//!
//! # Reclamation
//! None: four words in their owner.
//!
//! # Not promised
//! - That `opened` means that somebody waits: it is told on every such edge.
//! - That `resize` tells of an opening only if there is one; it may also tell of one that an
//!   acknowledgement tells of.
//! - Anything, if two threads call `sent` at once; that is the owner's turn to prevent.

use millstream_reclaim::sync::atomic::{AtomicU64, Ordering, fence};

/// The flow-control window of one connection.
#[derive(Debug)]
pub struct Window {
    sent: AtomicU64,
    released: AtomicU64,
    max: AtomicU64,
    acked: AtomicU64,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Acked {
    /// Whether the window was full and no longer is: the sender has to be woken.
    pub opened: bool,
    /// Bytes that were acknowledged and never sent, or twice; they had no effect.
    pub over: u64,
}

/// What another size did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Resized {
    /// Whether the window may have been full and is not now: the sender has to be woken.
    pub opened: bool,
}

impl Window {
    /// A window of `max` bytes with nothing outstanding; 0: off.
    #[must_use]
    pub fn new(max: u64) -> Self {
        Self {
            sent: AtomicU64::new(0),
            released: AtomicU64::new(0),
            max: AtomicU64::new(max),
            acked: AtomicU64::new(0),
        }
    }

    /// Whether a message may be sent, of any size: the window is off, or less than its size is
    /// outstanding.
    ///
    /// For the stepping thread, before each message. If the answer is no: register to be woken, and
    /// ask [`is_full`](Window::is_full) before sleeping.
    #[inline]
    #[must_use]
    pub fn may_send(&self) -> bool {
        let max = self.max();
        max == 0 || self.unacknowledged() < max
    }

    /// Counts a message of `bytes`. To be called before the message can reach the client, whose
    /// acknowledgement might otherwise come first.
    ///
    /// For the stepping thread only.
    #[inline]
    pub fn sent(&self, bytes: u64) {
        // W1 Relaxed: our own last store.
        let before = self.sent.load(Ordering::Relaxed);
        // W1 Relaxed: nothing else is published with it.
        self.sent.store(before + bytes, Ordering::Relaxed);
    }

    /// A run of messages, for all of which the window is looked at now.
    ///
    /// For the stepping thread only, which sends nothing else before the run ends.
    #[inline]
    #[must_use]
    pub fn sending(&self) -> Sending<'_> {
        let max = self.max();
        // W5 Acquire: before `sent`, so that it is not above it.
        let released = self.released.load(Ordering::Acquire);
        // W1 Relaxed: our own last store.
        let sent = self.sent.load(Ordering::Relaxed);
        let limit = if max == 0 { u64::MAX } else { released.saturating_add(max) };
        Sending { window: self, began: sent, sent, limit }
    }

    /// The client acknowledges `bytes`.
    pub fn ack(&self, bytes: u64) -> Acked {
        if self.max() == 0 {
            return Acked::default();
        }
        // W9 Relaxed: statistics.
        self.acked.fetch_add(bytes, Ordering::Relaxed);
        // W5 Acquire: before `sent`, so that it is not above it.
        let mut before = self.released.load(Ordering::Acquire);
        let after = loop {
            // W2 Relaxed: all that the client can have seen, at least.
            let sent = self.sent.load(Ordering::Relaxed);
            let after = before.saturating_add(bytes).min(sent);
            let change =
                // W4 Release, W5 Acquire: with the `sent` that bounds it.
                self.released.compare_exchange(before, after, Ordering::Release, Ordering::Acquire);
            match change {
                Ok(_) => break after,
                Err(now) => before = now,
            }
        };
        // W8 SeqCst fence: pairs with the one in `is_full`.
        fence(Ordering::SeqCst);
        let max = self.max();
        // W3 Relaxed: after the fence, since what was sent meanwhile may be what filled the window.
        let sent = self.sent.load(Ordering::Relaxed);
        let opened = sent - before >= max && sent - after < max;
        Acked { opened, over: bytes - (after - before) }
    }

    /// Another size, at once; 0 turns the window off, and what is outstanding is forgotten.
    ///
    /// For one thread at a time.
    pub fn resize(&self, max: u64) -> Resized {
        if self.max() == 0 {
            // W3 Relaxed: at least all that was sent before the sender could know that the window
            // is on.
            let sent = self.sent.load(Ordering::Relaxed);
            // W4 Release: what was sent while it was off does not count.
            self.released.fetch_max(sent, Ordering::Release);
        }
        // W6 Release: after `released`.
        let before = self.max.swap(max, Ordering::Release);
        // W8 SeqCst fence: pairs with the one in `is_full`.
        fence(Ordering::SeqCst);
        let grew = before != 0 && (max == 0 || max > before);
        Resized { opened: grew && self.may_send() }
    }

    /// Whether nothing may be sent, asked so that the answer and a registration to be woken cannot
    /// miss each other.
    #[must_use]
    pub fn is_full(&self) -> bool {
        // W8 SeqCst fence: after the registration; pairs with those in `ack` and `resize`.
        fence(Ordering::SeqCst);
        !self.may_send()
    }

    /// Bytes that were sent and not yet acknowledged; 0 if the window is off.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        if self.max() == 0 { 0 } else { self.unacknowledged() }
    }

    /// All that the client acknowledged while the window was on, as it said.
    #[must_use]
    pub fn acked_total(&self) -> u64 {
        // W9 Relaxed: statistics.
        self.acked.load(Ordering::Relaxed)
    }

    /// The size of the window; 0: off.
    #[inline]
    #[must_use]
    pub fn max(&self) -> u64 {
        // W7 Acquire: before `released`; pairs with W6.
        self.max.load(Ordering::Acquire)
    }

    #[inline]
    fn unacknowledged(&self) -> u64 {
        // W5 Acquire: before `sent`, so that it is not above it.
        let released = self.released.load(Ordering::Acquire);
        // W3 Relaxed: ordered by W5.
        let sent = self.sent.load(Ordering::Relaxed);
        debug_assert!(released <= sent, "I1: {released} bytes released of {sent}");
        sent - released
    }
}

/// A run of messages; see [`Window::sending`].
#[derive(Debug)]
pub struct Sending<'w> {
    window: &'w Window,
    began: u64,
    sent: u64,
    /// What may have been sent before the window is full.
    limit: u64,
}

impl Sending<'_> {
    /// Whether another message may be sent, as the window was at the last look.
    #[inline]
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.sent < self.limit
    }

    /// Counts a message of `bytes`, as [`Window::sent`] does.
    #[inline]
    pub fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
        // W1 Relaxed: nothing else is published with it.
        self.window.sent.store(self.sent, Ordering::Relaxed);
    }

    /// Bytes that the run has sent.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sent - self.began
    }
}
