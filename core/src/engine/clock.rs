//! The one place that reads the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where an engine gets the time of day from.
pub trait Clock: Send + Sync + 'static {
    /// Nanoseconds since 1970.
    fn unix_ns(&self) -> u64;

    /// Seconds since 1970.
    fn unix_seconds(&self) -> u32 {
        u32::try_from(self.unix_ns() / 1_000_000_000).unwrap_or(u32::MAX)
    }
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_ns(&self) -> u64 {
        // A clock that stands before 1970 reads as 1970; tokens rise all the same.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}
