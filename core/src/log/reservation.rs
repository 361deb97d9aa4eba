//! A seqno that was given out, on its way to being published.
#![expect(unsafe_code, reason = "the holder of a reservation fills its slot")]

use super::doc::Doc;
use super::segment::{Segment, Slot};
use super::window::Log;
use crate::types::{DocMeta, Seqno};

/// A seqno and its slot, owned by one writer until it is published.
#[derive(Debug)]
#[must_use = "dropped, it publishes the seqno as void"]
pub struct Reservation<'p> {
    log: &'p Log,
    segment: &'p Segment,
    seqno: Seqno,
    /// Bytes that were allocated for it.
    grown: u64,
}

impl<'p> Reservation<'p> {
    pub(super) fn new(log: &'p Log, segment: &'p Segment, seqno: Seqno, grown: u64) -> Self {
        Self { log, segment, seqno, grown }
    }

    fn slot(&self) -> &'p Slot {
        self.segment.slot(self.seqno.0)
    }

    /// The seqno.
    #[must_use]
    pub fn seqno(&self) -> Seqno {
        self.seqno
    }

    /// Stores a document (meta data, key, value) in the slot, offers the slot to `expose`, and publishes it if
    /// `expose` took it; otherwise gives the reservation back.
    ///
    /// `expose` makes the slot reachable through the by-key index (with a releasing exchange) and marks the version
    /// that it replaced, or does neither and returns false. Returns how many bytes were allocated for all that.
    ///
    /// # Errors
    /// The reservation, when `expose` returned false.
    pub(crate) fn publish_if(
        mut self,
        (meta, key, value): (DocMeta, &[u8], &[u8]),
        expose: impl FnOnce(&Slot) -> bool,
    ) -> core::result::Result<u64, Self> {
        debug_assert_eq!(meta.seqno, self.seqno, "a document in a slot of another seqno");
        let slot = self.slot();
        // SAFETY: the document goes into a slot of the arena's segment, and is dropped with it, before the arena.
        let (doc, grown) = unsafe { Doc::in_arena(meta, key, value, self.segment.bodies()) };
        if grown > 0 {
            self.log.count(grown as u64);
            self.grown += grown as u64;
        }
        // SAFETY: this reservation is the only holder of the slot, which is not exposed.
        unsafe { slot.fill(Some(doc)) };
        if !expose(slot) {
            return Err(self);
        }
        slot.publish();
        let grown = self.grown;
        core::mem::forget(self);
        Ok(grown)
    }

    /// Publishes a document that no index names.
    pub fn publish(self, doc: Doc) {
        let published = self.publish_if((doc.meta, doc.key(), doc.value()), |_| true);
        debug_assert!(published.is_ok(), "the offer was taken");
    }

    /// Publishes the seqno as void.
    pub fn void(self) {
        drop(self);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        // SAFETY: as in `publish_if`: not exposed, or `publish_if` would have forgotten the reservation.
        unsafe { self.slot().fill(None) };
        self.slot().publish_void();
    }
}
