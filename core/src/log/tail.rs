//! The word that gives out a partition's seqnos, and that closes it for writes in the same word.
//!
//! # State
//!
//! | bits | meaning |
//! |---|---|
//! | 0..61 | the last seqno given out |
//! | 61 | held: no more is given out until whoever holds it lets go |
//! | 62 | closed: no more is given out, for ever |
//! | 63 | sealed: no more is given out until it is unsealed |
//!
//! The seal follows the vbucket's state, and comes and goes with it. The end of the engine is another matter: whoever
//! changes a state across it must not undo it, so it has a bit that nobody clears. Whoever takes the
//! vbucket for himself for a while has the third, which no change of state touches.
//!
//! # Invariants
//! - I1. A seqno is given out once (test `tail_gives_each_seqno_once`, model `log::reserve`).
//! - I2. `seal` returns the last seqno that is given out before an `unseal` (model `log::seal_fixes_last`); `close`
//!   returns the last that is ever given out, whatever is unsealed afterwards (model `log::close_outlasts_unseal`).
//! - I3. A reservation never passes the bound that its caller computed from the window's head.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `reserve` | any writer | everything | lock-free: a failed exchange means that another writer got a seqno |
//! | `seal`, `unseal`, `close`, `last` | any thread | everything | wait-free |
//! | `hold`, `let_go` | one holder at a time | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | T1 | `reserve`, exchange | AcqRel | T1, T2 | a writer that saw a version through the by-key index could get a lower seqno than it | `log::reserve` |
//! | T2 | `seal`, `unseal`, `close`, `hold`, `let_go` | AcqRel | T1 | a sealer could miss the last reservation's effects | `log::seal_fixes_last`, `log::close_outlasts_unseal`, `log::hold_outlasts_seals` |
//! | T3 | `last`, `is_sealed`, first load of `reserve` | Relaxed | none | nothing: a hint that the exchange confirms | `log::reserve` |
//!
//! # Reclamation
//! None: the word is a plain field.
//!
//! # Not promised
//! That a seqno that was given out is ever published: see [`Log`](super::Log).

use crate::types::Seqno;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering};

/// Shut until the vbucket is active (again).
const SEALED: u64 = 1 << 63;
/// Shut for ever.
const CLOSED: u64 = 1 << 62;
/// Shut while somebody has the vbucket for himself.
const HELD: u64 = 1 << 61;
/// Any: no seqno is given out.
const SHUT: u64 = SEALED | CLOSED | HELD;

/// Gives out seqnos.
#[derive(Debug)]
pub struct Tail(AtomicU64);

/// Seqnos that belong to one writer: `first..first + count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Reserved {
    /// The first.
    pub first: Seqno,
    /// How many.
    pub count: u64,
}

/// Why no seqno was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailError {
    /// The partition takes no writes; the last seqno is this one.
    Sealed(Seqno),
    /// The window is full until older entries are persisted and trimmed.
    Full,
}

impl Tail {
    /// An allocator whose next seqno is the one after `last`.
    #[must_use]
    pub fn new(last: Seqno) -> Self {
        Self(AtomicU64::new(last.0))
    }

    /// Reserves `count` seqnos in a row, none of them above `bound()`.
    ///
    /// # Errors
    /// [`TailError::Sealed`] or [`TailError::Full`].
    pub fn reserve(&self, count: u64, bound: impl Fn() -> u64) -> Result<Reserved, TailError> {
        // T3 Relaxed: the exchange below confirms it.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word & SHUT != 0 {
                return Err(TailError::Sealed(Seqno(word & !SHUT)));
            }
            let last = word + count;
            if last > bound() {
                return Err(TailError::Full);
            }
            // T1 AcqRel: orders reservations with what their writers saw before; pairs with T1, T2. A failure
            // means that another thread's reservation (or seal) went through, so the loop makes progress.
            match self.0.compare_exchange_weak(word, last, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(Reserved { first: Seqno(word + 1), count }),
                Err(now) => word = now,
            }
        }
    }

    /// Shuts it until [`unseal`](Self::unseal), and returns the last seqno given out.
    pub fn seal(&self) -> Seqno {
        // T2 AcqRel: the returned word is the last one; pairs with T1.
        Seqno(self.0.fetch_or(SEALED, Ordering::AcqRel) & !SHUT)
    }

    /// Shuts it for ever, and returns the last seqno that will ever have been given out.
    pub fn close(&self) -> Seqno {
        // T2 AcqRel: the returned word is the last one; pairs with T1.
        Seqno(self.0.fetch_or(CLOSED, Ordering::AcqRel) & !SHUT)
    }

    /// Shuts it until [`let_go`](Self::let_go), and returns the last seqno given out.
    pub fn hold(&self) -> Seqno {
        // T2 AcqRel: the returned word is the last one; pairs with T1.
        Seqno(self.0.fetch_or(HELD, Ordering::AcqRel) & !SHUT)
    }

    /// Ends a [`hold`](Self::hold).
    pub fn let_go(&self) {
        // T2 AcqRel: later reservations follow whatever was done meanwhile; pairs with T1.
        self.0.fetch_and(!HELD, Ordering::AcqRel);
    }

    /// Takes the seal off; one that is closed stays shut.
    pub fn unseal(&self) {
        // T2 AcqRel: later reservations follow whatever led to the opening; pairs with T1.
        self.0.fetch_and(!SEALED, Ordering::AcqRel);
    }

    /// The last seqno given out.
    #[must_use]
    pub fn last(&self) -> Seqno {
        // T3 Relaxed: a hint.
        Seqno(self.0.load(Ordering::Relaxed) & !SHUT)
    }

    /// Whether it is shut.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        // T3 Relaxed: a hint.
        self.0.load(Ordering::Relaxed) & SHUT != 0
    }
}
