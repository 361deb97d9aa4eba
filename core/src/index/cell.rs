//! The newest version of one key. Promise: versions of a key follow each other by compare-and-swap, so each replaced
//! version is known to exactly one writer.
//!
//! # State
//!
//! | word | meaning |
//! |---|---|
//! | null | the key has no version |
//! | 2 | the key is gone from the index, and with it this cell: whoever wants to write looks for the key's new cell |
//! | pointer, low bit 0 | a slot of the log's window: meta data and value in memory |
//! | pointer, low bit 1 | boxed meta data: the version is in the store, its value is not in memory |
//! | pointer, bit 2 set | boxed lock: which of the two words above it stands over, and the lock |
//!
//! # Invariants
//! - I1. A slot pointer is replaced (by a writer, or by `chill` on the trimmer's thread) before its segment is
//!   retired (model `log::trim_vs_read`).
//! - I2. A box is owned by the cell until the exchange that takes it out, whose thread frees it through the epoch. A
//!   lock owns the boxed meta data that it stands over.
//! - I4. Gone is for ever, so no version is ever in a cell that nobody finds (model `index::expel_vs_write`).
//! - I3. Seqnos of successive versions rise: a writer whose seqno is below the current version's gives it up.
//! - I5. A lock that was taken is seen by every writer that replaces the version after it: the writer's exchange names
//!   the word that it decided on, and no two locks of one pinned section have one address (models
//!   `index::lock_vs_write`, `index::a_lock_is_no_other_lock`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `load` | any pinned thread | everything | wait-free |
//! | `replace` | any pinned writer | everything | wait-free; may fail |
//! | `clear` | who drops a collection | everything | wait-free |
//! | `expel` | who purged the tombstone, or wrote nothing | everything | wait-free; gives way to a writer |
//! | `lock`, `unlock` | any pinned thread | everything | wait-free; may fail |
//! | `chill` | the trimmer | everything | lock-free; gives way to a writer, begins again when a lock came or went |
//! | `warm_up` | the loader | nothing | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | K1 | `replace`, `chill`, `clear`, `expel`, `lock`, `unlock`, `warm_up`: exchange | AcqRel | K2 | a reader follows the pointer before the document is there | `index::exposed_is_whole` |
//! | K2 | `load` | Acquire | K1 | the same, from the other side | `index::exposed_is_whole` |
//!
//! # Reclamation
//! Boxes are plain memory, freed through the caller's pin after the exchange that took them out; slots belong to
//! the log.
//!
//! # Not promised
//! That the version is published in the log yet: readers by key may be ahead of readers by seqno. That a lock is still
//! in force: it says until when, and nobody takes it out at that moment.
#![expect(unsafe_code, reason = "one word names a slot, a box or nothing")]

use super::lock::Lock;
use crate::log::{Doc, Slot};
use crate::types::DocMeta;
use core::marker::PhantomData;
use core::ptr;
use millstream_reclaim::Pin;
use millstream_reclaim::sync::atomic::{AtomicPtr, Ordering};

/// The low bit of a pointer to boxed meta data.
const COLD: usize = 1;
/// The word of a cell that is out of the index. No slot is at this address.
const GONE: usize = 2;
/// The third bit of a pointer to a boxed lock.
const LOCKED: usize = 4;
const _: () = assert!(align_of::<Slot>() > LOCKED && align_of::<DocMeta>() > LOCKED);
const _: () = assert!(align_of::<Locked>() > LOCKED);

/// The newest version of one key.
#[derive(Debug)]
pub(crate) struct Cell(AtomicPtr<Slot>);

/// A version that is locked.
#[derive(Debug)]
struct Locked {
    /// The word of a slot or of boxed meta data.
    under: *mut Slot,
    lock: Lock,
}

// SAFETY: it is never changed once a cell names it, and what its word points to is reached as through the cell itself,
// which is shared between threads; giving its memory back, which another thread may do, looks at neither.
unsafe impl Send for Locked {}

/// What a cell held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'p> {
    word: *mut Slot,
    pinned: PhantomData<&'p Pin<'p>>,
}

/// The newest version of a key as its reader sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Current<'p> {
    /// None.
    Absent,
    /// In memory.
    Warm(&'p Doc),
    /// In the store.
    Cold(&'p DocMeta),
}

impl Cell {
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Names a stored version; only before the cell is shared.
    pub(crate) fn warm_up(&self, meta: DocMeta) {
        let word = cold_word(meta);
        // K1 AcqRel: the meta data before the pointer; pairs with K2.
        let before = self.0.swap(word, Ordering::AcqRel);
        assert!(before.is_null(), "a key is loaded once");
    }

    /// What it holds now.
    pub(crate) fn load<'p>(&self, _pin: &'p Pin<'_>) -> Held<'p> {
        // K2 Acquire: what it points to is complete; pairs with K1.
        Held { word: self.0.load(Ordering::Acquire), pinned: PhantomData }
    }

    /// Puts `slot` in the place of `held`, marks the version that it replaced, and frees what the cell owned. False
    /// if another writer (or the trimmer) was first.
    pub(crate) fn replace(
        &self,
        held: Held<'_>,
        slot: &Slot,
        doc: &DocMeta,
        pin: &Pin<'_>,
    ) -> bool {
        let new = ptr::from_ref(slot).cast_mut();
        // K1 AcqRel: the document before the pointer; pairs with K2.
        if self.0.compare_exchange(held.word, new, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return false;
        }
        if let (Some(old), Current::Warm(replaced)) = (held.slot(), held.current()) {
            old.supersede(replaced.meta.seqno, doc.seqno);
        }
        held.free_boxes(pin);
        true
    }

    /// Locks the version that `held` names, in the place of a lock that may be there. False if it is not that version
    /// any more, or that lock.
    pub(crate) fn lock(&self, held: Held<'_>, lock: Lock, pin: &Pin<'_>) -> bool {
        let locked = locked_word(held.version_word(), lock);
        // K1 AcqRel: the lock before the pointer; pairs with K2.
        let taken =
            self.0.compare_exchange(held.word, locked, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        let unused = if taken { held } else { Held { word: locked, pinned: PhantomData } };
        unused.free_lock(pin);
        taken
    }

    /// Takes out the lock that `held` has, if it is still there and over that version. Whether it was.
    pub(crate) fn unlock(&self, held: Held<'_>, pin: &Pin<'_>) -> bool {
        let under = held.version_word();
        // K1 AcqRel: nothing is published with it; what it took out is freed once no reader can have it.
        let taken = self.0.compare_exchange(held.word, under, Ordering::AcqRel, Ordering::Relaxed);
        if taken.is_ok() {
            held.free_lock(pin);
        }
        taken.is_ok()
    }

    /// Whether it is out of the index.
    pub(crate) fn is_gone(&self) -> bool {
        // K2 Acquire: pairs with K1.
        self.0.load(Ordering::Acquire).addr() == GONE
    }

    /// Takes it out of use if it names nothing, or a version out of memory that `is_over`. Whether it did; the caller
    /// then takes its key out of the index.
    pub(crate) fn expel(&self, is_over: impl FnOnce(&DocMeta) -> bool, pin: &Pin<'_>) -> bool {
        let held = self.load(pin);
        let over = match held.current() {
            Current::Absent => !held.is_gone(),
            Current::Warm(_) => false,
            Current::Cold(meta) => is_over(meta),
        };
        // K1 AcqRel: nothing is published with it; what it took out is freed once no reader can have it.
        if !over
            || self
                .0
                .compare_exchange(held.word, gone_word(), Ordering::AcqRel, Ordering::Relaxed)
                .is_err()
        {
            return false;
        }
        held.free_boxes(pin);
        true
    }

    /// Forgets whatever it names, and takes it out of use; the caller then takes its key out of the index. A writer or
    /// trimmer that is at it at the same time may be first or last. Whether it named a document out of memory.
    pub(crate) fn clear(&self, pin: &Pin<'_>) -> bool {
        // K1 AcqRel: nothing is published with it; what it took out is freed once no reader can have it.
        let word = self.0.swap(gone_word(), Ordering::AcqRel);
        let held = Held { word, pinned: PhantomData::<&Pin<'_>> };
        let was_cold = held.current().is_cold_document();
        held.free_boxes(pin);
        was_cold
    }

    /// If it still names `slot`, keeps only the meta data. Whether it did.
    pub(crate) fn chill(&self, slot: &Slot, meta: &DocMeta, pin: &Pin<'_>) -> bool {
        let old = ptr::from_ref(slot).cast_mut();
        // Ends when the cell does not name the slot; each further round means that somebody locked or unlocked the key.
        loop {
            let held = self.load(pin);
            if held.version_word() != old {
                return false;
            }
            let cold = cold_word(*meta);
            let new = held.lock().map_or(cold, |lock| locked_word(cold, lock));
            // K1 AcqRel: the meta data before the pointer; pairs with K2.
            if self.0.compare_exchange(held.word, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                held.free_lock(pin);
                return true;
            }
            Held { word: new, pinned: PhantomData::<&Pin<'_>> }.free_boxes(pin);
        }
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // K2 Acquire: `&mut self`; nobody else is left.
        let held = Held { word: self.0.load(Ordering::Acquire), pinned: PhantomData };
        // SAFETY: by I2 the cell owns the box.
        drop(held.cold_box().map(|cold| unsafe { Box::from_raw(cold) }));
        // SAFETY: by I2 the cell owns this one too, and it was needed to find the other.
        drop(held.lock_box().map(|locked| unsafe { Box::from_raw(locked) }));
    }
}

impl<'p> Held<'p> {
    /// What there is of a key that is not in the index.
    pub(super) fn nothing() -> Self {
        Self { word: ptr::null_mut(), pinned: PhantomData }
    }

    /// As a reader sees it.
    pub(crate) fn current(self) -> Current<'p> {
        if let Some(slot) = self.slot() {
            // SAFETY: the slot was found in the by-key index, so its document is there.
            return Current::Warm(unsafe { slot.doc() });
        }
        match self.cold_box() {
            // SAFETY: by I2 the box lives until it is taken out and the epoch has passed; the caller is pinned.
            Some(cold) => Current::Cold(unsafe { &*cold }),
            None => Current::Absent,
        }
    }

    /// Whether the cell was out of the index.
    pub(crate) fn is_gone(self) -> bool {
        self.word.addr() == GONE
    }

    /// The lock that the version has, or had until it ran out.
    pub(crate) fn lock(self) -> Option<Lock> {
        // SAFETY: by I2 the box lives until it is taken out and the epoch has passed; the caller is pinned.
        self.lock_box().map(|locked| unsafe { (*locked).lock })
    }

    /// The slot, if the version is in memory.
    fn slot(self) -> Option<&'p Slot> {
        let word = self.version_word();
        if word.addr() & COLD != 0 || self.is_gone() {
            return None;
        }
        // SAFETY: by I1 the segment is retired only after the cell stopped naming it; the caller was pinned before it
        // loaded the word, and `'p` is the pin's.
        unsafe { word.as_ref() }
    }

    fn cold_box(self) -> Option<*mut DocMeta> {
        let word = self.version_word();
        (word.addr() & COLD != 0).then(|| word.map_addr(|addr| addr & !COLD).cast::<DocMeta>())
    }

    fn lock_box(self) -> Option<*mut Locked> {
        (self.word.addr() & LOCKED != 0)
            .then(|| self.word.map_addr(|addr| addr & !LOCKED).cast::<Locked>())
    }

    /// The word without a lock.
    fn version_word(self) -> *mut Slot {
        match self.lock_box() {
            None => self.word,
            // SAFETY: by I2 the box lives until it is taken out and the epoch has passed; the caller is pinned.
            Some(locked) => unsafe { (*locked).under },
        }
    }

    /// Gives up what the cell owned, once an exchange has taken it out, or before it was shared.
    fn free_boxes(self, pin: &Pin<'_>) {
        if let Some(cold) = self.cold_box() {
            // SAFETY: by I2 the exchange made this thread its owner, nobody can find it any more, and whoever still
            // reads it is pinned.
            unsafe { pin.free_raw(cold) };
        }
        self.free_lock(pin);
    }

    /// The same of the lock alone.
    fn free_lock(self, pin: &Pin<'_>) {
        if let Some(locked) = self.lock_box() {
            // SAFETY: as in `free_boxes`.
            unsafe { pin.free_raw(locked) };
        }
    }
}

impl Current<'_> {
    /// The meta data, unless there is no version.
    pub(crate) fn meta(&self) -> Option<&DocMeta> {
        match self {
            Self::Absent => None,
            Self::Warm(doc) => Some(&doc.meta),
            Self::Cold(meta) => Some(meta),
        }
    }

    /// Whether it is a document that is alive and out of memory.
    pub(crate) fn is_cold_document(self) -> bool {
        matches!(self, Self::Cold(meta) if meta.kind.is_alive())
    }
}

fn gone_word() -> *mut Slot {
    ptr::without_provenance_mut(GONE)
}

fn cold_word(meta: DocMeta) -> *mut Slot {
    Box::into_raw(Box::new(meta)).cast::<Slot>().map_addr(|addr| addr | COLD)
}

fn locked_word(under: *mut Slot, lock: Lock) -> *mut Slot {
    Box::into_raw(Box::new(Locked { under, lock })).cast::<Slot>().map_addr(|addr| addr | LOCKED)
}
