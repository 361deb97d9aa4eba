//! A reader that stays inside a pinned section until it is told to leave.

use millstream::Engine;
use millstream::types::VbId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Instant;

/// What reports call it.
pub(crate) const LABEL: &str = "stalled reader";

/// See the module.
pub(crate) struct PinnedReader<'scope> {
    thread: ScopedJoinHandle<'scope, ()>,
    /// It was inside from here on.
    pub(crate) since: Instant,
}

/// What a pinned reader is told.
#[derive(Default)]
pub(crate) struct Word {
    inside: AtomicBool,
    leave: AtomicBool,
}

impl<'scope> PinnedReader<'scope> {
    /// Enters, and returns once it is inside.
    pub(crate) fn enter<'env>(
        scope: &'scope Scope<'scope, 'env>,
        engine: &'env Engine,
        word: &'env Word,
    ) -> Self {
        let thread = scope.spawn(move || {
            let looked = engine.session(LABEL).look(VbId(0), b"some key", |_| {
                word.inside.store(true, Ordering::SeqCst);
                while !word.leave.load(Ordering::SeqCst) {
                    thread::park();
                }
            });
            looked.expect("a key that was never written is not in the store either");
        });
        while !word.inside.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        Self { thread, since: Instant::now() }
    }

    /// Leaves; when it was told to.
    pub(crate) fn leave(self, word: &Word) -> Instant {
        let told = Instant::now();
        word.leave.store(true, Ordering::SeqCst);
        self.thread.thread().unpark();
        self.thread.join().expect("it did not panic");
        told
    }
}
