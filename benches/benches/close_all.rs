//! What does closing cost a stream, and what does it do to those who stream meanwhile?
//!
//! Closers call `close_all` on every connection, all of them together; the processor time of all closers, divided by
//! the streams. The stall is that of a stepper whose connection is not being closed: the time of each of its steps,
//! with closers at work and without. By the clock on a machine that does other things as well its far end is the
//! scheduler's; so it is taken by processor time too.
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::baseline::Locked;
use benches::measure::{Bar, Bench, Row, Spent, Spread, Stopwatch, Unit, in_threads, thread_cpu};
use benches::workload::{Closer, Connection, Fleet, Millstream, Streaming};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
        .at("streams", streams as f64)
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

/// Streams of the connection that goes on; each step sends one document of each.
const STEPPED: usize = 64;

/// Steps of a connection while others are closed.
fn stall(bench: &mut Bench) {
    let question = "step beside closers, 2 closers of 20,000 streams each";
    if !bench.wants(question) {
        return;
    }
    let steps = bench.sized(5_000, 50);
    let mut by_cpu = Vec::new();
    for (who, [without, with]) in
        [(Millstream::NAME, stalls::<Millstream>(steps)), (Locked::NAME, stalls::<Locked>(steps))]
    {
        for (which, steps) in [("no closers", without), ("closers", with)] {
            let named = format!("{who}, {which}");
            let (wall, cpu) = steps;
            bench.row(Row::distribution(question, &named, Unit::WallNs, &wall));
            bench.row(Row::distribution(question, &named, Unit::CpuNs, &cpu));
            by_cpu.push(cpu.quantile(0.99));
        }
    }
    let question = "step beside closers: p99 with them against without";
    for (who, pair) in [Millstream::NAME, Locked::NAME].into_iter().zip(by_cpu.chunks(2)) {
        let row = Row::new(question, who, Unit::Factor, pair[1] / pair[0]);
        let ours = who == Millstream::NAME;
        bench.row(if ours { row.bar(Bar::AtMost(1.2)) } else { row });
    }
}

type Steps = (Spread, Spread);

/// Times of steps, by the clock and by processor time, without closers and with.
fn stalls<E: Streaming>(steps: usize) -> [Steps; 2] {
    [false, true].map(|closing| {
        let mut stepped = Fleet::<E>::new(STEPPED, 16);
        stepped.open();
        stepped.write(1);
        stepped.run();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            if closing {
                for _ in 0..2 {
                    scope.spawn(|| close_until(&stop, Fleet::<E>::new(20_000, 16)));
                }
            }
            let (mut wall, mut cpu) = (Vec::new(), Vec::new());
            while wall.len() < steps {
                stepped.write_now(1);
                let (started, used) = (Instant::now(), thread_cpu());
                let documents = stepped.step_first();
                let (wall_ns, cpu_ns) = (started.elapsed(), thread_cpu() - used);
                assert_eq!(documents, STEPPED as u64, "each stream sends its one");
                wall.push(wall_ns.as_nanos() as f64);
                cpu.push(cpu_ns.as_nanos() as f64);
            }
            stop.store(true, Ordering::Relaxed);
            (Spread::of(wall), Spread::of(cpu))
        })
    })
}

/// Opens and closes until it is told to stop.
fn close_until<E: Streaming>(stop: &AtomicBool, mut fleet: Fleet<E>) {
    while !stop.load(Ordering::Relaxed) {
        fleet.reopen();
        for connection in fleet.connections() {
            let _: usize = connection.closer().close_all();
        }
    }
}
