//! Where loom must try every order of the threads.

use loom::sync::atomic::{AtomicUsize, Ordering};

loom::lazy_static! {
    static ref TURNS: AtomicUsize = AtomicUsize::new(0);
}

/// Makes loom try every order of the threads that come by here, without giving them one. Of the accesses of one word it
/// goes back to the last only: a thread that looks before it exchanges would hide the exchange from one that looked
/// before both.
pub(crate) fn turn() {
    TURNS.fetch_add(1, Ordering::Relaxed);
}
