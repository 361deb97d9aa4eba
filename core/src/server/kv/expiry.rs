//! When documents expire.

use crate::partition::Found;

/// Up to so many seconds an expiry counts from now; above, from 1970.
const RELATIVE_MAX: u32 = 30 * 24 * 60 * 60;

/// The second since 1970 at which a document expires that was given `expiry` now; 0: never.
pub(super) fn deadline(expiry: u32, now: u32) -> u32 {
    match expiry {
        0 => 0,
        1..=RELATIVE_MAX => now.saturating_add(expiry),
        at => at,
    }
}

/// Whether the time of a document with this deadline has run out.
pub(super) fn is_over(deadline: u32, now: u32) -> bool {
    deadline != 0 && deadline <= now
}

/// What a reader finds: neither tombstones nor documents whose time has run out.
pub(super) fn living<'a>(found: Option<Found<'a>>, now: u32) -> Option<Found<'a>> {
    found.filter(|found| found.meta.kind.is_alive() && !is_over(found.meta.expiry, now))
}
