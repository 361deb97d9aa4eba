//! Counts what is allocated, so that a test can show that something is not, or is given back.
#![expect(unsafe_code, reason = "an allocator that counts is still an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

thread_local! {
    /// The largest single allocation of this thread since it was last asked.
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    /// Bytes that this thread has allocated, less those that it has given back.
    static LIVE_HERE: Cell<i64> = const { Cell::new(0) };
}

/// The largest allocation of the calling thread since the last call.
pub(crate) fn largest_since_last_asked() -> usize {
    LARGEST.replace(0)
}

/// Bytes that are allocated now, by any thread.
static LIVE: AtomicI64 = AtomicI64::new(0);

/// Bytes that the process has allocated and not given back.
pub(crate) fn live_bytes() -> i64 {
    // Relaxed: a count.
    LIVE.load(Ordering::Relaxed)
}

/// Bytes that the calling thread has allocated, less those that it has given back.
pub(crate) fn live_bytes_here() -> i64 {
    LIVE_HERE.get()
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn note(bytes: usize, instead_of: usize) {
    // Relaxed: a count. Lossless: no allocation is longer than `isize::MAX`.
    LIVE.fetch_add(bytes as i64 - instead_of as i64, Ordering::Relaxed);
    // A thread that is ending counts no more.
    let _ = LIVE_HERE.try_with(|live| live.set(live.get() + bytes as i64 - instead_of as i64));
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(bytes)));
}

// SAFETY: every call goes to the system's allocator as it came; the count touches no memory of its own but a
// thread-local number without a destructor, so it allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note(bytes, layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(block, layout, bytes) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }
}
