//! How does the cost of a message grow with vbuckets, connections and the value's size, and that of closing with
//! connections? (With streams: the benches `step` and `close_all`.)
//!
//! Each axis is followed by the exponent that fits it best: 0 is constant, 1 is linear.
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::baseline::Locked;
use benches::measure::{Bench, Row, Spent, Stopwatch};
use benches::workload::{Closer, Connection, Fleet, Millstream, Streaming};
use std::process::ExitCode;

/// Messages of a round, over all vbuckets.
const MESSAGES: u64 = 1 << 18;

fn main() -> ExitCode {
    Bench::run("scaling", |bench| {
        let vbuckets = bench.sized(vec![1, 16, 1024, 16_384, 65_536], vec![1, 4]);
        axis(bench, "vbuckets", &vbuckets, |vbuckets| Place {
            streams: vbuckets,
            vbuckets,
            value_bytes: 16,
        });
        let connections = bench.sized(vec![1, 10, 100, 1_000, 10_000], vec![1, 4]);
        axis(bench, "connections", &connections, |connections| Place {
            streams: connections,
            vbuckets: 1,
            value_bytes: 16,
        });
        let sizes = bench.sized(vec![16, 64, 256, 1_024, 4_096, 16_384, 65_536], vec![16, 64]);
        axis(bench, "value bytes", &sizes, |value_bytes| Place {
            streams: 1,
            vbuckets: 1,
            value_bytes,
        });
        closing(bench, &connections);
    })
}

/// Where a message's cost is measured.
#[derive(Clone, Copy)]
struct Place {
    streams: usize,
    vbuckets: usize,
    value_bytes: usize,
}

fn axis(bench: &mut Bench, name: &'static str, at: &[usize], place: impl Fn(usize) -> Place) {
    let question = format!("a message against {name}");
    let mut rows = Vec::new();
    for &x in at {
        let place = place(x);
        let contest = bench
            .contest(format!("{question}: {x}"))
            .rounds(3, 1)
            .rounds_only()
            .at(question.as_str(), name, x as f64)
            .contender(Millstream::NAME, |_| messages::<Millstream>(place))
            .contender(Locked::NAME, |_| messages::<Locked>(place));
        rows.extend(contest.run());
    }
    growth(bench, &question, &rows);
}

fn growth(bench: &mut Bench, question: &str, rows: &[Row]) {
    for who in [Millstream::NAME, Locked::NAME] {
        let of: Vec<Row> = rows.iter().filter(|row| row.who == who).cloned().collect();
        bench.growth(question, who, &of);
    }
}

/// Writes, and then delivers to every stream; what the delivery took.
fn messages<E: Streaming>(place: Place) -> Spent {
    let mut fleet = Fleet::<E>::over(place.streams, place.vbuckets, place.value_bytes);
    let connections = place.streams.div_ceil(place.vbuckets) as u64;
    let bytes = (place.value_bytes + 256) as u64;
    let all = (MESSAGES / connections).min((1 << 28) / bytes);
    let each = (all / fleet.vbuckets()).clamp(4, 16_384);
    fleet.write(each);
    fleet.open();
    let watch = Stopwatch::start();
    let documents = fleet.run();
    let spent = watch.stop(documents);
    assert_eq!(documents, each * place.streams as u64, "everything is delivered");
    spent
}

/// Closing so many connections of one stream each.
fn closing(bench: &mut Bench, connections: &[usize]) {
    let question = "close_all of a connection with one stream, against connections";
    let mut rows = Vec::new();
    for &x in connections {
        let contest = bench
            .contest(format!("{question}: {x}"))
            .rounds(5, 1)
            .rounds_only()
            .at(question, "connections", x as f64)
            .contender(Millstream::NAME, |_| close::<Millstream>(x))
            .contender(Locked::NAME, |_| close::<Locked>(x));
        rows.extend(contest.run());
    }
    growth(bench, question, &rows);
}

fn close<E: Streaming>(connections: usize) -> Spent {
    /// So many in a round, one fleet after the other: few of them take less than the clock can tell.
    const CLOSES: usize = 512;
    let mut fleet = Fleet::<E>::over(connections, 1, 16);
    let mut spent = Spent::default();
    while spent.ops < CLOSES as u64 {
        fleet.reopen();
        fleet.run();
        let handles: Vec<_> = fleet.connections().iter().map(Connection::closer).collect();
        let watch = Stopwatch::start();
        let ended: usize = handles.iter().map(Closer::close_all).sum();
        spent = spent.then(watch.stop(connections as u64));
        assert_eq!(ended, connections, "each stream ends once");
    }
    spent
}
