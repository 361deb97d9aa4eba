//! What `load` says at the end.

use crate::cli::report::{Bytes, Count, Documents, Time, per_second, rate};
use core::fmt;
use core::time::Duration;
use serde::Serialize;

/// What was loaded.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Summary {
    /// Documents that were written.
    pub(super) loaded: u64,
    /// Bytes of their keys and values.
    pub(super) bytes: u64,
    /// Lines that were passed over.
    pub(super) bad_lines: u64,
    /// How often a document was offered again.
    pub(super) retries: u64,
    pub(super) seconds: f64,
    pub(super) documents_per_second: f64,
    /// Why it stopped before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl Summary {
    pub(super) fn took(&mut self, time: Duration) {
        self.seconds = time.as_secs_f64();
        self.documents_per_second = per_second(self.loaded, time);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Duration::from_secs_f64(self.seconds);
        let Self { loaded, bytes, bad_lines, retries, .. } = *self;
        write!(f, "loaded {}", Documents(loaded))?;
        write!(f, " ({}) in {}: ", Bytes(bytes as f64), Time(time))?;
        write!(f, "{} documents/s", rate(loaded, time))?;
        if bad_lines > 0 {
            write!(f, ", {} bad lines skipped", Count(bad_lines))?;
        }
        if retries > 0 {
            write!(f, ", {} retries", Count(retries))?;
        }
        Ok(())
    }
}
