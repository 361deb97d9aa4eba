//! A reader: one participant of a domain's epochs.
#![expect(unsafe_code, reason = "a participant may move between threads while it is outside")]

use super::{Pin, Place};
use crate::domain::Domain;
use crate::sync::Arc;
use core::cell::Cell;
use core::fmt;
use crossbeam_epoch::{Guard, LocalHandle};

/// A registered reader: may be sent to another thread, not shared; one [`Pin`] at a time.
pub struct Reader {
    /// First, so that it is dropped before the domain: the collector must outlive its participants.
    handle: LocalHandle,
    place: Arc<Place>,
    label: &'static str,
    plain: Cell<u64>,
    domain: Domain,
}

// SAFETY:
// - A participant's state is a set of plain cells, reached through its handle and its guards alone; nothing in it
//   belongs to the thread that registered it.
// - Each guard of this handle lives in a `Pin`, which borrows the reader mutably and is not `Send`; so when the
//   reader moves, no guard is left on the thread it came from. A leaked `Pin` leaves a count behind, no reference.
// - The place is atomics, the counter is only used by the reader's holder, the domain is `Send`.
unsafe impl Send for Reader {}

impl Reader {
    pub(crate) fn register(domain: Domain, label: &'static str) -> Self {
        let handle = domain.shared().collector.register();
        // A participant's first pin collects. It does so here, not in the first step of its owner.
        drop(handle.pin());
        let place = domain.shared().places.claim(label);
        Self { handle, place, label, plain: Cell::new(0), domain }
    }

    /// Enters: what is read from cells under this pin stays until the pin ends.
    ///
    /// Once for a step or a batch, not for each item: while it lasts nothing retired by anybody is destroyed.
    #[inline]
    pub fn pin(&mut self) -> Pin<'_> {
        Pin::enter(self)
    }

    /// The name in reports of stalls.
    #[must_use]
    pub fn label(&self) -> &'static str {
        self.label
    }

    /// The domain it belongs to.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    pub(super) fn rename(&mut self, label: &'static str) {
        if !core::ptr::eq(self.label, label) {
            self.domain.shared().places.rename(&self.place, label);
            self.label = label;
        }
    }

    #[inline]
    pub(super) fn guard(&self) -> Guard {
        self.place.enter(self.domain.shared().places.tick());
        self.handle.pin()
    }

    /// After the guard has been dropped.
    #[inline]
    pub(super) fn left(&self) {
        // A leaked pin keeps the participant inside, and reports must go on to say so.
        if self.is_outside() {
            self.place.leave();
        }
        self.domain.shared().quiescence.left();
    }

    /// Whether no pin of it was leaked.
    pub(super) fn is_outside(&self) -> bool {
        !self.handle.is_pinned()
    }

    /// Plain allocations handed over since the last count.
    pub(super) fn plain(&self) -> &Cell<u64> {
        &self.plain
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // The place of a leaked pin stays: nothing can be reclaimed any more, and reports say who.
        if self.is_outside() {
            self.place.release();
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, .. } = self;
        f.debug_struct("Reader").field("label", label).finish_non_exhaustive()
    }
}
