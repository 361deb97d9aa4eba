//! Why a connection sends nothing, how often that was and for how long. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Why a connection sends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PauseReason {
    /// The flow-control window is full.
    WindowFull,
    /// No stream has anything to send.
    NothingReady,
}

/// The pauses of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pauses {
    current: Option<(PauseReason, Instant)>,
    past: [PastPauses; PauseReason::ALL.len()],
}

/// The pauses for one reason that are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastPauses {
    /// How many.
    pub count: u64,
    /// How long they took, all together.
    pub duration: Duration,
}

impl PauseReason {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::WindowFull, Self::NothingReady];

    /// What tools call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WindowFull => "BufferLogFull",
            Self::NothingReady => "ReadyListEmpty",
        }
    }
}

impl Pauses {
    /// Pauses that were noted elsewhere.
    pub(crate) fn restored(
        current: Option<(PauseReason, Instant)>,
        past: [PastPauses; PauseReason::ALL.len()],
    ) -> Self {
        Self { current, past }
    }

    /// A turn of the connection is over: whether it sent anything, and why it stopped; `None` if it only waits for the
    /// socket.
    pub fn turned(&mut self, sent: bool, stopped: Option<PauseReason>, now: Instant) {
        let was = self.current;
        if let Some((reason, since)) = was
            && (sent || stopped != Some(reason))
        {
            let past = &mut self.past[reason as usize];
            past.count += 1;
            past.duration += now.saturating_duration_since(since);
            self.current = None;
        }
        if self.current.is_none() {
            self.current = stopped.map(|reason| (reason, now));
        }
    }

    /// Why it sends nothing, and since when.
    #[must_use]
    pub fn current(&self) -> Option<(PauseReason, Instant)> {
        self.current
    }

    /// The pauses for a reason that are over.
    #[must_use]
    pub fn past(&self, reason: PauseReason) -> PastPauses {
        self.past[reason as usize]
    }

    /// How often the window was full, with the pause that is not over.
    #[must_use]
    pub fn windows_full(&self) -> u64 {
        let now = matches!(self.current, Some((PauseReason::WindowFull, _)));
        self.past(PauseReason::WindowFull).count + u64::from(now)
    }
}
