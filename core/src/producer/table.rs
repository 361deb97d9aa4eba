//! A connection's streams by slot. Promise: what a closer has passed can never hold a stream again, and several
//! closers share the work instead of waiting for each other.
//!
//! # State
//!
//! ```text
//! blocks: [ ptr | ptr | null | CLOSED | ... ]    null: never used; CLOSED: a closer was here first
//!            |
//!            v
//!         64 slots, each a stream word and what stats show of it
//! next_block: the first block that no closer has claimed
//! ```
//!
//! # Invariants
//! - I1. A block pointer goes from null to a block or to `CLOSED`, once (model `table::insert_vs_close`).
//! - I2. When every block was claimed and its closer is done, every slot is closed and no stream lives
//!   (model `table::two_closers`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `slot_for_open` | the owner | everything | wait-free |
//! | `slot`, `for_each` | any thread | everything | wait-free |
//! | `close` | any thread | everything | wait-free, bounded by the blocks left; a later closer leaves at once |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | B1 | install a block | AcqRel | B2 | a closer finds a block before its words are there | `table::insert_vs_close` |
//! | B2 | load a block | Acquire | B1 | the same, from the other side | `table::insert_vs_close` |
//! | B3 | a closer puts `CLOSED` | AcqRel | B1 | the owner opens a block behind the closer | `table::insert_vs_close` |
//! | B4 | claim of the next block | Relaxed | none | nothing: it only shares out the work; the words decide | `table::two_closers` |
//! | B5 | what stats show | Relaxed | none | nothing: statistics | none |
//!
//! # Reclamation
//! Blocks live until the table is dropped, which needs the connection's last reference.
//!
//! # Not promised
//! That every stream is dead when `close` returns: another closer may still be at its last block.
#![expect(unsafe_code, reason = "blocks are made on first use and shared through raw pointers")]

use crate::stream::{Killed, Sent, StreamWord};
use crate::types::Seqno;
use core::ptr;
use millstream_reclaim::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Slots of one block.
const BLOCK_SLOTS: usize = if cfg!(any(millstream_loom, millstream_shuttle)) { 2 } else { 64 };

/// One stream's place.
#[derive(Debug, Default)]
pub(crate) struct StreamSlot {
    pub(crate) word: StreamWord,
    last_sent: AtomicU64,
    snapshot_end: AtomicU64,
}

impl StreamSlot {
    /// A stream starts here, after `start`.
    pub(crate) fn open(&self, start: Seqno) {
        // B5 Relaxed: a statistic.
        self.last_sent.store(start.0, Ordering::Relaxed);
        // B5 Relaxed: a statistic.
        self.snapshot_end.store(start.0, Ordering::Relaxed);
    }

    /// What a turn sent.
    pub(crate) fn note(&self, sent: &Sent) {
        // B5 Relaxed: a statistic; only the owner writes.
        self.last_sent.fetch_max(sent.last_seqno.0, Ordering::Relaxed);
        // B5 Relaxed: a statistic; only the owner writes.
        self.snapshot_end.fetch_max(sent.snapshot_end.0, Ordering::Relaxed);
    }

    /// The last seqno that was sent, and the end of the last snapshot that was announced.
    pub(crate) fn progress(&self) -> (Seqno, Seqno) {
        // B5 Relaxed: statistics.
        let read = |word: &AtomicU64| Seqno(word.load(Ordering::Relaxed));
        (read(&self.last_sent), read(&self.snapshot_end))
    }
}

struct Block([StreamSlot; BLOCK_SLOTS]);

/// The slots of one connection.
pub(crate) struct StreamTable {
    blocks: Box<[AtomicPtr<Block>]>,
    next_block: AtomicUsize,
}

impl StreamTable {
    /// A table of that many slots, none of them made yet.
    pub(crate) fn new(slots: usize) -> Self {
        let blocks = slots.div_ceil(BLOCK_SLOTS);
        Self {
            blocks: (0..blocks).map(|_| AtomicPtr::new(ptr::null_mut())).collect(),
            next_block: AtomicUsize::new(0),
        }
    }

    /// How many slots there can be.
    pub(crate) fn capacity(&self) -> usize {
        self.blocks.len() * BLOCK_SLOTS
    }

    /// A slot, if its block was made.
    pub(crate) fn slot(&self, index: usize) -> Option<&StreamSlot> {
        let block = self.block(index / BLOCK_SLOTS)?;
        Some(&block.0[index % BLOCK_SLOTS])
    }

    /// A slot to open a stream in; `None` once a closer was there.
    pub(crate) fn slot_for_open(&self, index: usize) -> Option<&StreamSlot> {
        if let Some(slot) = self.slot(index) {
            return Some(slot);
        }
        let fresh = Box::into_raw(Box::new(Block(core::array::from_fn(|_| StreamSlot::default()))));
        // B1 AcqRel: the words before the pointer; pairs with B2, B3.
        let installed = self.blocks[index / BLOCK_SLOTS].compare_exchange(
            ptr::null_mut(),
            fresh,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if installed.is_err() {
            // SAFETY: `fresh` was never shared.
            drop(unsafe { Box::from_raw(fresh) });
        }
        self.slot(index)
    }

    /// Every slot whose block was made, with its index.
    pub(crate) fn for_each(&self, mut each: impl FnMut(usize, &StreamSlot)) {
        for b in 0..self.blocks.len() {
            let Some(block) = self.block(b) else { continue };
            for (s, slot) in block.0.iter().enumerate() {
                each(b * BLOCK_SLOTS + s, slot);
            }
        }
    }

    /// Ends every stream as disconnected and closes every slot; `each` is told which streams this call ended. Returns
    /// at once what is left to others.
    pub(crate) fn close(&self, mut each: impl FnMut(usize)) -> usize {
        let mut ended = 0;
        loop {
            // B4 Relaxed: shares out the work.
            let b = self.next_block.fetch_add(1, Ordering::Relaxed);
            if b >= self.blocks.len() {
                // Keeps the count from ever coming round.
                // B4 Relaxed: see above.
                self.next_block.store(self.blocks.len(), Ordering::Relaxed);
                return ended;
            }
            let closed = closed_block();
            // B3 AcqRel: pairs with B1.
            let _ = self.blocks[b].compare_exchange(
                ptr::null_mut(),
                closed,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            let Some(block) = self.block(b) else { continue };
            for (s, slot) in block.0.iter().enumerate() {
                if slot.word.close() == Killed::First {
                    ended += 1;
                    each(b * BLOCK_SLOTS + s);
                }
            }
        }
    }

    fn block(&self, index: usize) -> Option<&Block> {
        // B2 Acquire: its words are there; pairs with B1.
        let block = self.blocks.get(index)?.load(Ordering::Acquire);
        if block == closed_block() {
            return None;
        }
        // SAFETY: neither null (checked by `as_ref`) nor the mark, so by I1 a block, which lives as long as `self`.
        unsafe { block.as_ref() }
    }
}

impl Drop for StreamTable {
    fn drop(&mut self) {
        for cell in &self.blocks {
            // B2 Acquire: `&mut self`; nobody else is left.
            let block = cell.load(Ordering::Acquire);
            if !block.is_null() && block != closed_block() {
                // SAFETY: by I1 the box of `slot_for_open`, and nobody else frees it.
                drop(unsafe { Box::from_raw(block) });
            }
        }
    }
}

impl core::fmt::Debug for StreamTable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StreamTable").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// The mark of a block that a closer reached before anybody used it: an address that no block has.
fn closed_block() -> *mut Block {
    ptr::without_provenance_mut(align_of::<Block>())
}
