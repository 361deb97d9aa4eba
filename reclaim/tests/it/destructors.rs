//! Destructors run on the reaper's thread and on no other, whatever readers and closers do.

use millstream_reclaim::{Domain, DomainConfig, Published};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

const ROUNDS: usize = if cfg!(miri) { 4 } else { 400 };
const READERS: usize = 3;
const CLOSERS: usize = 3;

/// Records where it is destroyed.
struct Witness {
    destroyed_on: Arc<Mutex<Vec<ThreadId>>>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let mut destroyed_on = self.destroyed_on.lock().expect("nobody panics with it");
        destroyed_on.push(thread::current().id());
    }
}

fn read(domain: &Domain, cells: &[Published<Witness>]) {
    let mut reader = domain.reader("reader");
    for _ in 0..ROUNDS {
        let pin = reader.pin();
        let live: Vec<_> = cells.iter().filter_map(|cell| cell.get(&pin)).collect();
        drop(live);
    }
}

fn close(domain: &Domain, cells: &[Published<Witness>], won: &AtomicUsize) {
    for cell in cells {
        let mut reader = domain.borrow("closer");
        let pin = reader.pin();
        pin.retire(Box::new(0_u8));
        won.fetch_add(usize::from(cell.retire(&pin)), Ordering::Relaxed);
    }
}

#[test]
fn destructors_run_on_the_reaper_alone() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let destroyed_on = Arc::new(Mutex::new(Vec::new()));
    let witness = || Witness { destroyed_on: Arc::clone(&destroyed_on) };
    let cells: Vec<_> = (0..ROUNDS).map(|_| domain.publish(witness()).unwrap()).collect();
    let (won, closed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let start = Barrier::new(READERS + CLOSERS + 1);

    let reaper_thread = thread::scope(|scope| {
        let reaping = scope.spawn(|| {
            start.wait();
            while !closed.load(Ordering::Acquire) {
                reaper.reap();
                thread::yield_now();
            }
            reaper.quiesce_blocking(Duration::from_secs(60)).expect("everybody has left");
            thread::current().id()
        });
        let workers: Vec<_> = (0..READERS + CLOSERS)
            .map(|n| {
                let (domain, cells, won, start) = (&domain, &cells, &won, &start);
                scope.spawn(move || {
                    start.wait();
                    if n < READERS {
                        read(domain, cells);
                    } else {
                        close(domain, cells, won);
                    }
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        closed.store(true, Ordering::Release);
        reaping.join().unwrap()
    });

    assert_eq!(won.load(Ordering::Relaxed), ROUNDS, "each cell had one winner");
    let destroyed_on = destroyed_on.lock().unwrap();
    assert_eq!(destroyed_on.len(), ROUNDS, "each value was destroyed once");
    assert!(destroyed_on.iter().all(|thread| *thread == reaper_thread), "and by the reaper");
    let stats = domain.stats();
    assert_eq!((stats.pending, stats.held_total), (0, 0));
    assert_eq!(stats.destroyed_total, (ROUNDS + CLOSERS * ROUNDS) as u64);
}

/// A value owns a cell of its own domain and is retired when nobody reaps any more. (It kept the garbage that it was in,
/// and so itself, alive for ever.)
#[test]
fn a_value_that_owns_a_cell_goes_with_its_domain() {
    let (domain, reaper) = Domain::new(DomainConfig::default());
    drop(reaper);
    let alive = Arc::new(());
    let inside = |alive: &Arc<()>| domain.publish(Arc::clone(alive)).expect("no backlog");
    let cell = domain.publish((inside(&alive), Arc::clone(&alive))).expect("no backlog");
    let mut reader = domain.reader("closer");
    assert!(cell.retire(&reader.pin()));
    drop((reader, cell));
    assert_eq!(Arc::strong_count(&alive), 3, "it waits for its grace period");
    drop(domain);
    assert_eq!(Arc::strong_count(&alive), 1, "and goes with the domain");
}
