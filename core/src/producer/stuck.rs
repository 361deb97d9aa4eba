//! Does the client still handle what it is sent? Pure: time is an argument.

use std::time::{Duration, Instant};

/// A watch on a client that answers, and yet acknowledges nothing.
///
/// A client is stuck when its window is full and it has acknowledged nothing for the timeout. While the window has
/// room nothing is watched: such a client may have nothing to acknowledge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StuckWatch {
    timeout: Option<Duration>,
    /// What had been acknowledged when the window was found full, and when that was.
    seen: Option<(u64, Instant)>,
}

impl StuckWatch {
    /// A watch with a timeout; without one nobody is ever stuck.
    #[must_use]
    pub fn new(timeout: Option<Duration>) -> Self {
        Self { timeout, seen: None }
    }

    /// A watch that was noted elsewhere.
    pub(crate) fn restored(timeout: Option<Duration>, seen: Option<(u64, Instant)>) -> Self {
        Self { timeout, seen }
    }

    /// So long a client may acknowledge nothing; `None` if nobody watches.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// What had been acknowledged at the last change, and when that was; `None` while the window has room.
    #[must_use]
    pub fn seen(&self) -> Option<(u64, Instant)> {
        self.seen
    }

    /// Looks at the window: whether it is full, and all that was acknowledged so far. Whether the client is stuck.
    #[must_use]
    pub fn look(&mut self, full: bool, acked: u64, now: Instant) -> bool {
        let Some(timeout) = self.timeout.filter(|_| full) else {
            self.seen = None;
            return false;
        };
        match self.seen {
            Some((before, since)) if before == acked => {
                now.saturating_duration_since(since) >= timeout
            }
            _ => {
                self.seen = Some((acked, now));
                false
            }
        }
    }

    /// When to look again at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let (_, since) = self.seen?;
        Some(since + self.timeout?)
    }
}
