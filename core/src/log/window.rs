//! The window of a partition's history that is in memory: a ring of segments between a head that the trimmer moves
//! and a tail that writers move. Promise: whoever reads `from..=end` inside the committed prefix sees each seqno
//! published exactly once, or learns that it has fallen behind the window; it never sees a hole.
//!
//! # State
//!
//! ```text
//!        head (segment)                      committed        tail
//!          v                                     v              v
//!   ring: [ seg | seg | seg | seg | null | null ]        seqno allocator, bits 62 and 63 = shut
//!           ^ floor: the first seqno that may be read; runs ahead of `head` while a segment is being evicted
//! ```
//!
//! # Invariants
//! - I1. `floor` is at or above the first seqno of segment `head`, and everything below it is persisted.
//! - I2. A cell of the ring is null before a writer may install a segment in it: a reservation is bounded by `head`.
//! - I3. Every slot at or below `committed` is published.
//! - I4. Within `floor..=end` of a range that [`Log::open`] returned, a key's older version is marked as superseded
//!   if the newer one is also in the range.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `reserve` | any writer | everything | lock-free; refuses when the window is full |
//! | `open`, `read`, `high` | any reader | everything | wait-free, bounded by the range |
//! | `trim` | one trimmer | everything else | wait-free, bounded by the segments trimmed |
//! | `seal`, `unseal`, `close`, `hold`, `let_go` | any thread | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | W1 | `slot`, install a segment | AcqRel | W2 | a reader sees a segment before its slots are empty | `log::publish_visible` |
//! | W2 | `segment`, load a cell | Acquire | W1 | the same, from the other side | `log::publish_visible` |
//! | W3 | `advance`, raise `committed` | AcqRel | W4 | a reader trusts the mark without having seen the documents | `log::committed_hint` |
//! | W4 | `advance`, load `committed` | Acquire | W3 | the same, from the other side | `log::committed_hint` |
//! | W5 | `trim`, raise `floor` | Release | W6 | a reader could see a key's newer version published after its older one was evicted, unmarked, and send both | `log::trim_vs_read` |
//! | W6 | `open`, load `floor` after the slots; `read`, `floor` before each segment, which only saves looking for one that is gone: its range was fixed by `open` | Acquire | W5 (through the publication of a slot whose writer saw the eviction) | as W5 | `log::trim_vs_read` |
//! | W7 | `trim`, unlink a segment | AcqRel | W2, I2 | the trimmer frees a segment that it has not fully seen | `log::trim_vs_read` |
//! | W8 | `trim`, raise `head` | Release | W9 | a writer finds the old segment in the cell it was promised | `log::ring_reuse` |
//! | W9 | `bound`, load `head` | Acquire | W8 | the same, from the other side | `log::ring_reuse` |
//! | W10 | byte count | Relaxed | none | nothing: a statistic | none |
//!
//! # Reclamation
//! `trim` retires a segment through the caller's pin after it was unlinked (W7). Pinned readers and writers may still
//! hold slots of it.
//!
//! # Not promised
//! Progress of readers past a writer that is stopped between reservation and publication (a few hundred
//! instructions, no input or output).
#![expect(unsafe_code, reason = "segments are shared through raw pointers and freed by the epoch")]

use super::doc::Doc;
use super::reservation::Reservation;
use super::segment::{Published, SEGMENT_SHIFT, SEGMENT_SLOTS, Segment, Slot};
use super::tail::{Tail, TailError};
use crate::types::Seqno;
use core::ops::ControlFlow;
use core::ptr;
use millstream_reclaim::Pin;
use millstream_reclaim::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The size of a log.
#[derive(Clone, Copy, Debug)]
pub struct LogSettings {
    /// The seqno before the log's first.
    pub last: Seqno,
    /// How many versions it may hold at most; rounded up to whole segments and a power of two.
    pub window_items: u64,
}

/// A partition's in-memory tail.
pub struct Log {
    tail: Tail,
    floor: AtomicU64,
    committed: AtomicU64,
    head: AtomicU64,
    bytes: AtomicU64,
    ring: Box<[AtomicPtr<Segment>]>,
}

/// What a reader may read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Opened {
    /// Nothing yet.
    Empty,
    /// The wanted seqno has left the window; the log starts here.
    Behind(Seqno),
    /// Everything up to and including this seqno: a snapshot.
    Upto(Seqno),
}

impl Log {
    /// An empty log.
    #[must_use]
    pub fn new(settings: LogSettings) -> Self {
        let segments = settings.window_items.div_ceil(SEGMENT_SLOTS as u64).max(2);
        let first = settings.last.0 + 1;
        Self {
            tail: Tail::new(settings.last),
            floor: AtomicU64::new(first),
            committed: AtomicU64::new(settings.last.0),
            head: AtomicU64::new(Segment::index_of(first)),
            bytes: AtomicU64::new(0),
            ring: (0..segments.next_power_of_two())
                .map(|_| AtomicPtr::new(ptr::null_mut()))
                .collect(),
        }
    }

    /// How far above the last persisted seqno a log made for `window_items` may give out seqnos: the ring, and the
    /// part of a segment that cannot be trimmed yet.
    #[must_use]
    pub const fn reach(window_items: u64) -> u64 {
        let segments = window_items.div_ceil(SEGMENT_SLOTS as u64);
        let segments = if segments < 2 { 2 } else { segments };
        (segments.next_power_of_two() + 1) << SEGMENT_SHIFT
    }

    /// Reserves the next seqno and its slot. Dropped, the reservation publishes the slot as void.
    ///
    /// # Errors
    /// [`TailError::Full`] until older versions are persisted and trimmed, [`TailError::Sealed`].
    pub fn reserve<'p>(&'p self, pin: &'p Pin<'_>) -> Result<Reservation<'p>, TailError> {
        let reserved = self.tail.reserve(1, || self.bound())?;
        let (segment, grown) = self.segment_of(reserved.first, pin);
        Ok(Reservation::new(self, segment, reserved.first, grown))
    }

    /// Shuts the log for writes until it is unsealed, and returns the last seqno.
    pub fn seal(&self) -> Seqno {
        self.tail.seal()
    }

    /// Shuts the log for writes for ever, and returns the last seqno.
    pub fn close(&self) -> Seqno {
        self.tail.close()
    }

    /// Shuts the log for writes until it is let go, and returns the last seqno.
    pub fn hold(&self) -> Seqno {
        self.tail.hold()
    }

    /// Ends a [`hold`](Self::hold).
    pub fn let_go(&self) {
        self.tail.let_go();
    }

    /// Takes the seal off; a log that is closed stays shut.
    pub fn unseal(&self) {
        self.tail.unseal();
    }

    /// Whether it is shut for writes.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.tail.is_sealed()
    }

    /// The last seqno that was reserved; it may not be published yet.
    #[must_use]
    pub fn reserved(&self) -> Seqno {
        self.tail.last()
    }

    /// The end of the committed prefix.
    #[must_use]
    pub fn high(&self, pin: &Pin<'_>) -> Seqno {
        self.advance(u64::MAX, pin)
    }

    /// The first seqno that may be read.
    #[must_use]
    pub fn floor(&self) -> Seqno {
        // W6 Acquire: pairs with W5.
        Seqno(self.floor.load(Ordering::Acquire))
    }

    /// Bytes of the versions in memory, slots included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        // W10 Relaxed: a statistic.
        self.bytes.load(Ordering::Relaxed)
    }

    /// A version of that many bytes is about to be published.
    pub(super) fn count(&self, bytes: u64) {
        // W10 Relaxed: a statistic.
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Fixes the end of a snapshot that starts at `from`, at most `items` long and not beyond `end`.
    pub fn open(&self, from: Seqno, items: u64, end: Seqno, pin: &Pin<'_>) -> Opened {
        let stop = end.0.min(from.0.saturating_add(items - 1));
        let committed = self.advance(stop, pin);
        // After the slots: a writer that met an evicted version published its slot after the floor was raised.
        let floor = self.floor();
        if from < floor {
            return Opened::Behind(floor);
        }
        if committed < from {
            return Opened::Empty;
        }
        Opened::Upto(Seqno(committed.0.min(stop)))
    }

    /// Calls `each` with the documents of `from..=end`, a range that [`open`](Self::open) returned (or the rest of
    /// one), but for those which a later one of the range replaces. A document at which `each` breaks off was not
    /// consumed: the next call starts with it.
    pub fn read<'p>(
        &'p self,
        from: Seqno,
        end: Seqno,
        pin: &'p Pin<'_>,
        each: impl FnMut(&'p Doc) -> ControlFlow<()>,
    ) -> ReadTo {
        self.read_part((from, end), end, pin, each)
    }

    /// [`read`](Self::read) of the range's part up to `stop`.
    #[inline]
    pub(crate) fn read_part<'p>(
        &'p self,
        (from, stop): (Seqno, Seqno),
        end: Seqno,
        pin: &'p Pin<'_>,
        mut each: impl FnMut(&'p Doc) -> ControlFlow<()>,
    ) -> ReadTo {
        let mut next = from.0;
        while next <= stop.0 {
            if next < self.floor().0 {
                return ReadTo::Behind(Seqno(next));
            }
            let Some(segment) = self.segment(Segment::index_of(next), pin) else {
                return ReadTo::Behind(Seqno(next));
            };
            let slots = segment.slots_between(next, stop.0);
            for (at, slot) in slots.iter().enumerate() {
                if let Some(soon) = slots.get(at + PREFETCH) {
                    soon.prefetch();
                }
                let left = end.0 - (next + at as u64);
                if slot.published() == Published::Doc && !slot.superseded_within(left) {
                    // SAFETY: just seen published as a document.
                    let doc = unsafe { slot.doc() };
                    if each(doc).is_break() {
                        return ReadTo::Next(Seqno(next + at as u64));
                    }
                }
            }
            next += slots.len() as u64;
        }
        ReadTo::Next(Seqno(next))
    }

    /// The last seqno of `from..=upto`, a range that [`open`](Self::open) returned, that has a document which `fits`:
    /// the end of a snapshot that a reader can see to be complete.
    ///
    /// # Errors
    /// The floor of the window, when it has moved on.
    pub fn last_document(
        &self,
        from: Seqno,
        upto: Seqno,
        pin: &Pin<'_>,
        fits: impl Fn(&Doc) -> bool,
    ) -> core::result::Result<Option<Seqno>, Seqno> {
        let mut seqno = upto.0;
        while seqno >= from.0 {
            let Some(segment) = self.segment(Segment::index_of(seqno), pin) else {
                return Err(self.floor());
            };
            let slot = segment.slot(seqno);
            if slot.published() == Published::Doc {
                // SAFETY: just seen published as a document.
                let doc = unsafe { slot.doc() };
                if fits(doc) {
                    return Ok(Some(Seqno(seqno)));
                }
            }
            seqno -= 1;
        }
        Ok(None)
    }

    /// Unlinks and retires the segments that end at or below `upto`, oldest first, until `enough` says so. `evict`
    /// is called for each document before its segment goes, with the slot as the by-key index names it. Returns
    /// the bytes given up.
    ///
    /// Only one thread trims a log at a time, and only what is persisted.
    pub(crate) fn trim(
        &self,
        upto: Seqno,
        pin: &Pin<'_>,
        mut enough: impl FnMut(u64) -> bool,
        mut evict: impl FnMut(&Doc, &Slot),
    ) -> u64 {
        let mut freed = 0;
        loop {
            // W9 Acquire: only the trimmer writes it.
            let head = self.head.load(Ordering::Acquire);
            let last = ((head + 1) << SEGMENT_SHIFT) - 1;
            if last > upto.0 || enough(freed) {
                return freed;
            }
            // W5 Release: before any eviction; pairs with W6.
            self.floor.store(last + 1, Ordering::Release);
            if let Some(segment) = self.segment(head, pin) {
                for (_, slot) in segment.slots_from(0) {
                    if slot.published() == Published::Doc {
                        // SAFETY: just seen published as a document.
                        evict(unsafe { slot.doc() }, slot);
                    }
                }
                let bytes = segment.bytes();
                freed += bytes;
                // W10 Relaxed: a statistic.
                self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
            // W7 AcqRel: the segment is complete for whoever frees it, and gone for whoever looks next.
            let unlinked = self.cell(head).swap(ptr::null_mut(), Ordering::AcqRel);
            if !unlinked.is_null() {
                // SAFETY: `unlinked` came from `Box::into_raw` in `segment_of`, this swap was the only one to take it,
                // and whoever still reads it (or marks a slot of it as superseded) is pinned.
                unsafe { pin.retire_raw(unlinked) };
            }
            // W8 Release: the cell is null for the writer that gets it next; pairs with W9.
            self.head.store(head + 1, Ordering::Release);
        }
    }

    /// Gives the rest of the segment that the tail is in to nobody (as void seqnos), so that it can be trimmed once
    /// it is persisted. Returns how many seqnos that took; fewer than a segment has, whatever writers do meanwhile.
    pub(crate) fn finish_segment(&self, pin: &Pin<'_>) -> u64 {
        let segment = Segment::index_of(self.tail.last().0);
        let mut given_up = 0;
        while Segment::index_of(self.tail.last().0 + 1) == segment {
            let Ok(reservation) = self.reserve(pin) else { break };
            reservation.void();
            given_up += 1;
        }
        given_up
    }

    /// Whether less than a quarter of the window is left for writers.
    pub(crate) fn is_crowded(&self) -> bool {
        let slots = (self.ring.len() as u64) << SEGMENT_SHIFT;
        self.bound().saturating_sub(self.tail.last().0) < slots / 4
    }

    /// The highest seqno that may be reserved now.
    fn bound(&self) -> u64 {
        // W9 Acquire: the cells below are null; pairs with W8.
        let head = self.head.load(Ordering::Acquire);
        ((head + self.ring.len() as u64) << SEGMENT_SHIFT) - 1
    }

    /// Raises the committed mark as far as slots are published, not beyond `stop` if it can be helped.
    fn advance(&self, stop: u64, pin: &Pin<'_>) -> Seqno {
        // W4 Acquire: everything below is published for us too; pairs with W3.
        let known = self.committed.load(Ordering::Acquire);
        let mut committed = known;
        'segments: while committed < stop {
            let Some(segment) = self.segment(Segment::index_of(committed + 1), pin) else {
                // Not made yet, or trimmed since we loaded the mark: by I1 what is below the floor was committed.
                let below = self.floor().0 - 1;
                if below <= committed {
                    break;
                }
                committed = below;
                continue;
            };
            for (seqno, slot) in segment.slots_from(committed + 1) {
                if seqno > stop || slot.published() == Published::No {
                    break 'segments;
                }
                committed = seqno;
            }
        }
        if committed > known {
            // W3 AcqRel: passes on what we acquired; pairs with W4.
            self.committed.fetch_max(committed, Ordering::AcqRel);
        }
        Seqno(committed)
    }

    fn cell(&self, index: u64) -> &AtomicPtr<Segment> {
        &self.ring[(index & (self.ring.len() as u64 - 1)) as usize]
    }

    /// The segment of that number, if it is in the window.
    fn segment<'p>(&self, index: u64, _pin: &'p Pin<'_>) -> Option<&'p Segment> {
        // W2 Acquire: its slots are initialised; pairs with W1.
        let segment = self.cell(index).load(Ordering::Acquire);
        // SAFETY: a non-null cell holds a box that is retired through the epoch after it was unlinked, and the
        // caller is pinned.
        let segment = unsafe { segment.as_ref() }?;
        (segment.index() == index).then_some(segment)
    }

    /// The segment of a seqno that the caller has reserved, and how many bytes that took anew.
    fn segment_of<'p>(&self, seqno: Seqno, pin: &'p Pin<'_>) -> (&'p Segment, u64) {
        let index = Segment::index_of(seqno.0);
        if let Some(segment) = self.segment(index, pin) {
            return (segment, 0);
        }
        // Much as the one before, if that is still there.
        let before = self.segment(index.wrapping_sub(1), pin);
        let bodies = before.map_or(0, |segment| segment.bodies().room());
        let fresh = Box::into_raw(Segment::new(index, bodies));
        // W1 AcqRel: the slots are initialised before the segment is found; pairs with W2.
        let installed = self.cell(index).compare_exchange(
            ptr::null_mut(),
            fresh,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        let (segment, grown) = match installed {
            Ok(_) => {
                let bytes = size_of::<Segment>() as u64;
                self.count(bytes);
                (fresh, bytes)
            }
            Err(other) => {
                // SAFETY: `fresh` was never shared.
                drop(unsafe { Box::from_raw(fresh) });
                (other, 0)
            }
        };
        // SAFETY: by I2 the cell holds the segment of this number, and it is not trimmed before this
        // reservation is published and persisted; beyond that the caller is pinned.
        let segment: &'p Segment = unsafe { &*segment };
        assert_eq!(segment.index(), index, "I2: the ring's cell belongs to the reservation");
        (segment, grown)
    }
}

#[cfg(test)]
impl Log {
    /// The slot of a published seqno, which only the by-key index names otherwise.
    pub(super) fn slot_for_test<'p>(&self, seqno: Seqno, pin: &'p Pin<'_>) -> &'p Slot {
        let segment = self.segment(Segment::index_of(seqno.0), pin).expect("in the window");
        segment.slot(seqno.0)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        for cell in &self.ring {
            // W7 AcqRel: nobody else is left; the load is only to own the boxes.
            let segment = cell.swap(ptr::null_mut(), Ordering::AcqRel);
            if !segment.is_null() {
                // SAFETY: `&mut self`: nobody reads; the box came from `Box::into_raw` in `segment_of`.
                drop(unsafe { Box::from_raw(segment) });
            }
        }
    }
}

impl core::fmt::Debug for Log {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Log")
            .field("reserved", &self.tail.last())
            .field("floor", &self.floor())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// How many slots ahead of the one that is read the bodies of documents are asked for.
const PREFETCH: usize = 3;

/// How far [`Log::read`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ReadTo {
    /// The first seqno not looked at.
    Next(Seqno),
    /// This seqno has left the window.
    Behind(Seqno),
}
