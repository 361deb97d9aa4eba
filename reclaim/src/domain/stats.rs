//! What a domain tells about itself.

use core::fmt;
use core::time::Duration;

/// Counters of a [`Domain`](super::Domain); each is exact, but they are not read at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DomainStats {
    /// Values that were retired and not destroyed yet, `held` included.
    pub pending: u64,
    /// Plain allocations that were freed by their owners and still await their readers, in batches.
    pub plain_pending: u64,
    /// Plain allocations ever given back, in batches.
    pub plain_freed_total: u64,
    /// Values ever retired.
    pub retired_total: u64,
    /// Values ever destroyed.
    pub destroyed_total: u64,
    /// Values that had passed their grace period and still had another owner when last looked at. Nothing in safe
    /// use leads to this but a leaked [`Live`](crate::Live).
    pub held: u64,
    /// Values that were ever held.
    pub held_total: u64,
    /// Destructors that panicked. Their values count as destroyed.
    pub panicked_total: u64,
    /// Registered readers, pooled ones included.
    pub readers: u64,
    /// Readers that are inside a pin.
    pub pinned: u64,
}

/// A reader that has been inside one pin for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stalled {
    /// The label that the reader was registered or borrowed with.
    pub label: &'static str,
    /// For how long the reaper has seen it inside: at most what it really is, less by at most one tick.
    pub age: Duration,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reader `{}` has been inside for {:?}", self.label, self.age)
    }
}
