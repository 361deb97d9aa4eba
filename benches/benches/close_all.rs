//! What does closing cost a stream, and what does it do to those who stream meanwhile?
//!
//! Closers call `close_all` on every connection, all of them together; the processor time of all closers, divided by
//! the streams. The stall is that of a stepper whose connection is not being closed: the time of each of its steps by
//! the clock, in windows with closers at work and without by turns. The closers' connections are of the same engine,
//! with streams on the stepper's vbuckets, and at least one is closed in each window. On a machine that does other
//! things as well the far end is the scheduler's, in both kinds of window.
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::baseline::Locked;
use benches::measure::{Bar, Bench, Row, Spent, Spread, Stopwatch, Unit, in_threads};
use benches::workload::{Closer, Connection, Fleet, Millstream, Streaming};
use millstream::types::VbId;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

fn main() -> ExitCode {
    Bench::run("close_all", |bench| {
        let sizes = bench.sized(vec![1_000, 100_000, 1_000_000], vec![100]);
        for closers in [1, 2, 8] {
            let mut rows = Vec::new();
            for &streams in &sizes {
                rows.extend(close(bench, streams, closers));
            }
            for who in [Millstream::NAME, Locked::NAME] {
                let of: Vec<Row> = rows.iter().filter(|row| row.who == who).cloned().collect();
                let question = format!("close_all against streams, closers {closers}");
                bench.growth(&question, who, &of);
            }
        }
        stall(bench);
    })
}

fn close(bench: &mut Bench, streams: usize, closers: usize) -> Vec<Row> {
    let question = format!("close_all, a stream, streams {streams}, closers {closers}");
    if !bench.wants(&question) {
        return Vec::new();
    }
    let (mut ours, mut locked) =
        (Fleet::<Millstream>::new(streams, 16), Fleet::<Locked>::new(streams, 16));
    let contest = bench
        .contest(question)
        .rounds(if streams > 100_000 { 3 } else { 7 }, 1)
        .rounds_only()
        .at(format!("close_all, a stream, closers {closers}"), "streams", streams as f64)
        .contender(Millstream::NAME, |_| close_fleet(&mut ours, closers));
    let contest = if streams >= 100_000 { contest.bar(Bar::AtMost(10.0)) } else { contest };
    let rows = contest.contender(Locked::NAME, |_| close_fleet(&mut locked, closers)).run();
    if let [ours, locked] = &rows[..]
        && streams >= 100_000
    {
        let question = format!("{}: baseline against ours", ours.question);
        let row = Row::new(question, &ours.who, Unit::Factor, locked.value / ours.value);
        bench.row(row.bar(Bar::AtLeast(5.0)));
    }
    rows
}

/// Opens everything, delivers what there is, and closes it.
fn close_fleet<E: Streaming>(fleet: &mut Fleet<E>, closers: usize) -> Spent {
    fleet.reopen();
    fleet.run();
    let handles: Vec<_> = fleet.connections().iter().map(Connection::closer).collect();
    let ended = AtomicUsize::new(0);
    let mut spent = in_threads(closers, |_| {
        let watch = Stopwatch::start();
        let by_us: usize = handles.iter().map(Closer::close_all).sum();
        let spent = watch.stop(0);
        ended.fetch_add(by_us, Ordering::Relaxed);
        spent
    });
    assert_eq!(ended.into_inner(), fleet.streams(), "each stream ends once");
    spent.ops = fleet.streams() as u64;
    spent
}

/// Streams of the connection that goes on, and of each that is closed, on the same vbuckets; each step sends one
/// document of each.
const STEPPED: usize = 64;
/// Connections that a closer opens and closes at a time.
const VICTIMS: usize = 32;
/// Windows without closers, and as many with them, by turns.
const WINDOWS: usize = 10;

/// Steps of a connection while others of the same engine are closed.
fn stall(bench: &mut Bench) {
    let question = "step of 64 streams, closers at work on the same vbuckets";
    if !bench.wants(question) {
        return;
    }
    let (windows, steps) = bench.sized((WINDOWS, 1_000), (1, 50));
    stall_of::<Millstream>(bench, question, windows, steps);
    stall_of::<Locked>(bench, question, windows, steps);
}

fn stall_of<E: Streaming>(bench: &mut Bench, question: &str, windows: usize, steps: usize) {
    let mut stepped = Fleet::<E>::new(STEPPED, 16);
    stepped.open();
    stepped.write(1);
    stepped.run();
    let (mut without, mut with, mut closes) = (Vec::new(), Vec::new(), 0);
    let mut ratios = Vec::new();
    for _ in 0..windows {
        let alone = steps_of(&mut stepped, steps);
        let (beside, closed) = steps_beside(&mut stepped, steps);
        assert!(closed > 0, "connections were closed meanwhile");
        ratios.push(
            Spread::of(beside.clone()).quantile(0.99) / Spread::of(alone.clone()).quantile(0.99),
        );
        (closes, without, with) =
            (closes + closed, [without, alone].concat(), [with, beside].concat());
    }
    let named = format!("{question}: connections closed meanwhile");
    bench.row(Row::new(named, E::NAME, Unit::Count, closes as f64));
    for (which, times) in [("no closers", without), ("closers", with)] {
        let named = format!("{}, {which}", E::NAME);
        bench.row(Row::distribution(question, named, Unit::WallNs, &Spread::of(times)));
    }
    let question = format!("{question}: p99 with them against without");
    let ratio = Spread::of(ratios.iter().copied()).median();
    let row = Row::new(question, E::NAME, Unit::Factor, ratio).rounds(ratios);
    bench.row(if E::NAME == Millstream::NAME { row.bar(Bar::AtMost(1.2)) } else { row });
}

/// Times of so many steps, by the clock: a wait for a closer takes no processor time.
fn steps_of<E: Streaming>(stepped: &mut Fleet<E>, steps: usize) -> Vec<f64> {
    let step = |_| {
        stepped.write_now(1);
        let started = Instant::now();
        let documents = stepped.step_first();
        let took = started.elapsed();
        assert_eq!(documents, STEPPED as u64, "each stream sends its one");
        took.as_nanos() as f64
    };
    (0..steps).map(step).collect()
}

/// The same beside closers, and how many connections these closed before the last step was done.
fn steps_beside<E: Streaming>(stepped: &mut Fleet<E>, steps: usize) -> (Vec<f64>, u64) {
    // One processor is the stepper's: else it would be the scheduler that it waits for.
    let closers = thread::available_parallelism().map_or(1, |all| all.get() - 1).clamp(1, 7);
    let engine = Arc::clone(&stepped.engine);
    let engine: &E = &engine;
    let (start, stop, closed) =
        (Barrier::new(closers + 1), AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..closers {
            scope.spawn(|| {
                start.wait();
                close_until(&stop, engine, &closed);
            });
        }
        start.wait();
        let mut times = steps_of(stepped, steps);
        while closed.load(Ordering::Relaxed) == 0 {
            times.extend(steps_of(stepped, steps));
        }
        let in_window = closed.load(Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
        (times, in_window)
    })
}

/// Opens and closes connections with a stream on every vbucket until it is told to stop.
fn close_until<E: Streaming>(stop: &AtomicBool, engine: &E, closed: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        let connect = |n: usize| {
            let mut connection =
                engine.connect(&format!("victim {n} of {:?}", thread::current().id()));
            (0..STEPPED).for_each(|vb| connection.open(VbId(vb as u16)));
            connection
        };
        for victim in (0..VICTIMS).map(connect).collect::<Vec<_>>() {
            assert_eq!(victim.closer().close_all(), STEPPED, "each stream ends once");
            closed.fetch_add(1, Ordering::Relaxed);
        }
    }
}
