//! How many connections and streams can be opened and closed in a second?
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::baseline::Locked;
use benches::measure::{Bench, Row, Spent, Stopwatch, Unit};
use benches::workload::{Connection, Millstream, Streaming};
use millstream::producer::CloseOutcome;
use millstream::types::VbId;
use std::process::ExitCode;

fn main() -> ExitCode {
    Bench::run("open_close", |bench| {
        for others in bench.sized(vec![0, 10_000], vec![0]) {
            connections(bench, others);
        }
        streams(bench);
    })
}

/// A connection comes and goes, beside others that stay.
fn connections(bench: &mut Bench, others: usize) {
    let question = format!("open and close a connection, beside {others}");
    if !bench.wants(&question) {
        return;
    }
    let (ours, locked) = (Millstream::new(1024), Locked::new(1024));
    let _stay = (stay(&ours, others), stay(&locked, others));
    let contest = bench
        .contest(question)
        .contender(Millstream::NAME, |n| come_and_go(&ours, n))
        .contender(Locked::NAME, |n| come_and_go(&locked, n));
    let rows = contest.run();
    rates(bench, &rows, "connections");
}

fn stay<E: Streaming>(engine: &E, others: usize) -> Vec<E::Connection> {
    (0..others).map(|n| engine.connect(&format!("stays {n}"))).collect()
}

fn come_and_go<E: Streaming>(engine: &E, n: u64) -> Spent {
    let watch = Stopwatch::start();
    for _ in 0..n {
        drop(engine.connect("comes and goes"));
    }
    watch.stop(n)
}

/// Streams of one connection, all opened and then all closed, one by one.
fn streams(bench: &mut Bench) {
    const STREAMS: u16 = 1024;
    let question = "open and close a stream";
    if !bench.wants(question) {
        return;
    }
    let (ours, locked) = (Millstream::new(STREAMS.into()), Locked::new(STREAMS.into()));
    let (mut our, mut their) = (ours.connect("streams"), locked.connect("streams"));
    let contest = bench
        .contest(question)
        .contender(Millstream::NAME, |n| {
            let mut spent = Spent::default();
            while spent.ops < n {
                let watch = Stopwatch::start();
                for vb in (0..STREAMS).map(VbId) {
                    our.open(vb);
                }
                for vb in (0..STREAMS).map(VbId) {
                    assert_eq!(our.producer.close_stream(vb, None), CloseOutcome::Closed);
                }
                spent = spent.then(watch.stop(STREAMS.into()));
            }
            spent
        })
        .contender(Locked::NAME, |n| {
            let mut spent = Spent::default();
            while spent.ops < n {
                let watch = Stopwatch::start();
                for vb in (0..STREAMS).map(VbId) {
                    their.open(vb);
                }
                for vb in (0..STREAMS).map(VbId) {
                    assert!(their.close_stream(vb), "it was open");
                }
                spent = spent.then(watch.stop(STREAMS.into()));
            }
            spent
        });
    let rows = contest.run();
    rates(bench, &rows, "streams");
}

/// The same as a rate by the clock.
fn rates(bench: &mut Bench, rows: &[Row], what: &str) {
    for row in rows {
        let Some(wall_ns) = row.wall_ns else { continue };
        let question = format!("{}: {what} in a second", row.question);
        bench.row(Row::new(question, &row.who, Unit::MillionsPerSecond, 1000.0 / wall_ns));
    }
}
