//! How does the cost of a message grow with vbuckets, streams, connections and the value's size, and that of closing
//! with streams and connections?
//!
//! Every stream is sent the same number of documents at a time at each place of an axis, after as many writes, so that
//! a stream's wake, turn and marker have the same share in a message everywhere. Each axis is followed by the exponent
//! that fits it best: 0 is constant, 1 is linear. (Closing by streams: the bench `close_all`.)
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::baseline::Locked;
use benches::measure::{Bench, Row, Spent, Stopwatch};
use benches::workload::{Closer, Connection, Fleet, Millstream, Streaming};
use std::process::ExitCode;

/// Documents of each stream at a time.
const EACH: u64 = 16;
/// Messages of a round at least: fewer take less than the clock can tell.
const MESSAGES_LEAST: u64 = 1 << 15;
/// Bytes of the values that a vbucket takes in a round at most.
const BYTES_MOST: u64 = 1 << 27;
/// Vbuckets of a bucket, unless they are the axis or there is but one stream to a connection.
const VBUCKETS: usize = 1024;

fn main() -> ExitCode {
    Bench::run("scaling", |bench| {
        let vbuckets = bench.sized(vec![1, 16, 1024, 16_384, 65_536], vec![1, 4]);
        let all = |vbuckets| Place { streams: vbuckets, vbuckets, value_bytes: 16 };
        let streams = bench.sized(vec![1, 10, 100, 1_000, 10_000, 100_000, 1_000_000], vec![1, 4]);
        let shared =
            |streams: usize| Place { streams, vbuckets: streams.min(VBUCKETS), value_bytes: 16 };
        let connections = bench.sized(vec![1, 10, 100, 1_000, 10_000], vec![1, 4]);
        let single = |connections| Place { streams: connections, vbuckets: 1, value_bytes: 16 };
        let sizes = bench.sized(vec![16, 64, 256, 1_024, 4_096, 16_384, 65_536], vec![16, 64]);
        let sized = |value_bytes| Place { streams: 1, vbuckets: 1, value_bytes };
        delivering(bench, "vbuckets", &vbuckets, all);
        delivering(bench, "streams", &streams, shared);
        delivering(bench, "connections", &connections, single);
        delivering(bench, "value bytes", &sizes, sized);
        closing(bench, "vbuckets", &vbuckets, all);
        closing(bench, "streams", &streams, shared);
        closing(bench, "connections", &connections, single);
    })
}

/// Where a cost is measured.
#[derive(Clone, Copy)]
struct Place {
    streams: usize,
    vbuckets: usize,
    value_bytes: usize,
}

/// A message's cost along an axis.
fn delivering(bench: &mut Bench, name: &'static str, at: &[usize], place: impl Fn(usize) -> Place) {
    let series = format!("a message against {name}");
    let mut rows = Vec::new();
    for &x in at {
        let question = format!("{series}: {x}");
        if !bench.wants(&question) {
            continue;
        }
        let place = place(x);
        let (mut ours, mut locked) = (fleet::<Millstream>(place), fleet::<Locked>(place));
        let contest = bench
            .contest(question)
            .rounds(3, 1)
            .rounds_only()
            .at(series.as_str(), name, x as f64)
            .contender(Millstream::NAME, |_| messages(&mut ours, place))
            .contender(Locked::NAME, |_| messages(&mut locked, place));
        rows.extend(contest.run());
    }
    growth(bench, &series, &rows);
}

fn growth(bench: &mut Bench, question: &str, rows: &[Row]) {
    for who in [Millstream::NAME, Locked::NAME] {
        let of: Vec<Row> = rows.iter().filter(|row| row.who == who).cloned().collect();
        bench.growth(question, who, &of);
    }
}

/// Streams that have sent what there was.
fn fleet<E: Streaming>(place: Place) -> Fleet<E> {
    let mut fleet = Fleet::over(place.streams, place.vbuckets, place.value_bytes);
    fleet.open();
    fleet.write(EACH);
    fleet.run();
    fleet
}

/// Writes to every stream, and then delivers, as often as it takes; what the deliveries took.
fn messages<E: Streaming>(fleet: &mut Fleet<E>, place: Place) -> Spent {
    let least = MESSAGES_LEAST.min(BYTES_MOST / place.value_bytes as u64);
    let mut spent = Spent::default();
    while spent.ops < least {
        fleet.write_now(EACH);
        let watch = Stopwatch::start();
        let documents = fleet.run();
        spent = spent.then(watch.stop(documents));
        assert_eq!(documents, EACH * place.streams as u64, "everything is delivered");
    }
    spent
}

/// What it costs a stream that all connections are closed, along an axis.
fn closing(bench: &mut Bench, name: &'static str, at: &[usize], place: impl Fn(usize) -> Place) {
    let series = format!("close_all, a stream, against {name}");
    let mut rows = Vec::new();
    for &x in at {
        let place = place(x);
        let contest = bench
            .contest(format!("{series}: {x}"))
            .rounds(3, 1)
            .rounds_only()
            .at(series.as_str(), name, x as f64)
            .contender(Millstream::NAME, |_| close::<Millstream>(place))
            .contender(Locked::NAME, |_| close::<Locked>(place));
        rows.extend(contest.run());
    }
    growth(bench, &series, &rows);
}

fn close<E: Streaming>(place: Place) -> Spent {
    /// Streams of a round at least, one fleet after the other: few of them take less than the clock can tell.
    const CLOSES: u64 = 512;
    let mut fleet = Fleet::<E>::over(place.streams, place.vbuckets, place.value_bytes);
    let mut spent = Spent::default();
    while spent.ops < CLOSES {
        fleet.reopen();
        fleet.run();
        let handles: Vec<_> = fleet.connections().iter().map(Connection::closer).collect();
        let watch = Stopwatch::start();
        let ended: usize = handles.iter().map(Closer::close_all).sum();
        spent = spent.then(watch.stop(place.streams as u64));
        assert_eq!(ended, place.streams, "each stream ends once");
    }
    spent
}
