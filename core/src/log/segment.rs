//! A slot holds one version of a document from its reservation to the end of its segment; a segment is a run of
//! slots that are allocated, unlinked and freed together.
//!
//! # State
//!
//! | `state` | meaning | who may touch `doc` |
//! |---|---|---|
//! | `RESERVED` (0) | given to a writer | that writer; readers that found the slot through the by-key index read |
//! | `DOC` (1) | published | everybody reads |
//! | `VOID` (2) | published without a document | nobody |
//!
//! `superseded_after` is 0, or how many seqnos later the version is that replaced this one. So a slot fills one cache
//! line, which is all that a reader takes from it and all that a writer waits for who replaces its version.
//!
//! # Invariants
//! - I1. `doc` is written only by the holder of the reservation and only before it is exposed: through the by-key
//!   index (by a releasing exchange) or by `DOC` (loom's cell check in every `log` model).
//! - I2. `superseded_after` is written once, by the writer that took this version out of the index, before that writer
//!   publishes its own slot (model `log::superseded_before_publish`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `fill`, `publish`, `publish_void` | holder of the reservation | readers | wait-free |
//! | `supersede` | the writer that replaced it | readers | wait-free |
//! | `published`, `doc`, `superseded_within` | any reader | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | S1 | `publish`, `publish_void` | Release | S2 | a reader sees a published slot before its document | `log::publish_visible` |
//! | S2 | `published` | Acquire | S1 | the same, from the other side | `log::publish_visible` |
//! | S3 | `supersede` | Relaxed | S1 of the superseding slot | nothing: whoever must see it has acquired that slot | `log::superseded_before_publish` |
//! | S4 | `superseded_within` | Relaxed | S3 | nothing: a value above the snapshot's end is ignored | `log::superseded_before_publish` |
//!
//! # Reclamation
//! A segment is retired by [`Log::trim`](super::Log::trim) after it was unlinked from the ring; pinned readers and
//! writers may still hold references into it.
//!
//! # Not promised
//! That every slot of a segment is ever published while its log lives: a reservation publishes on drop, but a
//! thread that is stopped for ever between the two stops the committed prefix.
#![expect(unsafe_code, reason = "a document is written once and then shared without a lock")]

use super::arena::Arena;
use super::doc::Doc;
use crate::types::Seqno;
use millstream_reclaim::sync::UnsafeCell;
use millstream_reclaim::sync::atomic::{AtomicU8, AtomicU32, Ordering};

const RESERVED: u8 = 0;
const DOC: u8 = 1;
const VOID: u8 = 2;

/// Slots of one segment, as a power of two; small in models, so that they reach a segment's end.
pub(super) const SEGMENT_SHIFT: u32 =
    if cfg!(any(millstream_loom, millstream_shuttle)) { 1 } else { 6 };
/// Slots of one segment.
pub(super) const SEGMENT_SLOTS: usize = 1 << SEGMENT_SHIFT;

/// One version of a document.
#[repr(align(64))]
pub(crate) struct Slot {
    state: AtomicU8,
    superseded_after: AtomicU32,
    doc: UnsafeCell<Option<Doc>>,
}

#[cfg(not(any(millstream_loom, millstream_shuttle)))]
const _: () = assert!(size_of::<Slot>() == 64 || size_of::<usize>() != 8, "a slot is a cache line");

// SAFETY: the document is written by one thread before it is exposed (I1) and only read afterwards, and `Doc`
// itself is `Send + Sync`; the other fields are atomics.
unsafe impl Sync for Slot {}
// SAFETY: a slot owns its document, which is `Send`.
unsafe impl Send for Slot {}

/// What a published slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    No,
    Doc,
    Void,
}

impl Slot {
    fn new() -> Self {
        Self {
            state: AtomicU8::new(RESERVED),
            superseded_after: AtomicU32::new(0),
            doc: UnsafeCell::new(None),
        }
    }

    /// Whether and as what it was published.
    #[inline]
    pub(super) fn published(&self) -> Published {
        // S2 Acquire: the document is complete; pairs with S1.
        match self.state.load(Ordering::Acquire) {
            RESERVED => Published::No,
            DOC => Published::Doc,
            _ => Published::Void,
        }
    }

    /// Stores the document.
    ///
    /// # Safety
    /// The caller holds the slot's reservation and has not exposed the slot.
    pub(super) unsafe fn fill(&self, doc: Option<Doc>) {
        self.doc.with_mut(|cell| {
            // SAFETY: by I1 nobody else touches the cell before the slot is exposed.
            unsafe { *cell = doc };
        });
    }

    /// Publishes the document that was stored.
    pub(super) fn publish(&self) {
        // S1 Release: after the document and every `supersede`; pairs with S2.
        self.state.store(DOC, Ordering::Release);
    }

    /// Publishes that this seqno has no document.
    pub(super) fn publish_void(&self) {
        // S1 Release: as for a document; pairs with S2.
        self.state.store(VOID, Ordering::Release);
    }

    /// The document.
    ///
    /// # Safety
    /// The caller saw the slot published as a document, or found it in the by-key index.
    #[inline]
    pub(crate) unsafe fn doc(&self) -> &Doc {
        let cell = self.doc.with(|cell| cell);
        // SAFETY: by I1 the cell is not written any more once the slot is exposed, and the caller saw it exposed.
        let doc = unsafe { &*cell };
        doc.as_ref().expect("I1: an exposed slot was filled")
    }

    /// Asks the processor for the body of the document, if there is one, which will be looked at soon.
    #[inline]
    pub(super) fn prefetch(&self) {
        if self.published() == Published::Doc {
            // SAFETY: just seen published as a document.
            unsafe { self.doc() }.prefetch();
        }
    }

    /// Records which version replaced this one, whose seqno is `own`.
    pub(crate) fn supersede(&self, own: Seqno, by: Seqno) {
        // So far apart that no snapshot holds both, if it is more than that.
        let after = u32::try_from(by.0 - own.0).unwrap_or(u32::MAX);
        // S3 Relaxed: made visible by the publication of `by` (S1), which follows.
        self.superseded_after.store(after, Ordering::Relaxed);
    }

    /// Whether one of the `count` versions that follow replaced this one.
    #[inline]
    pub(super) fn superseded_within(&self, count: u64) -> bool {
        // S4 Relaxed: the reader has acquired all of them (S2).
        let after = self.superseded_after.load(Ordering::Relaxed);
        after != 0 && u64::from(after) <= count
    }
}

/// In models a slot's end is a write to its document: a reader that is still there is a race, which loom reports.
#[cfg(millstream_loom)]
impl Drop for Slot {
    fn drop(&mut self) {
        self.doc.with_mut(|_| ());
    }
}

/// A run of slots, the first of which has a seqno that is a multiple of their number.
pub(super) struct Segment {
    first: u64,
    slots: [Slot; SEGMENT_SLOTS],
    /// After the slots, whose documents have their bodies there.
    bodies: Arena,
}

impl Segment {
    /// An empty one, whose documents may come to have bodies of about so many bytes.
    pub(super) fn new(index: u64, bodies: usize) -> Box<Self> {
        Box::new(Self {
            first: index << SEGMENT_SHIFT,
            slots: core::array::from_fn(|_| Slot::new()),
            bodies: Arena::new(bodies),
        })
    }

    /// The number of the segment that holds a seqno.
    pub(super) const fn index_of(seqno: u64) -> u64 {
        seqno >> SEGMENT_SHIFT
    }

    pub(super) const fn index(&self) -> u64 {
        self.first >> SEGMENT_SHIFT
    }

    pub(super) const fn last(&self) -> u64 {
        self.first + SEGMENT_SLOTS as u64 - 1
    }

    /// The slot of a seqno of this segment.
    pub(super) fn slot(&self, seqno: u64) -> &Slot {
        debug_assert!(seqno >= self.first && seqno <= self.last(), "seqno of another segment");
        &self.slots[(seqno & (SEGMENT_SLOTS as u64 - 1)) as usize]
    }

    /// The slots of `from..=to`, as far as this segment has them; `from` is one of its seqnos.
    #[inline]
    pub(super) fn slots_between(&self, from: u64, to: u64) -> &[Slot] {
        let skip = (from - self.first) as usize;
        let count = (to - from) as usize + 1;
        let slots = &self.slots[skip..];
        &slots[..count.min(slots.len())]
    }

    /// Seqnos and slots from `from` on.
    pub(super) fn slots_from(&self, from: u64) -> impl Iterator<Item = (u64, &Slot)> {
        let skip = from.saturating_sub(self.first) as usize;
        (self.first + skip as u64..).zip(&self.slots[skip..])
    }

    /// Where the bodies of its documents go.
    pub(super) fn bodies(&self) -> &Arena {
        &self.bodies
    }

    /// What the segment counts against the memory budget, bodies included.
    pub(super) fn bytes(&self) -> u64 {
        (size_of::<Self>() + self.bodies.bytes()) as u64
    }
}

impl core::fmt::Debug for Segment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Segment").field("first", &self.first).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Slot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Slot").field("published", &self.published()).finish_non_exhaustive()
    }
}
