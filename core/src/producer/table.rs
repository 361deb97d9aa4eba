//! A connection's streams by slot. Promise: what a closer has passed can never hold a stream again, and several
//! closers share the work instead of waiting for each other.
//!
//! # State
//!
//! ```text
//!   home   a slot for each vbucket, by its number, in shelves of 64
//!   more   further slots, in shelves of 64, 128, 256 and so on, for vbuckets with several streams
//!
//!   home slot of a vbucket -> a further slot of it -> another -> 0          (the chain of its slots)
//!
//!   next_claim: the first 64 slots that no closer has claimed
//! ```
//! A slot is a stream word and what stats show of the stream. A further slot belongs to the vbucket that it was made
//! for as long as the table lives, so that whoever walks a chain meets slots of that vbucket and no others, whatever
//! is opened and closed meanwhile.
//!
//! # Invariants
//! - I1. A shelf is made or closed, once ([`Shelf`]; model `table::insert_vs_close`), and of the further ones none is
//!   made before the one in front of it (by the shape of `slot_for_open`).
//! - I2. When every claim was taken and its closer is done, every slot is closed and no stream lives
//!   (model `table::two_closers`).
//! - I3. A chain only grows, at its front, and holds every slot of its vbucket from before a stream is first opened
//!   there (model `table::chain_vs_walk`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `slot_for_open`, `further_slot` | the owner | everything | wait-free |
//! | `slot`, `for_each`, `for_vbucket` | any thread | everything | wait-free, bounded by the slots |
//! | `close` | any thread | everything | wait-free, bounded by the claims left; a later closer leaves at once |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | B1 | a slot is put into its vbucket's chain | Release | B2 | a walker finds the slot before its link, and misses what is behind it | `table::chain_vs_walk` |
//! | B2 | a chain is followed | Acquire | B1 | the same, from the other side | `table::chain_vs_walk` |
//! | B3 | the owner reads its own links, and writes one that nobody can find yet | Relaxed | none | nothing: no other thread writes them | `table::chain_vs_walk` |
//! | B4 | claim of the next slots, 512 at a time | Relaxed | none | nothing: it only shares out the work; the shelves and words decide | `table::two_closers` |
//! | B5 | what stats show | Relaxed | none | nothing: statistics | none |
//!
//! # Reclamation
//! Shelves live until the table is dropped, which needs the connection's last reference.
//!
//! # Not promised
//! That every stream is dead when `close` returns: another closer may still be at its last claim.

use crate::limits::STREAM_SHELVES;
use crate::ready::ReadySet;
use crate::stream::{Killed, Sent, StreamWord};
use crate::types::{Seqno, Sid, VbId};
use millstream_reclaim::Shelf;
use millstream_reclaim::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Slots of one claim, and of the first shelves.
const CLAIM_SLOTS: usize = if cfg!(any(millstream_loom, millstream_shuttle)) { 2 } else { 64 };

/// Claims that a closer takes at a time: as many as have their marks of readiness on one cache line, which closers
/// would else take from each other for every claim.
const CLAIMS_AT_ONCE: usize = if cfg!(any(millstream_loom, millstream_shuttle)) { 1 } else { 8 };

/// One stream's place.
#[derive(Debug, Default)]
pub(crate) struct StreamSlot {
    pub(crate) word: StreamWord,
    last_sent: AtomicU64,
    snapshot_end: AtomicU64,
    /// Vbucket and stream id, 16 bits each; the id 0 is none.
    name: AtomicU32,
    /// The next slot of the same vbucket; 0 (a home slot, hence in no chain) if this is the last.
    next: AtomicU32,
}

impl StreamSlot {
    /// The slot is about to be claimed for a stream of this name.
    pub(crate) fn rename(&self, vb: VbId, sid: Option<Sid>) {
        let sid = sid.unwrap_or(Sid::ZERO);
        // B5 Relaxed: a statistic; the claim of the word publishes it.
        self.name.store(u32::from(vb.0) << 16 | u32::from(sid.0), Ordering::Relaxed);
    }

    /// The name of the stream that lives here, or lived here last.
    pub(crate) fn name(&self) -> (VbId, Option<Sid>) {
        // B5 Relaxed: a statistic.
        let name = self.name.load(Ordering::Relaxed);
        let sid = Sid(name as u16);
        (VbId((name >> 16) as u16), (sid != Sid::ZERO).then_some(sid))
    }

    /// A stream starts here, after `start`.
    pub(crate) fn open(&self, start: Seqno) {
        // B5 Relaxed: a statistic.
        self.last_sent.store(start.0, Ordering::Relaxed);
        // B5 Relaxed: a statistic.
        self.snapshot_end.store(start.0, Ordering::Relaxed);
    }

    /// What a turn sent.
    pub(crate) fn note(&self, sent: &Sent) {
        let words = [(&self.last_sent, sent.last_seqno), (&self.snapshot_end, sent.snapshot_end)];
        for (word, to) in words {
            // B5 Relaxed: a statistic; only the owner writes, so that the larger one needs no exchange.
            if to.0 > word.load(Ordering::Relaxed) {
                // B5 Relaxed: see above.
                word.store(to.0, Ordering::Relaxed);
            }
        }
    }

    /// The last seqno that was sent, and the end of the last snapshot that was announced.
    pub(crate) fn progress(&self) -> (Seqno, Seqno) {
        // B5 Relaxed: statistics.
        let read = |word: &AtomicU64| Seqno(word.load(Ordering::Relaxed));
        (read(&self.last_sent), read(&self.snapshot_end))
    }
}

/// The slots of one connection.
pub(crate) struct StreamTable {
    home: Box<[Shelf<StreamSlot>]>,
    more: [Shelf<StreamSlot>; STREAM_SHELVES as usize],
    /// The number of the first further slot.
    first_further: usize,
    next_claim: AtomicUsize,
}

/// Slots that one closer works through, and where they are.
struct Claim<'t> {
    shelf: &'t Shelf<StreamSlot>,
    /// Of the first slot, in its shelf.
    place: usize,
    /// Of the first slot, in the table.
    index: usize,
}

impl StreamTable {
    /// A table for so many vbuckets, no slot of it made yet.
    pub(crate) fn new(vbuckets: usize) -> Self {
        Self {
            home: (0..vbuckets.div_ceil(CLAIM_SLOTS)).map(|_| Shelf::new(CLAIM_SLOTS)).collect(),
            more: core::array::from_fn(|k| Shelf::new(CLAIM_SLOTS << k)),
            first_further: ReadySet::first_further(vbuckets),
            next_claim: AtomicUsize::new(0),
        }
    }

    /// A slot, if it was made.
    pub(crate) fn slot(&self, index: usize) -> Option<&StreamSlot> {
        let (shelf, place) = self.place_of(index)?;
        shelf.get()?.get(place)
    }

    /// A slot to open a stream in; `None` once a closer was there.
    pub(crate) fn slot_for_open(&self, index: usize) -> Option<&StreamSlot> {
        if let Some(further) = index.checked_sub(self.first_further) {
            let (k, _) = shelf_of(further);
            if k > 0 {
                self.more.get(k - 1)?.get()?;
            }
        }
        let (shelf, place) = self.place_of(index)?;
        shelf.make()?.get(place)
    }

    /// The number of the n-th further slot; `None` if there are not so many.
    pub(crate) fn further(&self, n: usize) -> Option<usize> {
        let all = CLAIM_SLOTS * claims_of_shelves(STREAM_SHELVES as usize);
        (n < all).then_some(self.first_further + n)
    }

    /// A further slot for the streams of a vbucket, in its chain from now on, which is made if it was not; `None`
    /// once a closer was there. Each further slot is asked for once.
    pub(crate) fn further_slot(&self, index: usize, vb: VbId) -> Option<&StreamSlot> {
        let home = self.slot_for_open(usize::from(vb.0))?;
        let slot = self.slot_for_open(index)?;
        slot.rename(vb, None);
        // B3 Relaxed: only the owner writes links, and this slot is in no chain yet.
        slot.next.store(home.next.load(Ordering::Relaxed), Ordering::Relaxed);
        // B1 Release: after the slot's own link; pairs with B2. Lossless: there are far fewer slots.
        home.next.store(index as u32, Ordering::Release);
        Some(slot)
    }

    /// Every slot that was made, with its number.
    pub(crate) fn for_each(&self, mut each: impl FnMut(usize, &StreamSlot)) {
        let home = self.home.iter().enumerate().map(|(n, shelf)| (n * CLAIM_SLOTS, shelf));
        let further = |k| self.first_further + CLAIM_SLOTS * claims_of_shelves(k);
        let more = self.more.iter().enumerate().map(|(k, shelf)| (further(k), shelf));
        for (first, shelf) in home.chain(more) {
            for (n, slot) in shelf.get().into_iter().flatten().enumerate() {
                each(first + n, slot);
            }
        }
    }

    /// Every slot of a vbucket, with its number. Whoever opens a stream and whoever walks fence in between, so that
    /// one of the two sees the other.
    pub(crate) fn for_vbucket(&self, vb: VbId, mut each: impl FnMut(usize, &StreamSlot)) {
        let mut index = usize::from(vb.0);
        if index >= self.home.len() * CLAIM_SLOTS {
            return;
        }
        while let Some(slot) = self.slot(index) {
            each(index, slot);
            // B2 Acquire: pairs with B1. Ends: a chain only grows at its front, and this is behind it.
            index = slot.next.load(Ordering::Acquire) as usize;
            if index == 0 {
                return;
            }
        }
    }

    /// Ends every stream as disconnected and closes every slot; `each` is told which streams this call ended, as the
    /// number of a slot and a bit for each one from it on. Returns at once what is left to others.
    pub(crate) fn close(&self, mut each: impl FnMut(usize, u64)) -> usize {
        let mut ended_in_all = 0;
        loop {
            // B4 Relaxed: shares out the work.
            let first = self.next_claim.fetch_add(CLAIMS_AT_ONCE, Ordering::Relaxed);
            for n in first..first + CLAIMS_AT_ONCE {
                let Some(ended) = self.close_claim(n, &mut each) else {
                    // Keeps the count from ever coming round.
                    // B4 Relaxed: see above.
                    self.next_claim.store(self.claims(), Ordering::Relaxed);
                    return ended_in_all;
                };
                ended_in_all += ended;
            }
        }
    }

    /// Closes the slots of one claim. How many streams that ended; `None` if there are none from here on.
    fn close_claim(&self, n: usize, each: &mut impl FnMut(usize, u64)) -> Option<usize> {
        let claim = self.claim(n)?;
        let Some(slots) = claim.shelf.close() else {
            // By I1 nothing is behind a further shelf that was not made, and nothing comes.
            return (claim.index < self.first_further).then_some(0);
        };
        let mut ended = 0;
        for (bit, slot) in slots[claim.place..][..CLAIM_SLOTS].iter().enumerate() {
            ended |= u64::from(slot.word.close() == Killed::First) << bit;
        }
        if ended != 0 {
            each(claim.index, ended);
        }
        Some(ended.count_ones() as usize)
    }

    /// The n-th claim.
    fn claim(&self, n: usize) -> Option<Claim<'_>> {
        let Some(further) = n.checked_sub(self.home.len()) else {
            return Some(Claim { shelf: &self.home[n], place: 0, index: n * CLAIM_SLOTS });
        };
        let (k, place) = shelf_of(further * CLAIM_SLOTS);
        let index = self.first_further + further * CLAIM_SLOTS;
        Some(Claim { shelf: self.more.get(k)?, place, index })
    }

    fn claims(&self) -> usize {
        self.home.len() + claims_of_shelves(STREAM_SHELVES as usize)
    }

    fn place_of(&self, index: usize) -> Option<(&Shelf<StreamSlot>, usize)> {
        let Some(further) = index.checked_sub(self.first_further) else {
            return Some((self.home.get(index / CLAIM_SLOTS)?, index % CLAIM_SLOTS));
        };
        let (k, place) = shelf_of(further);
        Some((self.more.get(k)?, place))
    }
}

impl core::fmt::Debug for StreamTable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StreamTable").field("home", &self.home.len()).finish_non_exhaustive()
    }
}

/// Claims of the first `k` shelves of further slots.
const fn claims_of_shelves(k: usize) -> usize {
    (1 << k) - 1
}

/// The shelf of the n-th further slot, and the slot's place in it.
fn shelf_of(n: usize) -> (usize, usize) {
    let k = (n / CLAIM_SLOTS + 1).ilog2() as usize;
    (k, n - CLAIM_SLOTS * claims_of_shelves(k))
}

// The numbers of slots fit their links.
const _: () = assert!(CLAIM_SLOTS * claims_of_shelves(STREAM_SHELVES as usize) < 1 << 30);
