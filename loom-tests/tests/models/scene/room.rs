//! A reclamation domain and its readers.

use loom::thread::{self, JoinHandle};
use millstream_reclaim::{Domain, DomainConfig, Pin, Reader, Reaper};

/// A domain; the main thread is the reaper's.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) domain: Domain,
    pub(crate) reaper: Reaper,
}

impl Room {
    pub(crate) fn new() -> Self {
        let (domain, reaper) = Domain::new(DomainConfig::default());
        Self { domain, reaper }
    }

    /// A reader that was inside once: a first pin collects, which multiplies schedules and shows nothing.
    pub(crate) fn reader(&self, label: &'static str) -> Reader {
        let mut reader = self.domain.reader(label);
        drop(reader.pin());
        reader
    }

    /// With everybody outside, one reap destroys all that was retired. How much in all.
    pub(crate) fn finish(mut self) -> u64 {
        let reaped = self.reaper.reap();
        assert_eq!((reaped.pending, reaped.held), (0, 0));
        let stats = self.domain.stats();
        assert_eq!(stats.held_total, 0, "the reaper was sole owner every time");
        stats.destroyed_total
    }
}

/// Runs inside a pin on a thread of its own; gives the reader back, so that nothing is dropped there.
pub(crate) fn pinned<R: 'static>(
    mut reader: Reader,
    run: impl FnOnce(&Pin<'_>) -> R + 'static,
) -> JoinHandle<(R, Reader)> {
    thread::spawn(move || {
        let result = run(&reader.pin());
        (result, reader)
    })
}
