//! A bitmap of what is ready, with one consumer that may sleep. Promise: a bit that was marked is taken once for each
//! run of marks between two takes, and a consumer that went to sleep after [`ReadySet::register`] is woken by the
//! next mark.
//!
//! # State
//!
//! | word | meaning |
//! |---|---|
//! | `words[w]`, bit b | member `64 w + b` is ready |
//! | `summary[s]`, bit b | `words[64 s + b]` may be non-zero |
//! | `waker` | whom to wake on the 0 to 1 edge of a summary word |
//!
//! # Invariants
//! - I1. A non-zero word has its summary bit set, or a `mark` is between the two (model `ready::mark_vs_take`).
//! - I2. A bit is cleared before its member is inspected, never after (by the shape of `take`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `mark` | any thread | everything | wait-free, but for the wake |
//! | `take`, `register` | the consumer | everything else | wait-free, bounded by the number of summary words |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | R1 | `mark`, set the bit | AcqRel | R3 | the taker misses what made the member ready | `ready::mark_vs_take` |
//! | R2 | `mark`, set the summary bit | AcqRel | R4 | the taker clears the summary and misses the word | `ready::mark_vs_take` |
//! | R3 | `take`, clear the bit | AcqRel | R1 | as R1 | `ready::mark_vs_take` |
//! | R4 | `take`, clear the summary bit | AcqRel | R2 | as R2 | `ready::mark_vs_take` |
//! | R5 | `take`, `any`: load a word | Acquire | R1, R2 | nothing: a later clear confirms it | `ready::mark_vs_take` |
//! | R6 | `register`: fence after the waker is stored | SeqCst fence | R7 | both sides miss each other: asleep for ever | `ready::sleep_vs_mark` |
//! | R7 | `mark`: fence before the waker is looked at | SeqCst fence | R6 | as R6 | `ready::sleep_vs_mark` |
//!
//! # Reclamation
//! None: the words are plain fields.
//!
//! # Not promised
//! Order among members; [`ReadySet::take`] goes round, so that each gets its turn.

use core::task::Waker;
use millstream_reclaim::sync::AtomicWaker;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering, fence};

/// A set of ready members, each a small number.
#[derive(Debug)]
pub struct ReadySet {
    words: Box<[AtomicU64]>,
    summary: Box<[AtomicU64]>,
    waker: AtomicWaker,
}

impl ReadySet {
    /// A set of members `0..members`, none of them ready.
    #[must_use]
    pub fn new(members: usize) -> Self {
        let words = members.div_ceil(64).max(1);
        let zeros = |n: usize| (0..n).map(|_| AtomicU64::new(0)).collect();
        Self { words: zeros(words), summary: zeros(words.div_ceil(64)), waker: AtomicWaker::new() }
    }

    /// Says that a member is ready, and wakes the consumer if it sleeps.
    pub fn mark(&self, member: usize) {
        let (word, bit) = (member / 64, 1 << (member % 64));
        // R1 AcqRel: after whatever made it ready; pairs with R3.
        if self.words[word].fetch_or(bit, Ordering::AcqRel) != 0 {
            return; // Whoever made it non-zero sets the summary and wakes.
        }
        // R2 AcqRel: after the word; pairs with R4.
        let before = self.summary[word / 64].fetch_or(1 << (word % 64), Ordering::AcqRel);
        if before == 0 {
            self.wake();
        }
    }

    /// Wakes the consumer though nothing is ready.
    pub fn wake(&self) {
        // R7 SeqCst fence: if the sleeper's fence (R6) is first, we see its waker; if ours is first, it sees our bit.
        fence(Ordering::SeqCst);
        self.waker.wake();
    }

    /// Takes the next ready member after `*cursor`, round and round.
    pub fn take(&self, cursor: &mut usize) -> Option<usize> {
        let members = self.words.len() * 64;
        let start = (*cursor + 1) % members;
        let member = self.take_from(start, members).or_else(|| self.take_from(0, start))?;
        *cursor = member;
        Some(member)
    }

    /// Whether anything may be ready.
    #[must_use]
    pub fn any(&self) -> bool {
        // R5 Acquire: a hint that errs towards true.
        self.summary.iter().any(|word| word.load(Ordering::Acquire) != 0)
    }

    /// Whether a member is marked, for statistics.
    #[must_use]
    pub fn is_marked(&self, member: usize) -> bool {
        // R5 Acquire: nothing depends on it.
        let word = self.words.get(member / 64).map(|word| word.load(Ordering::Acquire));
        word.is_some_and(|word| word & (1 << (member % 64)) != 0)
    }

    /// Stores whom to wake. The caller looks at [`any`](Self::any) afterwards and sleeps only if there is nothing.
    pub fn register(&self, waker: &Waker) {
        self.waker.register(waker);
        // R6 SeqCst fence: see R7.
        fence(Ordering::SeqCst);
    }

    /// Takes the first ready member in `from..to`.
    fn take_from(&self, from: usize, to: usize) -> Option<usize> {
        let mut next = from;
        while next < to {
            let word = next / 64;
            // R5 Acquire: the clear below confirms it.
            let summary = self.summary[word / 64].load(Ordering::Acquire) >> (word % 64);
            if summary == 0 {
                next = (word / 64 + 1) * 64 * 64;
                continue;
            }
            let skip = summary.trailing_zeros() as usize;
            let first = if skip == 0 { next % 64 } else { 0 };
            let word = word + skip;
            match self.take_bit(word, first) {
                Some(bit) if word * 64 + bit < to => return Some(word * 64 + bit),
                // Past the range: it is for the other half of the round.
                Some(bit) => {
                    self.mark(word * 64 + bit);
                    return None;
                }
                None => next = (word + 1) * 64,
            }
        }
        None
    }

    /// Takes the first set bit of a word at or above `first`.
    fn take_bit(&self, word: usize, first: usize) -> Option<usize> {
        // R5 Acquire: the clear below confirms it.
        let bits = self.words[word].load(Ordering::Acquire);
        let wanted = bits & (u64::MAX << first);
        if wanted != 0 {
            let bit = wanted.trailing_zeros() as usize;
            // R3 AcqRel: before the member is inspected; pairs with R1.
            let before = self.words[word].fetch_and(!(1 << bit), Ordering::AcqRel);
            gate!(TookBit);
            if before & !(1 << bit) == 0 {
                self.clear_summary(word);
            }
            return Some(bit);
        }
        if bits == 0 {
            self.clear_summary(word);
        }
        None
    }

    fn clear_summary(&self, word: usize) {
        let bit = 1 << (word % 64);
        // R4 AcqRel: if a mark's R2 came first, we see its word below; if ours is first, it sets the bit again.
        self.summary[word / 64].fetch_and(!bit, Ordering::AcqRel);
        gate!(ClearedSummary);
        // R5 Acquire: see R4.
        if self.words[word].load(Ordering::Acquire) != 0 {
            // R2 AcqRel: the word is not empty after all.
            self.summary[word / 64].fetch_or(bit, Ordering::AcqRel);
        }
    }
}
