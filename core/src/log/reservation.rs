//! A seqno that was given out, on its way to being published.
#![expect(unsafe_code, reason = "the holder of a reservation fills its slot")]

use super::doc::Doc;
use super::segment::Slot;
use super::window::Log;
use crate::types::Seqno;

/// A seqno and its slot, owned by one writer until it is published.
#[derive(Debug)]
#[must_use = "dropped, it publishes the seqno as void"]
pub struct Reservation<'p> {
    log: &'p Log,
    slot: &'p Slot,
    seqno: Seqno,
}

impl<'p> Reservation<'p> {
    pub(super) fn new(log: &'p Log, slot: &'p Slot, seqno: Seqno) -> Self {
        Self { log, slot, seqno }
    }

    /// The seqno.
    #[must_use]
    pub fn seqno(&self) -> Seqno {
        self.seqno
    }

    /// Stores a document in the slot, offers the slot to `expose`, and publishes it if `expose` took it; otherwise
    /// gives the reservation back.
    ///
    /// `expose` makes the slot reachable through the by-key index (with a releasing exchange) and marks the version
    /// that it replaced, or does neither and returns false.
    ///
    /// # Errors
    /// The reservation, when `expose` returned false.
    pub(crate) fn publish_if(
        self,
        doc: Doc,
        expose: impl FnOnce(&Slot) -> bool,
    ) -> core::result::Result<(), Self> {
        debug_assert_eq!(doc.meta.seqno, self.seqno, "a document in a slot of another seqno");
        let bytes = doc.body_bytes() as u64;
        // SAFETY: this reservation is the only holder of the slot, which is not exposed.
        unsafe { self.slot.fill(Some(doc)) };
        if !expose(self.slot) {
            return Err(self);
        }
        self.log.count(bytes);
        self.slot.publish();
        core::mem::forget(self);
        Ok(())
    }

    /// Publishes a document that no index names.
    pub fn publish(self, doc: Doc) {
        let published = self.publish_if(doc, |_| true);
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
        unsafe { self.slot.fill(None) };
        self.slot.publish_void();
    }
}
