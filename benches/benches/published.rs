//! What does it cost to look at a published value: to enter, to reach it, to leave?
//!
//! Whoever has a safe interface reads the value; of the others (a bare epoch, seize) the address is looked at.
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::measure::{Bar, Bench, Contest, Row, Spent, Stopwatch, Unit, in_threads};
use crossbeam_epoch::{Atomic, Collector};
use millstream_reclaim::{Domain, DomainConfig};
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

const VALUE: u64 = 42;
static PLACE: u64 = VALUE;

fn main() -> ExitCode {
    Bench::run("published", |bench| {
        let alone = ask(bench, 1);
        let together = ask(bench, 2);
        if let (Some(alone), Some(together)) = (alone, together) {
            let question = "pin + access + leave, 2 threads against 1";
            let row = Row::new(question, "millstream", Unit::Factor, together / alone);
            bench.row(row.bar(Bar::AtMost(1.2)));
        }
    })
}

/// Asks it for so many threads; our figure.
fn ask(bench: &mut Bench, threads: usize) -> Option<f64> {
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    let cell = domain.publish(VALUE).expect("an empty domain has no backlog");
    let mutexed = Mutex::new(Some(Arc::new(VALUE)));
    let locked = RwLock::new(Some(Arc::new(VALUE)));
    let swapped = arc_swap::ArcSwapOption::from_pointee(VALUE);
    let (collector, bare): (_, Atomic<u64>) = (Collector::new(), Atomic::from(&raw const PLACE));
    let contest = bench
        .contest(format!("pin + access + leave, threads {threads}"))
        .round(Duration::from_millis(if threads > 1 { 20 } else { 4 }))
        .contender("millstream", |n| {
            in_threads(threads, |_| {
                let mut reader = domain.reader("published bench");
                timed(n, || {
                    let pin = reader.pin();
                    *cell.get(&pin).expect("not retired")
                })
            })
        })
        .bar(Bar::AtMost(13.0))
        .contender("millstream, reader borrowed each time", |n| {
            in_threads(threads, |_| {
                timed(n, || {
                    let mut reader = domain.borrow("published bench");
                    let pin = reader.pin();
                    *cell.get(&pin).expect("not retired")
                })
            })
        })
        .contender("Mutex<Option<Arc>>, cloned", |n| {
            let cloned = || lock(&mutexed).clone();
            in_threads(threads, |_| timed(n, || *cloned().expect("not empty")))
        })
        .contender("Mutex<Option<Arc>>, looked at", |n| {
            in_threads(threads, |_| timed(n, || **lock(&mutexed).as_ref().expect("not empty")))
        })
        .contender("RwLock<Option<Arc>>, looked at", |n| {
            let look = || locked.read().unwrap_or_else(PoisonError::into_inner);
            in_threads(threads, |_| timed(n, || **look().as_ref().expect("not empty")))
        })
        .contender("arc-swap, load", |n| {
            let look = || **swapped.load().as_ref().expect("not empty");
            in_threads(threads, |_| timed(n, look))
        })
        .contender("arc-swap, cache of the thread", |n| {
            in_threads(threads, |_| {
                let mut cache = arc_swap::Cache::new(&swapped);
                timed(n, || **cache.load().as_ref().expect("not empty"))
            })
        })
        .contender("crossbeam-epoch, bare", |n| {
            in_threads(threads, |_| {
                let handle = collector.register();
                timed(n, || {
                    let guard = handle.pin();
                    // Acquire: as a reader of what it points at has to.
                    bare.load(Ordering::Acquire, &guard).as_raw().addr() as u64
                })
            })
        });
    peers(contest, threads).run().first().map(|row| row.value)
}

#[cfg(not(feature = "compare"))]
fn peers<'b, 'a>(contest: Contest<'b, 'a>, _threads: usize) -> Contest<'b, 'a> {
    contest
}

#[cfg(feature = "compare")]
fn peers<'b, 'a>(contest: Contest<'b, 'a>, threads: usize) -> Contest<'b, 'a> {
    use haphazard::{AtomicPtr, HazardPointer};
    use seize::Guard;
    let seized = seize::Collector::new();
    let place = std::sync::atomic::AtomicPtr::new((&raw const PLACE).cast_mut());
    let hazardous = AtomicPtr::from(Box::new(VALUE));
    contest
        .contender("seize", move |n| {
            in_threads(threads, |_| {
                timed(n, || {
                    let guard = seized.enter();
                    // Acquire: as a reader of what it points at has to.
                    guard.protect(&place, Ordering::Acquire).addr() as u64
                })
            })
        })
        .contender("haphazard, one hazard pointer kept", move |n| {
            in_threads(threads, |_| {
                let mut hazard = HazardPointer::new();
                timed(n, || {
                    let value = *hazardous.safe_load(&mut hazard).expect("not empty");
                    hazard.reset_protection();
                    value
                })
            })
        })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks `n` times.
fn timed(n: u64, mut look: impl FnMut() -> u64) -> Spent {
    let watch = Stopwatch::start();
    for _ in 0..n {
        black_box(look());
    }
    watch.stop(n)
}
