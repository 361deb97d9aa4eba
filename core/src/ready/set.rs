//! A bitmap of what is ready, with one consumer that may sleep. Promise: a bit that was marked is taken once for each
//! run of marks between two takes, and a consumer that went to sleep after [`ReadySet::register`] is woken by the
//! mark that makes its 64 members ready, whatever is marked beside it meanwhile.
//!
//! # State
//!
//! | word | meaning |
//! |---|---|
//! | `words[w]`, bit b | member `64 w + b` is ready |
//! | `summary[s]`, bit b | `words[64 s + b]` may be non-zero |
//! | `more[k]` | `2^k` further groups of a summary and its 64 words, once the set has grown so far |
//! | `waker` | whom to wake on the 0 to 1 edge of a summary word |
//!
//! # Invariants
//! - I1. A non-zero word has its summary bit set, or a `mark` is between the two (model `ready::mark_vs_take`).
//! - I2. A bit is cleared before its member is inspected, never after (by the shape of `take`).
//! - I3. A member of a group that the set grew by is marked after `grow_to` has returned, by whoever learned of the
//!   member from its owner (model `ready::grown`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `mark` | any thread | everything | wait-free, but for the wake |
//! | `take`, `register`, `grow_to` | the consumer | everything else | wait-free, bounded by the number of summary words |
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
//! None: the words live as long as the set.
//!
//! # Not promised
//! That a mark wakes before it returns: one that finds a member beside it ready leaves the waking to the mark that made
//! it so, which may be stopped between the word and the summary. The consumer sleeps until that one goes on, a few
//! instructions without input or output.
//! Order among members; [`ReadySet::take`] goes round, so that each gets its turn.

use crate::guarded::guarded;
use core::task::Waker;
use millstream_reclaim::Shelf;
use millstream_reclaim::sync::AtomicWaker;
use millstream_reclaim::sync::atomic::{AtomicU64, Ordering, fence};

/// Members of one summary word.
const GROUP: usize = 64 * 64;

/// A set of ready members, each a small number.
#[derive(Debug)]
pub struct ReadySet {
    words: Box<[AtomicU64]>,
    summary: Box<[AtomicU64]>,
    more: Box<[Shelf<Group>]>,
    waker: AtomicWaker,
}

/// A summary word and its words.
#[derive(Debug)]
struct Group {
    summary: AtomicU64,
    words: [AtomicU64; 64],
}

impl Default for Group {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self { summary: zero(), words: core::array::from_fn(|_| zero()) }
    }
}

impl ReadySet {
    /// A set of members `0..members`, none of them ready.
    #[must_use]
    pub fn new(members: usize) -> Self {
        Self::growing(members, 0)
    }

    /// The same for a set that may grow, `shelves` times, each time by twice as many members: the further members count
    /// from [`first_further`](Self::first_further).
    #[must_use]
    pub fn growing(members: usize, shelves: u32) -> Self {
        let words = members.div_ceil(64).max(1);
        let zeros = |n: usize| (0..n).map(|_| AtomicU64::new(0)).collect();
        Self {
            words: zeros(words),
            summary: zeros(words.div_ceil(64)),
            more: (0..shelves).map(|k| Shelf::new(1 << k)).collect(),
            waker: AtomicWaker::new(),
        }
    }

    /// The number of the first member that a set of so many grows by.
    #[must_use]
    pub fn first_further(members: usize) -> usize {
        members.div_ceil(GROUP).max(1) * GROUP
    }

    /// Grows until the set has this member; false if it cannot grow so far.
    pub fn grow_to(&self, member: usize) -> bool {
        let Some(further) = (member / GROUP).checked_sub(self.summary.len()) else { return true };
        let (last, _) = shelf_of(further);
        // In their order, so that the first that is not there is the end of the set.
        self.more.len() > last && self.more[..=last].iter().all(|shelf| shelf.make().is_some())
    }

    /// Says that a member is ready, and wakes the consumer if it sleeps.
    pub fn mark(&self, member: usize) {
        self.mark_word(member / 64, 1 << (member % 64));
    }

    /// Says that some of the 64 members from `64 * at` on are ready, and wakes the consumer if it sleeps.
    pub fn mark_word(&self, at: usize, members: u64) {
        let (Some(word), Some(summary)) = (self.word(at), self.summary(at / 64)) else {
            debug_assert!(false, "I3: a member is marked that the set does not have");
            return;
        };
        // R1 AcqRel: after whatever made it ready; pairs with R3.
        if word.fetch_or(members, Ordering::AcqRel) != 0 {
            return; // Whoever made it non-zero sets the summary and wakes.
        }
        // R2 AcqRel: after the word; pairs with R4.
        let before = summary.fetch_or(1 << (at % 64), Ordering::AcqRel);
        if before == 0 {
            self.wake();
        }
    }

    /// Wakes the consumer though nothing is ready.
    pub fn wake(&self) {
        // R7 SeqCst fence: if the sleeper's fence (R6) is first, we see its waker; if ours is first, it sees our bit.
        fence(Ordering::SeqCst);
        if let Some(waker) = self.waker.take() {
            // Whoever wakes has others to wake and streams to end: the embedder's waker does not keep it from that.
            let _ = guarded(|| waker.wake());
        }
    }

    /// Takes the next ready member after `*cursor`, round and round.
    pub fn take(&self, cursor: &mut usize) -> Option<usize> {
        let members = self.groups() * GROUP;
        let start = (*cursor + 1) % members;
        let member = self.take_from(start, members).or_else(|| self.take_from(0, start))?;
        *cursor = member;
        Some(member)
    }

    /// Whether anything may be ready.
    #[must_use]
    pub fn any(&self) -> bool {
        // R5 Acquire: a hint that errs towards true.
        let busy = |word: &AtomicU64| word.load(Ordering::Acquire) != 0;
        self.summary.iter().any(busy)
            || self.grown().any(|groups| groups.iter().any(|group| busy(&group.summary)))
    }

    /// Whether a member is marked, for statistics.
    #[must_use]
    pub fn is_marked(&self, member: usize) -> bool {
        // R5 Acquire: nothing depends on it.
        let word = self.word(member / 64).map(|word| word.load(Ordering::Acquire));
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
            let summary = self.summary(word / 64)?.load(Ordering::Acquire) >> (word % 64);
            if summary == 0 {
                next = (word / 64 + 1) * GROUP;
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
    fn take_bit(&self, at: usize, first: usize) -> Option<usize> {
        let word = self.word(at)?;
        // R5 Acquire: the clear below confirms it.
        let bits = word.load(Ordering::Acquire);
        let wanted = bits & (u64::MAX << first);
        if wanted != 0 {
            let bit = wanted.trailing_zeros() as usize;
            // R3 AcqRel: before the member is inspected; pairs with R1.
            let before = word.fetch_and(!(1 << bit), Ordering::AcqRel);
            gate!(TookBit);
            if before & !(1 << bit) == 0 {
                self.clear_summary(at, word);
            }
            return Some(bit);
        }
        if bits == 0 {
            self.clear_summary(at, word);
        }
        None
    }

    fn clear_summary(&self, at: usize, word: &AtomicU64) {
        let Some(summary) = self.summary(at / 64) else { return };
        let bit = 1 << (at % 64);
        // R4 AcqRel: if a mark's R2 came first, we see its word below; if ours is first, it sets the bit again.
        summary.fetch_and(!bit, Ordering::AcqRel);
        gate!(ClearedSummary);
        // R5 Acquire: see R4.
        if word.load(Ordering::Acquire) != 0 {
            // R2 AcqRel: the word is not empty after all.
            summary.fetch_or(bit, Ordering::AcqRel);
        }
    }

    /// What the set has grown by so far.
    fn grown(&self) -> impl Iterator<Item = &[Group]> {
        self.more.iter().map_while(Shelf::get)
    }

    fn groups(&self) -> usize {
        self.summary.len() + self.grown().map(<[Group]>::len).sum::<usize>()
    }

    fn word(&self, at: usize) -> Option<&AtomicU64> {
        match self.words.get(at) {
            None => Some(&self.group(at / 64)?.words[at % 64]),
            first => first,
        }
    }

    fn summary(&self, at: usize) -> Option<&AtomicU64> {
        match self.summary.get(at) {
            None => Some(&self.group(at)?.summary),
            first => first,
        }
    }

    /// A group that the set has grown by.
    fn group(&self, at: usize) -> Option<&Group> {
        let (shelf, place) = shelf_of(at.checked_sub(self.summary.len())?);
        self.more.get(shelf)?.get()?.get(place)
    }
}

/// Where the n-th further group is, if shelves hold 1, 2, 4 and so on.
fn shelf_of(n: usize) -> (usize, usize) {
    let shelf = (n + 1).ilog2();
    (shelf as usize, n + 1 - (1 << shelf))
}
