//! The word that decides a stream's life. Promise: a stream ends exactly once, with the first reason; every other
//! closer reads that reason and goes on; nothing is opened where a closer has been.
//!
//! # State
//!
//! | bits | field | meaning |
//! |---|---|---|
//! | 0..3 | state | 0 `Free`, 1 `Pending`, 2 `Backfilling`, 3 `InMemory`, 4 `Dead` |
//! | 4..8 | reason | why it died, by its number on the wire; only with `Dead` |
//! | 8 | closed | the connection was closed: nothing is opened here again |
//! | 32..64 | generation | counts the streams that were opened in this slot |
//!
//! ```text
//!          claim            advance           advance
//!   Free ---------> Pending -------> Backfilling <====> InMemory
//!    ^                 \                 |               /
//!    |                  \------ kill ----+--------------/
//!    |  release                          v
//!    +---------------------------------Dead        close = kill + the closed bit, from any state
//! ```
//!
//! # Invariants
//! - I1. For each generation exactly one `kill` or `close` returns [`Killed::First`] (model
//!   `word::two_closers`).
//! - I2. A dead stream stays dead, with its reason, until its owner releases it (model
//!   `word::end_of_backfill`).
//! - I3. After `close` no `claim` succeeds (model `word::claim_vs_close`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `claim`, `advance`, `release` | the connection's owner | everything | wait-free; `claim` and `advance` try once |
//! | `kill`, `close` | any thread | everything | lock-free: a failed exchange means that another decision was made |
//! | `load`, `is_dead` | any thread | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | D1 | each exchange that succeeds | AcqRel | D1, D2 | what a closer did before it closed is not seen by the owner that finds the stream dead | `word::two_closers` |
//! | D2 | `load`, `is_dead` | Acquire | D1 | the same, from the other side | `word::two_closers` |
//! | D3 | `claim`, `advance`, `kill`, `close`: first load, and failure of an exchange | Acquire | D1 | who is told that it is dead or closed, and by whom, does not see what the closer did before: such an answer comes from a load alone | `word::told_already`, `word::owner_is_told` |
//! | D4 | `release`: first load | Relaxed | none | nothing: what it answers comes from the exchange, or is that nobody ended the stream | none |
//!
//! # Reclamation
//! None: the word is a plain field of a block that lives as long as its connection.
//!
//! # Not promised
//! That the owner has noticed: it reads the word before each message.

use crate::types::EndReason;
use core::fmt;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering};

const STATE: u64 = 0b1111;
const REASON_SHIFT: u32 = 4;
const REASON: u64 = 0b1111 << REASON_SHIFT;
const CLOSED: u64 = 1 << 8;
const GENERATION_SHIFT: u32 = 32;

const FREE: u64 = 0;
const PENDING: u64 = 1;
const BACKFILLING: u64 = 2;
const IN_MEMORY: u64 = 3;
const DEAD: u64 = 4;

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// There is none.
    Free,
    /// Accepted, and not yet decided where it reads.
    Pending,
    /// Reads the store.
    Backfilling,
    /// Reads the log.
    InMemory,
    /// Ended, for this reason.
    Dead(EndReason),
}

impl StreamState {
    /// Its name in stats.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pending => "pending",
            Self::Backfilling => "backfilling",
            Self::InMemory => "in-memory",
            Self::Dead(_) => "dead",
        }
    }
}

/// A stream's state word.
pub struct StreamWord(AtomicU64, #[cfg(millstream_census)] crate::census::Life);

/// What came of a `claim`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Claimed {
    /// The slot is the caller's; its streams so far, this one included.
    Opened(u32),
    /// A stream lives here (or a dead one has not been released).
    Busy,
    /// The connection is closed.
    Closed,
}

/// What came of an `advance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Advanced {
    /// The stream is in the new state.
    Done,
    /// It was killed meanwhile.
    Dead(EndReason),
}

/// What came of a `kill` or `close`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Killed {
    /// The caller ended it.
    First,
    /// It was dead already, for this reason.
    Already(EndReason),
    /// There is no such stream.
    None,
}

impl StreamWord {
    /// A free slot.
    #[must_use]
    pub fn new() -> Self {
        Self(
            AtomicU64::new(FREE),
            #[cfg(millstream_census)]
            crate::census::Life::new(),
        )
    }

    /// Whether the stream is dead: what its owner asks before each message.
    #[inline]
    #[must_use]
    pub fn is_dead(&self) -> bool {
        // D2 Acquire: what led to its end is seen; pairs with D1.
        self.0.load(Ordering::Acquire) & STATE == DEAD
    }

    /// The state now.
    #[inline]
    #[must_use]
    pub fn load(&self) -> StreamState {
        // D2 Acquire: what led to the state is seen; pairs with D1.
        state_of(self.0.load(Ordering::Acquire))
    }

    /// Whether the connection was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // D2 Acquire: pairs with D1.
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    /// How many streams were opened here so far, this many and a multiple of 2^32.
    #[must_use]
    pub fn opened(&self) -> u32 {
        // D2 Acquire: pairs with D1.
        (self.0.load(Ordering::Acquire) >> GENERATION_SHIFT) as u32
    }

    /// Free to pending: the owner takes the slot.
    pub fn claim(&self) -> Claimed {
        // D3 Acquire: a refusal comes from this load alone; pairs with D1.
        let word = self.0.load(Ordering::Acquire);
        if word & CLOSED != 0 {
            return Claimed::Closed;
        }
        if word & STATE != FREE {
            return Claimed::Busy;
        }
        let generation = ((word >> GENERATION_SHIFT) as u32).wrapping_add(1);
        let opened = (u64::from(generation) << GENERATION_SHIFT) | PENDING;
        // D1 AcqRel: only `close` can come between, and then it must win.
        match self.0.compare_exchange(word, opened, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                #[cfg(millstream_census)]
                self.1.began();
                Claimed::Opened(generation)
            }
            Err(_) => Claimed::Closed,
        }
    }

    /// A living stream to another living state: the owner's move.
    pub fn advance(&self, to: StreamState) -> Advanced {
        let to = match to {
            StreamState::Pending => PENDING,
            StreamState::Backfilling => BACKFILLING,
            StreamState::InMemory => IN_MEMORY,
            StreamState::Free | StreamState::Dead(_) => unreachable!("not a living state"),
        };
        // D3 Acquire: an end is told from this load alone; pairs with D1.
        let word = self.0.load(Ordering::Acquire);
        if word & STATE == DEAD {
            return Advanced::Dead(reason_of(word));
        }
        debug_assert_ne!(word & STATE, FREE, "the owner advances its own stream");
        // D1 AcqRel: a failure means that somebody killed it, for nobody else moves a living stream.
        match self.0.compare_exchange(
            word,
            (word & !STATE) | to,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => Advanced::Done,
            Err(now) => Advanced::Dead(reason_of(now)),
        }
    }

    /// Ends the stream that lives here.
    pub fn kill(&self, reason: EndReason) -> Killed {
        self.end(reason, 0)
    }

    /// Ends the stream that lives here, if any, as disconnected, and lets nothing be opened here again.
    pub fn close(&self) -> Killed {
        self.end(EndReason::Disconnected, CLOSED)
    }

    /// Dead to free: the owner is done with it. The reason that it had.
    pub fn release(&self) -> Option<EndReason> {
        // D4 Relaxed: the exchange confirms it.
        let mut word = self.0.load(Ordering::Relaxed);
        while word & STATE == DEAD {
            let free = word & !(STATE | REASON);
            // D1 AcqRel: a failure means that a close set its bit, which happens once.
            match self.0.compare_exchange(word, free, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    #[cfg(millstream_census)]
                    self.1.released(reason_of(word));
                    return Some(reason_of(word));
                }
                Err(now) => word = now,
            }
        }
        None
    }

    fn end(&self, reason: EndReason, mark: u64) -> Killed {
        // D3 Acquire: `Already` may be told from this load alone; pairs with D1.
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            let (to, outcome) = match word & STATE {
                FREE => (word | mark, Killed::None),
                DEAD => (word | mark, Killed::Already(reason_of(word))),
                _ => {
                    let dead = (word & !STATE) | DEAD | ((reason as u64) << REASON_SHIFT) | mark;
                    (dead, Killed::First)
                }
            };
            if to == word {
                return outcome;
            }
            // D1 AcqRel: a failure means that another thread decided something, at most a few times a life.
            match self.0.compare_exchange(word, to, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    #[cfg(millstream_census)]
                    if outcome == Killed::First {
                        self.1.ended(reason);
                    }
                    return outcome;
                }
                Err(now) => word = now,
            }
        }
    }
}

impl Default for StreamWord {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StreamWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

fn reason_of(word: u64) -> EndReason {
    let number = ((word & REASON) >> REASON_SHIFT) as u32;
    EndReason::from_u32(number).expect("I2: only reasons are stored")
}

fn state_of(word: u64) -> StreamState {
    match word & STATE {
        FREE => StreamState::Free,
        PENDING => StreamState::Pending,
        BACKFILLING => StreamState::Backfilling,
        IN_MEMORY => StreamState::InMemory,
        _ => StreamState::Dead(reason_of(word)),
    }
}
