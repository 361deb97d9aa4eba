//! Numbers as tools read them.

use core::fmt;
use std::time::{Duration, Instant};

/// A duration in the largest unit that it has at least ten of, from nanoseconds to seconds; above ten minutes in hours,
/// minutes and seconds.
pub(super) struct Spell(pub(super) Duration);

impl fmt::Display for Spell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_nanos();
        let mut units = ["ns", "us", "ms", "s"].into_iter();
        let mut unit = units.next().unwrap_or_default();
        for next in units {
            if left <= 9999 {
                break;
            }
            (left, unit) = (left / 1000, next);
        }
        if unit == "s" && left > 599 {
            return write!(f, "{}h:{}m:{}s", left / 3600, left / 60 % 60, left % 60);
        }
        write!(f, "{left} {unit}")
    }
}

/// An instant as seconds since the server was started.
pub(super) struct Uptime {
    pub(super) started: Instant,
    pub(super) at: Instant,
}

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.at.saturating_duration_since(self.started).as_secs_f64();
        match f.precision() {
            Some(digits) => write!(f, "{since:.digits$}"),
            None => write!(f, "{}", since as u64),
        }
    }
}
