//! Everything at once, counted: each value is destroyed exactly once, and no reader ever sees a destroyed one.

use millstream_reclaim::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use millstream_reclaim::{Domain, DomainConfig, Pin, Published, Reaper, ReplaceError};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const STEPS: usize = if cfg!(miri) { 20 } else { 20_000 };
const ALIVE: u64 = 0x600D_F00D_600D_F00D;

/// Counts its instances and spoils itself when it is destroyed.
struct Canary {
    alive: AtomicU64,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    made: AtomicUsize,
    destroyed: AtomicUsize,
}

impl Canary {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.made.fetch_add(1, Ordering::Relaxed);
        Self { alive: AtomicU64::new(ALIVE), counts: Arc::clone(counts) }
    }

    fn check(&self) {
        assert_eq!(self.alive.load(Ordering::Relaxed), ALIVE, "a reader saw a destroyed value");
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        assert_eq!(self.alive.swap(0, Ordering::Relaxed), ALIVE, "destroyed twice");
        self.counts.destroyed.fetch_add(1, Ordering::Relaxed);
    }
}

/// A pointer of the embedder's own, as a log's segments are.
struct Raw(AtomicPtr<Canary>);

impl Raw {
    #[allow(unsafe_code, reason = "what an embedder does with a pointer of its own")]
    fn read(&self, _pin: &Pin<'_>) {
        // SAFETY: pinned, so what was unlinked after this load lives on; null once it was taken.
        if let Some(canary) = unsafe { self.0.load(Ordering::Acquire).as_ref() } {
            canary.check();
        }
    }

    #[allow(unsafe_code, reason = "as above")]
    fn replace(&self, value: Option<Canary>, pin: &Pin<'_>) {
        let new = value.map_or(std::ptr::null_mut(), |value| Box::into_raw(Box::new(value)));
        let old = self.0.swap(new, Ordering::AcqRel);
        if !old.is_null() {
            // SAFETY: made by `Box::into_raw` and unlinked by our swap.
            unsafe { pin.retire_raw(old) };
        }
    }
}

struct World {
    domain: Domain,
    cells: Vec<Published<Canary>>,
    raw: Raw,
    counts: Arc<Counts>,
}

impl World {
    fn read(&self) {
        let mut reader = self.domain.reader("reader");
        for _ in 0..STEPS {
            let pin = reader.pin();
            let live: Vec<_> = self.cells.iter().filter_map(|cell| cell.get(&pin)).collect();
            self.raw.read(&pin);
            live.iter().for_each(|canary| canary.check());
        }
    }

    fn write(&self) {
        for step in 0..STEPS {
            let mut reader = self.domain.borrow("writer");
            let pin = reader.pin();
            let cell = &self.cells[step % self.cells.len()];
            match cell.replace(Canary::new(&self.counts), &pin) {
                Ok(()) | Err(ReplaceError::Closed) => {}
                Err(ReplaceError::Backlogged(_)) => thread::yield_now(),
                Err(other) => panic!("unexpected: {other}"),
            }
            self.raw.replace(Some(Canary::new(&self.counts)), &pin);
            pin.free(Box::new(step));
        }
    }

    fn close(&self) -> usize {
        let mut reader = self.domain.reader("closer");
        let close = |cell: &Published<Canary>, reader: &mut millstream_reclaim::Reader| {
            cell.retire(&reader.pin())
        };
        (0..STEPS / 10).for_each(|_| drop(reader.pin()));
        self.cells.iter().filter(|cell| close(cell, &mut reader)).count()
    }
}

#[test]
fn every_value_is_destroyed_once_and_no_reader_sees_it() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let counts = Arc::new(Counts::default());
    let cells = (0..8).map(|_| domain.publish(Canary::new(&counts)).unwrap()).collect();
    let world = World { domain, cells, raw: Raw(AtomicPtr::default()), counts };
    let winners: usize = thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..2 {
            workers.push(scope.spawn(|| {
                world.read();
                0
            }));
            workers.push(scope.spawn(|| {
                world.write();
                0
            }));
            workers.push(scope.spawn(|| world.close()));
        }
        while !workers.iter().all(|worker| worker.is_finished()) {
            reaper.reap();
            thread::yield_now();
        }
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(winners, world.cells.len(), "each cell had one winner");
    finish(world, reaper);
}

fn finish(world: World, mut reaper: Reaper) {
    world.raw.replace(None, &world.domain.borrow("last").pin());
    reaper.quiesce_blocking(Duration::from_secs(60)).expect("everybody has left");
    let stats = world.domain.stats();
    assert_eq!((stats.pending, stats.held_total, stats.panicked_total), (0, 0, 0));
    let (made, destroyed) = (&world.counts.made, &world.counts.destroyed);
    assert_eq!(made.load(Ordering::Relaxed), destroyed.load(Ordering::Relaxed));
    assert!(stats.destroyed_total > STEPS as u64, "{stats:?}");
}
