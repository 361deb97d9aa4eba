//! Are you there? Pure: time is an argument.

use crate::limits::{IDLE_TIMEOUT, NOOP_INTERVAL_DEFAULT, NOOP_OPAQUE_FIRST};
use crate::types::Opaque;
use std::time::{Duration, Instant};

/// What a connection knows of its peer's life.
///
/// A no-op is due when no-ops are on, none is unanswered, and the interval has passed since the last one; other
/// traffic does not postpone it. A peer is dead when no-ops are on and nothing came from it for the idle timeout.
#[derive(Clone, Copy, Debug)]
pub struct NoopState {
    enabled: bool,
    interval: Duration,
    idle_timeout: Duration,
    pending: Option<Opaque>,
    next_opaque: u32,
    last_sent: Instant,
    last_received: Instant,
}

impl NoopState {
    /// Off, as of `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            enabled: false,
            interval: NOOP_INTERVAL_DEFAULT,
            idle_timeout: IDLE_TIMEOUT,
            pending: None,
            next_opaque: NOOP_OPAQUE_FIRST,
            last_sent: now,
            last_received: now,
        }
    }

    /// Switches no-ops on or off.
    pub fn set_enabled(&mut self, enabled: bool) {
        self.enabled = enabled;
    }

    /// Whether they are on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Sets the time between no-ops.
    pub fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// The time between no-ops.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Sets how long a peer may be silent.
    pub fn set_idle_timeout(&mut self, timeout: Duration) {
        self.idle_timeout = timeout;
    }

    /// Whether one is unanswered.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Something came from the peer.
    pub fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// When something last came from the peer.
    #[must_use]
    pub fn last_received(&self) -> Instant {
        self.last_received
    }

    /// An answer came; whether it was to our no-op.
    pub fn answered(&mut self, opaque: Opaque) -> bool {
        let ours = self.pending == Some(opaque);
        if ours {
            self.pending = None;
        }
        ours
    }

    /// The no-op that is due, if one is. It counts as sent only after [`sent`](Self::sent).
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<Opaque> {
        let due = self.enabled
            && self.pending.is_none()
            && now.saturating_duration_since(self.last_sent) >= self.interval;
        due.then_some(Opaque(self.next_opaque))
    }

    /// The no-op that was due went out.
    pub fn sent(&mut self, now: Instant) {
        self.pending = Some(Opaque(self.next_opaque));
        self.next_opaque = self.next_opaque.wrapping_add(1);
        self.last_sent = now;
    }

    /// Whether the peer is to be given up.
    #[must_use]
    pub fn is_dead(&self, now: Instant) -> bool {
        self.enabled && now.saturating_duration_since(self.last_received) > self.idle_timeout
    }

    /// When something is due next, if no-ops are on.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if !self.enabled {
            return None;
        }
        let dead = self.last_received + self.idle_timeout;
        match self.pending {
            Some(_) => Some(dead),
            None => Some(dead.min(self.last_sent + self.interval)),
        }
    }
}
