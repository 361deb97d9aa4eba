//! What lives, what ended and where, counted for the lanes that run whole engines (`--cfg millstream_census`): nothing
//! of it is in the shipped build.
//!
//! The counts are of the process. They are not exchanged by a checker, so that counting adds nothing to a schedule.
#![forbid(unsafe_code)]

use crate::types::EndReason;
use millstream_reclaim::sync::Tally;
use millstream_reclaim::sync::workers;

/// The thread on which managers are destroyed.
const REAPER: &str = "millstream-housekeeper";

/// What there was of one kind.
#[derive(Debug, Default)]
pub struct Kind {
    made: Tally,
    gone: Tally,
}

impl Kind {
    const fn new() -> Self {
        Self { made: Tally::new(), gone: Tally::new() }
    }

    /// How many were made.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made.count()
    }

    /// How many are gone.
    #[must_use]
    pub fn gone(&self) -> u64 {
        self.gone.count()
    }

    fn reset(&self) {
        self.made.set(0);
        self.gone.set(0);
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $alive:ident => $count:ident, $on_drop:expr;)*) => {
        $(
            $(#[$doc])*
            pub static $count: Kind = Kind::new();

            /// One of them, counted while it lives.
            #[derive(Debug)]
            pub(crate) struct $alive;

            impl $alive {
                pub(crate) fn new() -> Self {
                    $count.made.add();
                    Self
                }
            }

            impl Drop for $alive {
                fn drop(&mut self) {
                    $count.gone.add();
                    $on_drop();
                }
            }
        )*

        fn reset_kinds() {
            $($count.reset();)*
        }
    };
}

kinds! {
    /// Engines, without their handles.
    Engine => ENGINES, || {};
    /// Connections.
    Connection => CONNECTIONS, || {};
    /// Backfill managers.
    Manager => MANAGERS, manager_ends;
    /// Backfills.
    Backfill => BACKFILLS, || {};
    /// Streams' places that were used or could have been.
    Place => PLACES, || {};
}

/// Managers that were destroyed on another thread than the reaper's.
pub static ASTRAY: Tally = Tally::new();
/// Budgets that ended with something still lent.
pub static OWED: Tally = Tally::new();
/// Streams' places whose streams did not each end exactly once.
pub static MISCOUNTED: Tally = Tally::new();
/// Streams that were released for another reason than the first; exact only where threads are scheduled one by one.
pub static MISREASONED: Tally = Tally::new();
/// Streams that were opened.
pub static OPENED: Tally = Tally::new();
/// Streams that ended.
pub static ENDED: Tally = Tally::new();

/// Starts over.
pub fn reset() {
    reset_kinds();
    for tally in [&ASTRAY, &OWED, &MISCOUNTED, &MISREASONED, &OPENED, &ENDED] {
        tally.set(0);
    }
}

/// What is wrong once nothing lives any more.
///
/// # Errors
/// All of it, in words.
pub fn settle() -> Result<(), String> {
    let mut wrong = Vec::new();
    let lives = [
        ("engines", &ENGINES),
        ("connections", &CONNECTIONS),
        ("managers", &MANAGERS),
        ("backfills", &BACKFILLS),
        ("places", &PLACES),
    ];
    for (name, kind) in lives {
        if kind.made() != kind.gone() {
            wrong.push(format!("{} {name} made, {} destroyed", kind.made(), kind.gone()));
        }
    }
    let never = [
        ("managers destroyed off the reaper's thread", &ASTRAY),
        ("budgets that ended with something lent", &OWED),
        ("places whose streams did not end once each", &MISCOUNTED),
        ("streams released for another reason than their first", &MISREASONED),
    ];
    for (name, tally) in never {
        if tally.count() > 0 {
            wrong.push(format!("{} {name}", tally.count()));
        }
    }
    if OPENED.count() != ENDED.count() {
        wrong.push(format!("{} streams opened, {} ended", OPENED.count(), ENDED.count()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

fn manager_ends() {
    if workers::current().name() != Some(REAPER) {
        ASTRAY.add();
    }
}

/// A budget is dropped, and with it the last who could give something back.
pub(crate) fn budget_ends(lent: u64) {
    if lent != 0 {
        OWED.add();
    }
}

/// The streams of one place.
#[derive(Debug)]
pub(crate) struct Life {
    began: Tally,
    ended: Tally,
    reason: Tally,
    _alive: Place,
}

impl Life {
    pub(crate) fn new() -> Self {
        let (began, ended, reason) = (Tally::new(), Tally::new(), Tally::new());
        Self { began, ended, reason, _alive: Place::new() }
    }

    pub(crate) fn began(&self) {
        self.began.add();
        OPENED.add();
    }

    pub(crate) fn ended(&self, reason: EndReason) {
        // With real threads the count may come after the next stream began, so only the sum is compared there.
        if cfg!(millstream_shuttle) && self.began.count() == self.ended.count() {
            MISCOUNTED.add();
        }
        self.ended.add();
        self.reason.set(reason as u64);
        ENDED.add();
    }

    pub(crate) fn released(&self, reason: EndReason) {
        if cfg!(millstream_shuttle) && self.reason.count() != reason as u64 {
            MISREASONED.add();
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.began.count() != self.ended.count() {
            MISCOUNTED.add();
        }
    }
}
