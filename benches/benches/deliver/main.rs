//! What does it cost to deliver a message in process: to 1, 4 and 64 streams of one vbucket?
//!
//! A round writes 256 documents, which are then delivered to each stream by a step of its connection, to a sink that
//! looks at every value; all on one thread, by turns, so that nobody waits and no cache line travels. "Delivery" is
//! the consumers' side: find the stream, state check, snapshot, flow control with acknowledgements, sink. "Both sides"
//! has the write in it: for ours that is a database write with its key index, for the queues a push.
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

#[cfg(feature = "compare")]
mod peers;

use benches::baseline::Locked;
use benches::measure::{Bar, Bench, Row, Spent, Stopwatch, Unit};
use benches::workload::{Connection, Documents, Millstream, Received, Streaming, Writer};
use millstream::types::VbId;
use std::hint::black_box;
use std::process::ExitCode;

/// Messages of a round.
const ROUND: u64 = 256;
const VALUE_BYTES: usize = 256;

fn main() -> ExitCode {
    Bench::run("deliver", |bench| {
        for consumers in [1, 4, 64] {
            for owned in [false, true] {
                delivery(bench, consumers, owned);
            }
            both_sides(bench, consumers, 1);
            both_sides(bench, consumers, 64);
        }
    })
}

/// The consumers' side.
fn delivery(bench: &mut Bench, consumers: usize, owned: bool) {
    let kind = if owned { "Bytes of its own" } else { "inline" };
    let question = format!("deliver 256 B, {kind}, consumers {consumers}");
    if !bench.wants(&question) {
        return;
    }
    let (mut ours, mut locked) =
        (Turns::<Millstream>::new(consumers, owned), Turns::<Locked>::new(consumers, owned));
    let mut contest = bench
        .contest(question)
        .at(format!("deliver 256 B, {kind}"), "consumers", consumers as f64)
        .contender(Millstream::NAME, |n| ours.rounds(n).1);
    if !owned && consumers != 4 {
        contest = contest.bar(Bar::AtMost(if consumers == 1 { 20.0 } else { 6.0 }));
    }
    let contest = contest.contender(Locked::NAME, |n| locked.rounds(n).1);
    #[cfg(feature = "compare")]
    let contest = peers::enter(contest, consumers, owned, peers::Side::Delivery);
    let rows = contest.run();
    if !owned {
        ratios(bench, &rows, consumers);
    }
}

fn both_sides(bench: &mut Bench, consumers: usize, batch: usize) {
    let how = if batch == 1 { "each alone".into() } else { format!("batches of {batch}") };
    let question = format!("write ({how}) and deliver 256 B, inline, consumers {consumers}");
    if !bench.wants(&question) {
        return;
    }
    let (mut ours, mut locked) =
        (Turns::<Millstream>::new(consumers, false), Turns::<Locked>::new(consumers, false));
    (ours.batch, locked.batch) = (batch, batch);
    let both = |(write, deliver): (Spent, Spent)| Spent {
        cpu: write.cpu + deliver.cpu,
        wall: write.wall + deliver.wall,
        ops: deliver.ops,
    };
    let contest = bench
        .contest(question)
        .at(format!("write ({how}) and deliver 256 B"), "consumers", consumers as f64)
        .contender(Millstream::NAME, |n| both(ours.rounds(n)))
        .contender(Locked::NAME, |n| both(locked.rounds(n)));
    #[cfg(feature = "compare")]
    let contest = match batch {
        1 => peers::enter(contest, consumers, false, peers::Side::Both),
        _ => contest,
    };
    contest.run();
}

/// Our figure beside the peers that the bars name.
fn ratios(bench: &mut Bench, rows: &[Row], consumers: usize) {
    let Some(ours) = rows.first() else { return };
    let bars = [(1, "disruptor", 1.5), (64, "tokio::broadcast", 1.0 / 3.0)];
    for (at, peer, limit) in bars {
        let Some(theirs) = rows.iter().find(|row| at == consumers && row.who == peer) else {
            continue;
        };
        let question = format!("{}: against {peer}", ours.question);
        let row = Row::new(question, &ours.who, Unit::Factor, ours.value / theirs.value);
        bench.row(row.bar(Bar::AtMost(limit)));
    }
}

/// Writer and consumers by turns.
struct Turns<E: Streaming> {
    connections: Vec<(E::Connection, Received)>,
    documents: Documents,
    next: u64,
    /// Documents that are written at a time.
    batch: usize,
    engine: E,
}

impl<E: Streaming> Turns<E> {
    fn new(consumers: usize, owned: bool) -> Self {
        let engine = E::new(1);
        let connect = |n: usize| {
            let mut connection = engine.connect(&format!("consumer {n}"));
            connection.open(VbId(0));
            (connection, if owned { Received::owning() } else { Received::default() })
        };
        let connections = (0..consumers).map(connect).collect();
        Self { connections, documents: Documents::of(VALUE_BYTES), next: 0, batch: 1, engine }
    }

    /// Rounds until there were `n` deliveries: what the writes took, and what the deliveries took.
    fn rounds(&mut self, n: u64) -> (Spent, Spent) {
        let (mut writes, mut deliveries) = (Spent::default(), Spent::default());
        while deliveries.ops < n {
            let mut writer = self.engine.writer();
            let numbers: Vec<u64> = (self.next..self.next + ROUND).map(|n| n % 4096).collect();
            self.next += ROUND;
            let watch = Stopwatch::start();
            for batch in numbers.chunks(self.batch) {
                match batch {
                    [n] => {
                        let (key, value) = self.documents.nth(*n);
                        writer.set(VbId(0), key, value);
                    }
                    _ => writer.set_batch(VbId(0), &mut self.documents, batch),
                }
            }
            writes = writes.then(watch.stop(ROUND));
            drop(writer);
            let mut documents = 0;
            let watch = Stopwatch::start();
            for (connection, received) in &mut self.connections {
                documents += connection.run(received);
            }
            deliveries = deliveries.then(watch.stop(documents));
            let expected = ROUND * self.connections.len() as u64;
            assert_eq!(documents, expected, "everybody gets everything");
        }
        for (_, received) in &self.connections {
            black_box(received.digest);
        }
        (writes, deliveries)
    }
}
