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
//!
//! # Invariants
//! - I1. A slot pointer is replaced (by a writer, or by `chill` on the trimmer's thread) before its segment is
//!   retired (model `log::trim_vs_read`).
//! - I2. A box is owned by the cell until the exchange that takes it out, whose thread frees it through the epoch.
//! - I4. Gone is for ever, so no version is ever in a cell that nobody finds (model `index::expel_vs_write`).
//! - I3. Seqnos of successive versions rise: a writer whose seqno is below the current version's gives it up.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `load` | any pinned thread | everything | wait-free |
//! | `replace` | any pinned writer | everything | wait-free; may fail |
//! | `clear` | who drops a collection | everything | wait-free |
//! | `expel` | who purged the tombstone, or wrote nothing | everything | wait-free; gives way to a writer |
//! | `chill` | the trimmer | everything | wait-free; gives way to a writer |
//! | `warm_up` | the loader | nothing | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | K1 | `replace`, `chill`, `clear`, `expel`, `warm_up`: exchange | AcqRel | K2 | a reader follows the pointer before the document is there | `index::exposed_is_whole` |
//! | K2 | `load` | Acquire | K1 | the same, from the other side | `index::exposed_is_whole` |
//!
//! # Reclamation
//! Boxes are plain memory, freed through the caller's pin after the exchange that took them out; slots belong to
//! the log.
//!
//! # Not promised
//! That the version is published in the log yet: readers by key may be ahead of readers by seqno.
#![expect(unsafe_code, reason = "one word names a slot, a box or nothing")]

use crate::log::{Doc, Slot};
use crate::types::DocMeta;
use core::marker::PhantomData;
use core::ptr;
use millstream_reclaim::Pin;
use millstream_reclaim::sync::atomic::{AtomicPtr, Ordering};

/// The low bit of a pointer to boxed meta data.
const COLD: usize = 1;
const _: () = assert!(align_of::<Slot>() > GONE && align_of::<DocMeta>() > COLD);
/// The word of a cell that is out of the index. No slot is at this address.
const GONE: usize = 2;

/// The newest version of one key.
#[derive(Debug)]
pub(crate) struct Cell(AtomicPtr<Slot>);

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
        } else if let Some(cold) = held.cold_box() {
            // SAFETY: by I2 the exchange made this thread its owner, nobody can find it any more, and whoever still
            // reads it is pinned.
            unsafe { pin.free_raw(cold) };
        }
        true
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
        if let Some(cold) = held.cold_box() {
            // SAFETY: by I2 the exchange made this thread its owner, nobody can find it any more, and whoever still
            // reads it is pinned.
            unsafe { pin.free_raw(cold) };
        }
        true
    }

    /// Forgets whatever it names, and takes it out of use; the caller then takes its key out of the index. A writer or
    /// trimmer that is at it at the same time may be first or last.
    pub(crate) fn clear(&self, pin: &Pin<'_>) {
        // K1 AcqRel: nothing is published with it; what it took out is freed once no reader can have it.
        let held = self.0.swap(gone_word(), Ordering::AcqRel);
        if let Some(cold) = (Held { word: held, pinned: PhantomData }).cold_box() {
            // SAFETY: by I2 the exchange made this thread its owner, nobody can find it any more, and whoever still
            // reads it is pinned.
            unsafe { pin.free_raw(cold) };
        }
    }

    /// If it still names `slot`, keeps only the meta data. Whether it did.
    pub(crate) fn chill(&self, slot: &Slot, meta: &DocMeta) -> bool {
        let old = ptr::from_ref(slot).cast_mut();
        // K2 Acquire: a cheap look before the box is made.
        if self.0.load(Ordering::Acquire) != old {
            return false;
        }
        let cold = cold_word(*meta);
        // K1 AcqRel: the meta data before the pointer; pairs with K2.
        let chilled = self.0.compare_exchange(old, cold, Ordering::AcqRel, Ordering::Relaxed);
        if chilled.is_err() {
            let unshared = Held { word: cold, pinned: PhantomData };
            // SAFETY: the box was made above and never shared.
            drop(unshared.cold_box().map(|cold| unsafe { Box::from_raw(cold) }));
        }
        chilled.is_ok()
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // K2 Acquire: `&mut self`; nobody else is left.
        let held = Held { word: self.0.load(Ordering::Acquire), pinned: PhantomData };
        // SAFETY: by I2 the cell owns the box.
        drop(held.cold_box().map(|cold| unsafe { Box::from_raw(cold) }));
    }
}

impl<'p> Held<'p> {
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

    /// The slot, if the version is in memory.
    fn slot(self) -> Option<&'p Slot> {
        if self.word.addr() & COLD != 0 || self.is_gone() {
            return None;
        }
        // SAFETY: by I1 the segment is retired only after the cell stopped naming it; the caller was pinned before it
        // loaded the word, and `'p` is the pin's.
        unsafe { self.word.as_ref() }
    }

    fn cold_box(self) -> Option<*mut DocMeta> {
        (self.word.addr() & COLD != 0)
            .then(|| self.word.map_addr(|addr| addr & !COLD).cast::<DocMeta>())
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
}

fn gone_word() -> *mut Slot {
    ptr::without_provenance_mut(GONE)
}

fn cold_word(meta: DocMeta) -> *mut Slot {
    Box::into_raw(Box::new(meta)).cast::<Slot>().map_addr(|addr| addr | COLD)
}
