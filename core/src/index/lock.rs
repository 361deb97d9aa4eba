//! A lock on a document: who may write it for a while.

use crate::limits::LOCK_MAX;
use crate::types::Cas;

/// A lock on the newest version of a document. Writers keep to it by themselves: their decision sees it, see
/// [`Found`](crate::partition::Found).
///
/// It is in memory alone, goes with the version that it is on, and ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lock {
    /// Who names it may write, or unlock.
    pub cas: Cas,
    /// The last moment of it, in nanoseconds since 1970.
    pub until_ns: u64,
}

/// What is left of no lock, however the clock was set meanwhile.
const LEFT_NS_MAX: u64 = 2 * LOCK_MAX.as_nanos() as u64;

impl Lock {
    pub(crate) fn new(cas: Cas, until_ns: u64) -> Self {
        Self { cas, until_ns }
    }

    /// Whether it is in force. One with more left than any was given is not: the clock was set back.
    #[must_use]
    pub fn holds_at(&self, now_ns: u64) -> bool {
        self.until_ns.checked_sub(now_ns).is_some_and(|left| left <= LEFT_NS_MAX)
    }
}
