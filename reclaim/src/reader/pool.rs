//! Readers for threads that have none of their own. Promise: a pooled reader has one borrower at a time, and there
//! are only as many as were ever borrowed at once.
//!
//! # State
//!
//! ```text
//! slot: EMPTY --claim--> LENT --give back--> FREE (a reader's address) --take--> LENT
//!         ^                |
//!         +----discard-----+        a slot keeps its reader; FREE --drain--> EMPTY
//! ```
//!
//! # Invariants
//! - I1. A reader in a slot is owned by the slot; a LENT slot's reader is owned by its borrower, and nobody else
//!   touches it (model `pool::two_borrowers`, in which the reader's cell would show a second owner).
//! - I2. A slot is taken EMPTY only by a borrower that has just found no FREE one (test
//!   `sequential_borrowers_share_one_reader`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `Domain::borrow` | any thread | everything | wait-free in the slots; a new participant is registered lock-free |
//! | `Domain::flush_idle` | any thread | everything | as a borrower of each reader in turn; lock-free |
//! | drop | borrower | everything | wait-free |
//! | `drain` | the last domain | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | search: read of a slot | Relaxed | none | nothing: the exchange checks it | none |
//! | O2 | take: exchange with LENT | Acquire | O3 | the borrower does not see the last one's writes to the reader | `pool::two_borrowers` |
//! | O3 | give back: store | Release | O2 | the same, from the other side | `pool::two_borrowers` |
//! | O4 | drain: exchange with EMPTY | Acquire | O3 | the reader is dropped before the last borrower's writes | `domain::drained_by_last_handle` |
//!
//! # Reclamation
//! Pooled readers are dropped with the last domain in the embedder's hands; see `domain/handle.rs`.
//!
//! # Not promised
//! That a borrower gets the reader it had: only that it looks there first.
#![expect(unsafe_code, reason = "readers wait in atomic words")]

use super::Reader;
use crate::domain::Domain;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::{UnsafeCell, thread_local};
use core::cell::Cell;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr;

/// Readers that are kept; when more are borrowed at once, the others are registered for the loan alone. More than the
/// threads that enter at one time on the largest machines we know of, where each is inside for microseconds.
const SLOTS: usize = if cfg!(any(millstream_loom, millstream_shuttle)) { 2 } else { 64 };

/// A reader as the pool keeps it: in a cell, since it passes between threads and has fields that are not atomic.
type Kept = UnsafeCell<Reader>;

const EMPTY: *mut Kept = ptr::null_mut();
/// Not the address of a reader: those are aligned.
const LENT: *mut Kept = ptr::without_provenance_mut(1);

thread_local! {
    /// Where this thread found a reader last.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro knows no const blocks")]
    static LAST_SLOT: Cell<usize> = Cell::new(0);
}

/// The slots.
pub(crate) struct Pool([Slot; SLOTS]);

/// Alone on its cache line: threads keep coming back to their own.
#[repr(align(64))]
struct Slot(AtomicPtr<Kept>);

impl Pool {
    pub(crate) fn new() -> Self {
        Self(core::array::from_fn(|_| Slot(AtomicPtr::new(EMPTY))))
    }

    /// A slot for the caller alone, with the reader it had.
    fn take(&self) -> Option<(usize, Option<Box<Kept>>)> {
        // A thread that is ending has no hint any more.
        let first = LAST_SLOT.try_with(Cell::get).unwrap_or(0);
        let found = self.search(first, |held| held != EMPTY && held != LENT);
        let found = found.or_else(|| self.search(first, |held| held == EMPTY));
        let (at, held) = found?;
        if at != first {
            // A thread that is ending keeps no hint.
            let _ = LAST_SLOT.try_with(|last| last.set(at));
        }
        // SAFETY: not LENT, so EMPTY or a reader that its last borrower put there by `Box::into_raw`; by I1 the
        // exchange made it ours.
        Some((at, (held != EMPTY).then(|| unsafe { Box::from_raw(held) })))
    }

    /// Takes the first slot whose word is wanted.
    fn search(
        &self,
        first: usize,
        wanted: impl Fn(*mut Kept) -> bool,
    ) -> Option<(usize, *mut Kept)> {
        let mut slots = (0..SLOTS).map(|step| (first + step) % SLOTS);
        slots.find_map(|at| self.claim(at, &wanted).map(|held| (at, held)))
    }

    /// Takes a slot if its word is wanted.
    fn claim(&self, at: usize, wanted: impl Fn(*mut Kept) -> bool) -> Option<*mut Kept> {
        let slot = &self.0[at].0;
        // O1 Relaxed: a look before the exchange.
        let held = slot.load(Ordering::Relaxed);
        if !wanted(held) {
            return None;
        }
        // O2 Acquire: the reader as its last borrower left it; pairs with O3. The word that the exchange
        // returns is used: a drained and refilled slot may hold another reader at the same address.
        slot.compare_exchange(held, LENT, Ordering::Acquire, Ordering::Relaxed).ok()
    }

    /// A slot's reader for the caller alone, if nobody has it.
    fn take_free(&self, at: usize) -> Option<Box<Kept>> {
        let held = self.claim(at, |held| held != EMPTY && held != LENT)?;
        // SAFETY: as in `take`.
        Some(unsafe { Box::from_raw(held) })
    }

    /// Gives a slot back, with its reader if that is still good.
    fn give_back(&self, at: usize, reader: Option<Box<Kept>>) {
        let word = reader.map_or(EMPTY, Box::into_raw);
        // O3 Release: the reader as we leave it; pairs with O2 and O4.
        self.0[at].0.store(word, Ordering::Release);
    }

    /// Drops every reader that is not lent.
    pub(crate) fn drain(&self) {
        // O1 Relaxed, O4 Acquire: as a borrower, see `search`; the slot is given back EMPTY.
        while let Some((at, held)) = self.search(0, |held| held != EMPTY && held != LENT) {
            self.give_back(at, None);
            // SAFETY: as in `take`.
            drop(unsafe { Box::from_raw(held) });
        }
    }
}

/// A reader that gives itself back; see [`Domain::borrow`].
pub struct PooledReader<'d> {
    domain: &'d Domain,
    slot: Option<usize>,
    reader: ManuallyDrop<Box<Kept>>,
}

impl<'d> PooledReader<'d> {
    pub(crate) fn take(domain: &'d Domain, label: &'static str) -> Self {
        let Some((at, free)) = domain.shared().pool.take() else {
            return Self::temporary(domain, label);
        };
        let reader = free.unwrap_or_else(|| Box::new(UnsafeCell::new(domain.reader(label))));
        let mut lent = Self { domain, slot: Some(at), reader: ManuallyDrop::new(reader) };
        lent.rename(label);
        lent
    }

    /// Borrows every reader that nobody has, one after the other, and flushes it.
    pub(crate) fn flush_idle(domain: &'d Domain) {
        for at in 0..SLOTS {
            if let Some(reader) = domain.shared().pool.take_free(at) {
                let reader = ManuallyDrop::new(reader);
                Self { domain, slot: Some(at), reader }.pin().flush();
            }
        }
    }

    /// A reader for this loan alone.
    pub(crate) fn temporary(domain: &'d Domain, label: &'static str) -> Self {
        let reader = Box::new(UnsafeCell::new(domain.reader(label)));
        Self { domain, slot: None, reader: ManuallyDrop::new(reader) }
    }
}

impl Deref for PooledReader<'_> {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        let reader = self.reader.with(|reader| reader);
        // SAFETY: by I1 the reader is this borrower's alone, and `&self` allows to read it.
        unsafe { &*reader }
    }
}

impl DerefMut for PooledReader<'_> {
    fn deref_mut(&mut self) -> &mut Reader {
        let reader = self.reader.with_mut(|reader| reader);
        // SAFETY: by I1 the reader is this borrower's alone, and `&mut self` allows to change it.
        unsafe { &mut *reader }
    }
}

impl Drop for PooledReader<'_> {
    fn drop(&mut self) {
        // Through `DerefMut` the borrower may have swapped it for one of another domain, or leaked a pin of it.
        let ours = ptr::eq(self.domain().shared(), self.domain.shared());
        let good = ours && self.is_outside();
        // SAFETY: the reader is not touched again.
        let reader = unsafe { ManuallyDrop::take(&mut self.reader) };
        let Some(at) = self.slot else { return };
        self.domain.shared().pool.give_back(at, good.then_some(reader));
    }
}

impl fmt::Debug for PooledReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledReader").field("label", &self.label()).finish_non_exhaustive()
    }
}
