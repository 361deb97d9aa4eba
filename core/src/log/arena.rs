//! Where the keys and values of a segment's documents are. Promise: memory that was given out is nobody else's until
//! the segment goes, and then all of it goes at once.
//!
//! # State
//!
//! ```text
//! small --> chunk --older--> chunk --> ...    bodies one behind the other, each chunk as large as all before it; the
//!                                             first as half of what the arena is expected to hold
//! large --> chunk --older--> chunk --> ...    one body each
//! ```
//!
//! # Invariants
//! - I1. A chunk gives out each of its bytes once (model `log::two_bodies`).
//! - I2. A chunk that was linked stays linked until the arena is dropped.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `put` | any writer of the segment | everything | lock-free: another round means that another writer made a chunk |
//! | `bytes`, `room` | any thread | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | A1 | a list's head: exchange | AcqRel | A2 | a writer finds a chunk before its header | `log::two_bodies` |
//! | A2 | a list's head: load, and a failed exchange | Acquire | A1 | the same, from the other side | `log::two_bodies` |
//! | A3 | a chunk's `used` | Relaxed | none | nothing: numbers that only have to differ; bodies are published with their slots | `log::two_bodies_of_a_chunk` |
//! | A4 | `bytes` | Relaxed | none | nothing: a count; who trims has acquired every slot of the segment, and so what its writers did before | none |
//!
//! # Reclamation
//! None of its own: it is dropped with its segment.
//!
//! # Not promised
//! That a body's bytes are visible to who was not told of them by an acquired slot.
#![expect(unsafe_code, reason = "bodies of any length in memory that is freed as a whole")]

use core::ptr::{self, NonNull};
use millstream_reclaim::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};

/// A body from this length on has a chunk of its own, so that it leaves no rest of one unused.
const LARGE: usize = 4096;
/// The largest chunk of several bodies.
const CHUNK_BYTES_MAX: usize = 16 * 1024;

/// The bodies of one segment.
pub(super) struct Arena {
    small: AtomicPtr<Chunk>,
    large: AtomicPtr<Chunk>,
    bytes: AtomicUsize,
    /// What the chunks of several bodies may come to hold.
    expected: usize,
}

/// The head of a chunk; its room is behind it.
#[repr(C)]
struct Chunk {
    used: AtomicUsize,
    room: usize,
    /// The room of this chunk and of all older ones.
    total: usize,
    older: *mut Chunk,
}

impl Arena {
    /// For about so many bytes in chunks of several bodies, which are fewer then; 0 if that is not known.
    pub(super) fn new(expected: usize) -> Self {
        Self {
            expected,
            small: AtomicPtr::new(ptr::null_mut()),
            large: AtomicPtr::new(ptr::null_mut()),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Memory that was allocated so far.
    pub(super) fn bytes(&self) -> usize {
        // A4 Relaxed: a count.
        self.bytes.load(Ordering::Relaxed)
    }

    /// The room of all chunks of several bodies.
    pub(super) fn room(&self) -> usize {
        // A2 Acquire: its header is there; pairs with A1.
        let newest = self.small.load(Ordering::Acquire);
        // SAFETY: null, or by I2 a chunk that lives as long as `self`.
        unsafe { newest.as_ref() }.map_or(0, |chunk| chunk.total)
    }

    /// Copies a body in, which lies in two parts. Returns where it is, for as long as the arena lives, and how much
    /// memory that took anew.
    pub(super) fn put(&self, key: &[u8], value: &[u8]) -> (NonNull<u8>, usize) {
        let (room, grown) = self.take(key.len() + value.len());
        // SAFETY: by I1 so many bytes are ours alone; what is copied lies elsewhere.
        unsafe { ptr::copy_nonoverlapping(key.as_ptr(), room.as_ptr(), key.len()) };
        // SAFETY: as above.
        let behind = unsafe { room.add(key.len()) };
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(value.as_ptr(), behind.as_ptr(), value.len()) };
        (room, grown)
    }

    fn take(&self, len: usize) -> (NonNull<u8>, usize) {
        let list = if len < LARGE { &self.small } else { &self.large };
        // A2 Acquire: its header is there; pairs with A1.
        let mut newest = list.load(Ordering::Acquire);
        // Ends: another round means that another writer made a chunk meanwhile.
        loop {
            // SAFETY: null, or by I2 a chunk that lives as long as `self`.
            let current = unsafe { newest.as_ref() };
            if let Some(at) = current.filter(|_| len < LARGE).and_then(|chunk| chunk.take(len)) {
                // SAFETY: `newest` is a chunk, see above.
                let room = unsafe { Chunk::room(newest) };
                // SAFETY: the chunk has so many bytes from there on.
                return (unsafe { room.add(at) }, 0);
            }
            let before = current.map_or(0, |chunk| chunk.total);
            let fresh = Chunk::make(len, before, before.max(self.expected / 2), newest);
            // A1 AcqRel: its header before it is found; pairs with A2.
            match list.compare_exchange(newest, fresh, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // SAFETY: by I2 it lives as long as `self`.
                    let grown = unsafe { &*fresh }.layout().size();
                    // A4 Relaxed: a count.
                    self.bytes.fetch_add(grown, Ordering::Relaxed);
                    // SAFETY: as above; its first bytes were taken when it was made.
                    return (unsafe { Chunk::room(fresh) }, grown);
                }
                Err(other) => {
                    // SAFETY: it was never shared.
                    unsafe { Chunk::free(fresh) };
                    newest = other;
                }
            }
        }
    }
}

impl Chunk {
    /// A chunk whose first `len` bytes are taken, behind older ones with room for `before`.
    fn make(len: usize, before: usize, wanted: usize, older: *mut Self) -> *mut Self {
        let room = match len {
            LARGE.. => len,
            // As much again as there is, so that few chunks hold many bodies, and few bodies take little.
            _ => wanted.max(2 * len).min(CHUNK_BYTES_MAX),
        };
        let chunk = Self { used: AtomicUsize::new(len), room, total: before + room, older };
        let layout = chunk.layout();
        // SAFETY: the layout is not empty: it has a head.
        let memory = unsafe { alloc(layout) }.cast::<Self>();
        if memory.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the memory is of that layout, and nobody else's.
        unsafe { memory.write(chunk) };
        memory
    }

    /// The place of `len` bytes in its room, if they fit in.
    fn take(&self, len: usize) -> Option<usize> {
        // A3 Relaxed: numbers that differ. What does not fit is added for once for each writer that then makes or
        // finds a newer chunk, so that the sum stays far from its end.
        let at = self.used.fetch_add(len, Ordering::Relaxed);
        (at + len <= self.room).then_some(at)
    }

    fn layout(&self) -> Layout {
        let bytes = size_of::<Self>() + self.room;
        Layout::from_size_align(bytes, align_of::<Self>()).expect("a body is bounded by limits")
    }

    /// Its room.
    ///
    /// # Safety
    /// It is a chunk that `make` returned.
    unsafe fn room(chunk: *mut Self) -> NonNull<u8> {
        // SAFETY: the caller's promise: there is room behind the head, perhaps none of it used.
        let room = unsafe { chunk.cast::<u8>().add(size_of::<Self>()) };
        NonNull::new(room).expect("an allocation is not at null")
    }

    /// Frees it.
    ///
    /// # Safety
    /// It is a chunk that `make` returned, and nobody has it any more.
    unsafe fn free(chunk: *mut Self) {
        // SAFETY: the caller's promise.
        let head = unsafe { chunk.read() };
        // SAFETY: as above; allocated with that layout.
        unsafe { dealloc(chunk.cast(), head.layout()) };
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for list in [&self.small, &self.large] {
            // A2 Acquire: `&mut self`; nobody else is left.
            let mut chunk = list.load(Ordering::Acquire);
            while !chunk.is_null() {
                // SAFETY: by I2 a chunk of this list.
                let older = unsafe { &*chunk }.older;
                // SAFETY: `&mut self`: nobody has it, and each is freed once.
                unsafe { Chunk::free(chunk) };
                chunk = older;
            }
        }
    }
}
