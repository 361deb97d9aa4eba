//! A place says whether one reader is inside a pin, since which tick of the reaper, and what it is called. Promise:
//! a reader that stays inside is named after the reaper's next two ticks, and pinning never reads the clock.
//!
//! # State
//!
//! | word of a place | meaning | written by |
//! |---|---|---|
//! | `used` | some reader has it | who claims it by exchange; that reader |
//! | `entered` | 0: outside; else the tick at entry | the reader that has it |
//! | `label` | index into the list of labels | the reader that has it |
//! | `noticed`, `noticed_ms` | the entry that a tick found here, and when | the reaper |
//!
//! # Invariants
//! - I1. A place has at most one reader (model `place::release_vs_claims`).
//! - I2. There are never more places than readers were registered at one time (test `places_are_used_again`).
//! - I3. `noticed == entered` only if that reader has been inside since `noticed_ms`, or left and entered again
//!   within the tick in which it was noticed.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `claim` | any thread | everything | lock-free, linear |
//! | `enter`, `leave`, `rename`, `release` | the reader that has it | everything | wait-free (`rename` lock-free when the label is new) |
//! | `notice` | the reaper | everything | wait-free, linear |
//! | `stalled`, `count`, `any_inside` | any thread | everything | wait-free, linear |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | `claim`: exchange of `used` | Acquire | O2 | the new reader's words could be overwritten by the old one's in the eyes of others | `place::release_vs_claims` |
//! | O2 | `release`: store of `used` | Release | O1 | as O1 | `place::release_vs_claims` |
//! | O3 | `enter`: `entered` | Relaxed | none | nothing: it names stalls; the epoch's own word protects | `quiesce::leaving_reader` |
//! | O4 | `leave`: `entered` | Relaxed | fence in `quiesce.rs` O1 | nothing by itself; the fence that follows orders it | `quiesce::leaving_reader` |
//! | O5 | `any_inside`: `entered` | Relaxed | fence in `quiesce.rs` O2 | nothing by itself; the fence before it orders it | `quiesce::leaving_reader` |
//! | O6 | `label`, `tick`, `noticed_ms`, counters | Relaxed | none | nothing: a report may be one tick old | none |
//! | O7 | `noticed`, store | Release | O8 | an age is computed from an older entry's time, so a reader is accused too soon | none: time stands still in models |
//! | O8 | `noticed`, load | Acquire | O7 | as O7 | none: as O7 |
//!
//! # Reclamation
//! Places are used again and freed with the domain, or with their last reader.
//!
//! # Not promised
//! That a report is of one instant: a reader may have left while it was made.

use crate::domain::Stalled;
use crate::list::AppendList;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Arc, Clock};
use core::time::Duration;

const OUTSIDE: u64 = 0;
const FIRST_TICK: u64 = 1;
/// Least time between two ticks: noticing touches the readers' lines, so a busy reaper must not do it all the time.
const TICK_MS: u64 = 1;

/// One reader's place; alone on its cache lines, because its reader writes it at each entry.
#[repr(align(128))]
pub(crate) struct Place {
    entered: AtomicU64,
    used: AtomicBool,
    label: AtomicUsize,
    noticed: AtomicU64,
    noticed_ms: AtomicU64,
}

impl Place {
    fn new_used() -> Self {
        Self {
            entered: AtomicU64::new(OUTSIDE),
            used: AtomicBool::new(true),
            label: AtomicUsize::new(0),
            noticed: AtomicU64::new(OUTSIDE),
            noticed_ms: AtomicU64::new(0),
        }
    }

    /// Marks the reader as inside.
    #[inline]
    pub(crate) fn enter(&self, tick: u64) {
        // O3 Relaxed: names a stall, protects nothing.
        self.entered.store(tick, Ordering::Relaxed);
    }

    /// Marks the reader as outside.
    #[inline]
    pub(crate) fn leave(&self) {
        // O4 Relaxed: ordered by the fence that the leaving reader puts next.
        self.entered.store(OUTSIDE, Ordering::Relaxed);
    }

    /// Gives the place back.
    pub(crate) fn release(&self) {
        // O2 Release: this reader's words are before the next one's; pairs with O1.
        self.used.store(false, Ordering::Release);
    }

    fn try_claim(&self) -> bool {
        // O1 Acquire: as O2. The exchange fails only when somebody else has the place.
        self.used.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn entered(&self) -> Option<u64> {
        // O5 Relaxed: who decides on it has fenced before.
        let entered = self.entered.load(Ordering::Relaxed);
        (entered != OUTSIDE).then_some(entered)
    }

    fn notice(&self, now_ms: u64) {
        let Some(entered) = self.entered() else {
            return;
        };
        // O6 Relaxed: only the reaper writes it.
        if self.noticed.load(Ordering::Relaxed) != entered {
            // O6 Relaxed: before O7.
            self.noticed_ms.store(now_ms, Ordering::Relaxed);
            // O7 Release: the time is before the entry it belongs to; pairs with O8.
            self.noticed.store(entered, Ordering::Release);
        }
    }

    /// How long the reader has been seen inside, if it is inside.
    fn inside_for(&self, now_ms: u64) -> Option<Duration> {
        let entered = self.entered()?;
        // O8 Acquire: the time is of this entry or newer; pairs with O7.
        if self.noticed.load(Ordering::Acquire) != entered {
            return Some(Duration::ZERO);
        }
        // O6 Relaxed: after O8.
        let since_ms = self.noticed_ms.load(Ordering::Relaxed);
        Some(Duration::from_millis(now_ms.saturating_sub(since_ms)))
    }
}

/// The places of a domain, its labels and its tick.
pub(crate) struct Places {
    tick: AtomicU64,
    places: AppendList<Arc<Place>>,
    labels: AppendList<&'static str>,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self {
            tick: AtomicU64::new(FIRST_TICK),
            places: AppendList::new(),
            labels: AppendList::new(),
        }
    }

    /// The tick that an entering reader stamps.
    #[inline]
    pub(crate) fn tick(&self) -> u64 {
        // O6 Relaxed: a stale tick makes a stall look a tick older.
        self.tick.load(Ordering::Relaxed)
    }

    /// A free place, or a new one.
    pub(crate) fn claim(&self, label: &'static str) -> Arc<Place> {
        let free = self.places.iter().map(|(_, place)| place).find(|place| place.try_claim());
        let place = free.map_or_else(|| Arc::new(Place::new_used()), Arc::clone);
        if free.is_none() {
            self.places.append(Arc::clone(&place));
        }
        self.rename(&place, label);
        place
    }

    /// Names the reader that has `place`.
    pub(crate) fn rename(&self, place: &Place, label: &'static str) {
        let known = self.labels.iter().find_map(|(at, &known)| (known == label).then_some(at));
        let index = known.unwrap_or_else(|| self.labels.append(label));
        // O6 Relaxed: a report may still have the old label.
        place.label.store(index, Ordering::Relaxed);
    }

    /// Notes who is inside and begins the next tick. `last_ms` is when this was last done.
    pub(crate) fn notice(&self, clock: &Clock, last_ms: &mut u64) {
        let now_ms = clock.elapsed_ms();
        if now_ms < *last_ms + TICK_MS {
            return;
        }
        *last_ms = now_ms;
        for (_, place) in self.places.iter() {
            place.notice(now_ms);
        }
        // O6 Relaxed: only the reaper writes it.
        self.tick.store(self.tick() + 1, Ordering::Relaxed);
    }

    /// Readers that have been seen inside for at least `age`.
    pub(crate) fn stalled(&self, age: Duration, clock: &Clock) -> Vec<Stalled> {
        let now_ms = clock.elapsed_ms();
        let inside = |place: &Place| {
            let inside_for = place.inside_for(now_ms).filter(|inside| *inside >= age)?;
            // O6 Relaxed: a report may have the label of the place's last reader.
            let label = self.labels.get(place.label.load(Ordering::Relaxed)).copied()?;
            Some(Stalled { label, age: inside_for })
        };
        self.places.iter().filter_map(|(_, place)| inside(place)).collect()
    }

    /// Whether any reader is inside.
    pub(crate) fn any_inside(&self) -> bool {
        self.places.iter().any(|(_, place)| place.entered().is_some())
    }

    /// Places ever needed at one time.
    #[cfg(test)]
    pub(crate) fn slots(&self) -> usize {
        self.places.iter().count()
    }

    /// How many readers there are, and how many are inside.
    pub(crate) fn count(&self) -> (u64, u64) {
        self.places.iter().fold((0, 0), |(readers, inside), (_, place)| {
            // O6 Relaxed: a count.
            let used = place.used.load(Ordering::Relaxed);
            (readers + u64::from(used), inside + u64::from(place.entered().is_some()))
        })
    }
}
