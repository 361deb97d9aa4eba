//! The questions, one after the other.

use super::arguments::Question;
use super::ours::From;
use super::passes::{self, Side, Taken};
use super::process::{Latency, Process, Took};
use super::{Arguments, memcached, nats, ours, postgres, redis};
use crate::measure::{self, Bar, Place, Row, Rows, Unit};
use crate::million::Failure;
use crate::million::documents::Documents;
use crate::million::server::Server;
use clap::ValueEnum;
use core::ops::Range;

/// Measures every question, prints the figures and writes them to `target/figures/bench/servers.json`; those of a quick
/// run only where `BENCH_FIGURES` says, so that they do not take the place of real ones.
///
/// # Errors
/// When a server cannot be started or reached, refuses, or a document is missing or comes twice: the other questions
/// are asked all the same, and their figures are kept.
pub fn measure(arguments: &Arguments) -> Result<(), Failure> {
    let arguments = arguments.scaled();
    let documents = Documents { value_bytes: arguments.value as usize };
    let keep = !arguments.only.is_empty();
    let begun = measure::Run::begin();
    let mut run =
        Run { arguments, documents, rows: Rows::new("servers", keep), failed: Vec::new() };
    println!("{:<44} {:<12} {:>10} {:>12} {:>10}", "", "", "server ns", "per second", "p50 us");
    for question in Question::value_variants() {
        if run.arguments.wants(*question)
            && let Err(error) = run.ask(*question)
        {
            println!("{question:?}: failed: {error}");
            run.failed.push(format!("{question:?}: {error}"));
        }
    }
    let asked: Vec<_> = std::env::args().skip(1).collect();
    let peers = if cfg!(feature = "compare") { " --features compare" } else { "" };
    let command =
        format!("cargo run --release -p benches{peers} --bin servers -- {}", asked.join(" "));
    let mut about = begun.about(command.trim_end_matches(" -- "));
    about["documents"] = run.arguments.documents.into();
    about["value_bytes"] = run.arguments.value.into();
    about["passes"] = run.arguments.passes.into();
    about["failed"] = run.failed.clone().into();
    if run.arguments.quick && std::env::var_os("BENCH_FIGURES").is_none() {
        println!("not written: a quick run");
    } else {
        println!("written: {}", run.rows.write(&about)?.display());
    }
    if run.failed.is_empty() { Ok(()) } else { Err(run.failed.join("; ").into()) }
}

struct Run {
    arguments: Arguments,
    documents: Documents,
    rows: Rows,
    /// What could not be measured, and why.
    failed: Vec<String>,
}

fn side<'a>(who: &'static str, pass: impl FnMut(u32) -> Result<Took, Failure> + 'a) -> Side<'a> {
    Side { who, pass: Box::new(pass) }
}

/// Ours and the peers, each to read everything from its beginning.
fn catching_up<'a>(
    (server, from): (&'a Server, From),
    (redis, nats): (Option<&'a Process>, Option<&'a Process>),
    count: u64,
) -> Vec<Side<'a>> {
    let mut sides = vec![side("millstream", move |_| ours::catch_up(server, 0..count, from))];
    if let Some(peer) = redis {
        sides.push(side("redis", move |_| redis::catch_up(peer, count)));
    }
    if let Some(peer) = nats {
        sides.push(side("nats", move |_| nats::catch_up(peer, count)));
    }
    sides
}

impl Run {
    fn ask(&mut self, question: Question) -> Result<(), Failure> {
        match question {
            Question::Ingest => self.ingest(),
            Question::Durable => self.durable(),
            Question::CatchUp => self.catch_up(),
            Question::FanOut => self.fan_out(),
            Question::Paced => self.paced(),
            Question::Database => self.database(),
            Question::ByValue => self.by_value(),
            Question::ByConsumers => self.by_consumers(),
        }
    }

    /// A peer that runs, if it is installed and starts.
    fn installed(
        &mut self,
        name: &'static str,
        start: fn() -> Result<Option<Process>, Failure>,
    ) -> Option<Process> {
        match start() {
            Ok(None) => println!("{name}: skipped, it is not installed"),
            Ok(process) => return process,
            Err(error) => self.failed.push(format!("{name} does not start: {error}")),
        }
        None
    }

    fn take_turns(&mut self, passes: u32, sides: Vec<Side<'_>>) -> Result<Vec<Taken>, Failure> {
        passes::take_turns(passes, sides, &mut self.failed)
    }

    /// Numbers that no earlier pass used.
    fn numbers(count: u64, pass: u32) -> Range<u64> {
        let from = u64::from(pass) * count;
        from..from + count
    }

    fn ingest(&mut self) -> Result<(), Failure> {
        let (documents, count) = (self.documents, self.arguments.documents);
        let total = count * u64::from(self.arguments.passes);
        let server = ours::start(None, total, self.arguments.value, false)?;
        let folder = tempfile::tempdir()?;
        let stored = ours::start(Some(folder.path()), total, self.arguments.value, false)?;
        let memcached = self.installed("memcached", memcached::start);
        let redis = self.installed("redis", redis::start);
        let mut sides = vec![
            side("millstream", |pass| ours::ingest(&server, documents, Self::numbers(count, pass))),
            side("on disk", |pass| ours::ingest(&stored, documents, Self::numbers(count, pass))),
        ];
        if let Some(peer) = &memcached {
            let place = (peer.pid(), peer.port);
            sides.push(side("memcached", move |pass| {
                memcached::ingest(place, documents, Self::numbers(count, pass), None)
            }));
        }
        if let Some(peer) = &redis {
            sides.push(side("redis", move |pass| {
                redis::ingest(peer, documents, Self::numbers(count, pass))
            }));
        }
        let taken = self.take_turns(self.arguments.passes, sides)?;
        self.tell("ingest, pipelined", &taken, &[("memcached", Bar::AtLeast(1.0))], Some(1000.0));
        server.stop()?;
        stored.stop()
    }

    fn durable(&mut self) -> Result<(), Failure> {
        let (documents, count) = (self.documents, self.arguments.answered);
        let folder = tempfile::tempdir()?;
        let total = count * u64::from(self.arguments.passes);
        let server = ours::start(Some(folder.path()), total, self.arguments.value, true)?;
        let nats = self.installed("nats", nats::start);
        let mut sides = vec![side("millstream", |pass| {
            ours::ingest(&server, documents, Self::numbers(count, pass))
        })];
        if let Some(peer) = &nats {
            sides.push(side("nats", move |pass| {
                nats::ingest(peer, documents, Self::numbers(count, pass))
            }));
        }
        let taken = self.take_turns(self.arguments.passes, sides)?;
        let question = "ingest, answered once synced (NATS: once stored)";
        self.tell(question, &taken, &[("nats", Bar::AtLeast(1.0))], None);
        if let Some(rate) = taken.first().and_then(|ours| ours.median(|took| Some(took.per_second)))
        {
            let question = "ingest, answered once synced, a thousand under way: writes in a second";
            let row = Row::new(question, "millstream", Unit::MillionsPerSecond, rate / 1e6);
            self.rows.add(&row.bar(Bar::AtLeast(0.1)));
        }
        server.stop()
    }

    fn catch_up(&mut self) -> Result<(), Failure> {
        let (documents, count) = (self.documents, self.arguments.documents);
        let folder = tempfile::tempdir()?;
        let server = ours::start(Some(folder.path()), count, self.arguments.value, false)?;
        ours::ingest(&server, documents, 0..count)?;
        let redis = self.installed("redis", redis::start);
        if let Some(peer) = &redis {
            redis::ingest(peer, documents, 0..count)?;
        }
        let nats = self.installed("nats", nats::start);
        if let Some(peer) = &nats {
            nats::ingest(peer, documents, 0..count)?;
        }
        let peers = (redis.as_ref(), nats.as_ref());
        ours::settle(&server)?;
        let taken = self.take_turns(
            self.arguments.passes,
            catching_up((&server, From::Memory), peers, count),
        )?;
        let bars = [("redis", Bar::AtLeast(2.0))];
        self.tell("catch-up from memory, one consumer", &taken, &bars, Some(200.0));
        server.stop()?;
        // Less memory than the keys take, so that every document comes from the disk.
        let server = ours::start(Some(folder.path()), 0, self.arguments.value, false)?;
        ours::settle(&server)?;
        let taken = self
            .take_turns(self.arguments.passes, catching_up((&server, From::Disk), peers, count))?;
        let bars = [("redis", Bar::AtLeast(1.5)), ("nats", Bar::AtLeast(5.0))];
        self.tell("catch-up from disk, warm, one consumer", &taken, &bars, None);
        server.stop()
    }

    fn fan_out(&mut self) -> Result<(), Failure> {
        let (documents, count) = (self.documents, self.arguments.followed);
        let (consumers, value) = (self.arguments.consumers, self.arguments.value);
        let redis = self.installed("redis", redis::start);
        let mut sides = vec![side("millstream", |pass| {
            let server = ours::start(None, count, value, false)?;
            ours::fan_out(&server, documents, consumers, Self::numbers(count, pass))
        })];
        if let Some(peer) = &redis {
            sides.push(side("redis", move |pass| {
                redis::fan_out(peer, documents, consumers, Self::numbers(count, pass))
            }));
        }
        let taken = self.take_turns(self.arguments.passes, sides)?;
        let bars = [("redis", Bar::AtLeast(3.0))];
        self.tell(&format!("fan-out to {consumers} consumers"), &taken, &bars, Some(200.0));
        Ok(())
    }

    /// A database that is asked for its changes, on as many documents as it takes in a moment.
    fn database(&mut self) -> Result<(), Failure> {
        let (documents, count) = (self.documents, self.arguments.answered);
        let Some(peer) = self.installed("postgres", postgres::start) else { return Ok(()) };
        postgres::prepare(&peer)?;
        let total = count * u64::from(self.arguments.passes);
        let folder = tempfile::tempdir()?;
        let server = ours::start(Some(folder.path()), total, self.arguments.value, true)?;
        let taken = self.take_turns(
            self.arguments.passes,
            vec![
                side("millstream", |pass| {
                    ours::ingest(&server, documents, Self::numbers(count, pass))
                }),
                side("postgres", |pass| {
                    postgres::ingest(&peer, documents, Self::numbers(count, pass))
                }),
            ],
        )?;
        self.tell("ingest, synced (PostgreSQL: COPY, 1000 rows a commit)", &taken, &[], None);
        ours::settle(&server)?;
        let taken = self.take_turns(
            self.arguments.passes,
            vec![
                side("millstream", |_| ours::catch_up(&server, 0..total, From::Anywhere)),
                side("postgres", |_| postgres::catch_up(&peer, total)),
            ],
        )?;
        self.tell("catch-up beside logical decoding", &taken, &[], None);
        server.stop()
    }

    /// Catch-up from memory at other sizes of value.
    fn by_value(&mut self) -> Result<(), Failure> {
        let redis = self.installed("redis", redis::start);
        for value in [16, 64, 256, 1024, 4096, 16_384, 65_536_u64] {
            let documents = Documents { value_bytes: value as usize };
            // About as many bytes each time.
            let count = (self.arguments.documents * 256 / (value + 128)).clamp(1000, 400_000);
            let server = ours::start(None, count, value, false)?;
            ours::ingest(&server, documents, 0..count)?;
            if let Some(peer) = &redis {
                redis::clear(peer)?;
                redis::ingest(peer, documents, 0..count)?;
            }
            ours::settle(&server)?;
            let sides = catching_up((&server, From::Memory), (redis.as_ref(), None), count);
            let taken = self.take_turns(self.arguments.passes, sides)?;
            self.place("catch-up from memory", ("value bytes", value as f64), &taken);
            server.stop()?;
        }
        Ok(())
    }

    /// One writer, and ever more who follow it.
    fn by_consumers(&mut self) -> Result<(), Failure> {
        let (documents, count) = (self.documents, self.arguments.followed);
        let value = self.arguments.value;
        let redis = self.installed("redis", redis::start);
        for consumers in [1, 2, 4, 8, 16, 32, 64] {
            let mut sides = vec![side("millstream", |pass| {
                let server = ours::start(None, count, value, false)?;
                ours::fan_out(&server, documents, consumers, Self::numbers(count, pass))
            })];
            if let Some(peer) = &redis {
                sides.push(side("redis", move |pass| {
                    redis::fan_out(peer, documents, consumers, Self::numbers(count, pass))
                }));
            }
            let taken = self.take_turns(1, sides)?;
            self.place("fan-out", ("consumers", consumers as f64), &taken);
        }
        Ok(())
    }

    /// Keeps what the sides took at one place of an axis.
    fn place(&mut self, question: &str, at: (&'static str, f64), taken: &[Taken]) {
        for side in taken {
            let (axis, x) = at;
            let server_ns = side.median(|took| Some(took.server_ns)).unwrap_or_default();
            let rate = side.median(|took| Some(took.per_second)).unwrap_or_default();
            println!(
                "{:<44} {:<12} {server_ns:>10.0} {rate:>12.0}",
                format!("{question}, {x} {axis}"),
                side.who
            );
            let named = format!("{question} by {axis}: {x}");
            let place = Place { series: question.into(), axis, x };
            let rate = Row::new(named.as_str(), side.who, Unit::MillionsPerSecond, rate / 1e6)
                .rounds(side.each(|took| Some(took.per_second / 1e6)));
            self.rows.add(&rate.at(place.clone()));
            let cpu = Row::new(named, side.who, Unit::CpuNs, server_ns)
                .rounds(side.each(|took| Some(took.server_ns)));
            self.rows.add(&cpu.at(place));
        }
    }

    fn paced(&mut self) -> Result<(), Failure> {
        let (documents, count) = (self.documents, self.arguments.paced);
        let value = self.arguments.value;
        let redis = self.installed("redis", redis::start);
        let mut sides = vec![side("millstream", |pass| {
            let server = ours::start(None, count, value, false)?;
            ours::paced(&server, documents, Self::numbers(count, pass))
        })];
        if let Some(peer) = &redis {
            sides.push(side("redis", move |_| redis::paced(peer, documents, count)));
        }
        let taken = self.take_turns(self.arguments.passes, sides)?;
        self.tell("write to consumer, one a millisecond", &taken, &[], None);
        let [ours, peer] = &taken[..] else { return Ok(()) };
        let p50 = |took: &Took| took.latency.map(|it| it.p50_ns);
        if let Some(ratio) = ours.ratio(peer, p50) {
            let question = "write to consumer, p50";
            println!("{question:<44} {ratio:.2} of {}'s", peer.who);
            for (side, by_ours) in [(ours, 1.0), (peer, 1.0 / ratio)] {
                let of = |each: fn(Latency) -> f64| {
                    side.median(|took| took.latency.map(each)).unwrap_or(f64::NAN)
                };
                let mut row = Row::new(question, side.who, Unit::WallNs, of(|it| it.p50_ns));
                row.tail = Some((of(|it| it.p99_ns), of(|it| it.p999_ns)));
                self.rows.add(&row.rounds(side.each(p50)).ratio(by_ours));
            }
            let ratio = Row::new(format!("{question}, by redis's"), "ratio", Unit::Factor, ratio);
            self.rows.add(&ratio.bar(Bar::AtMost(0.5)));
        }
        Ok(())
    }

    /// Prints what the sides took and keeps it: rates by ratio to each peer, the server's time by itself.
    fn tell(
        &mut self,
        question: &str,
        taken: &[Taken],
        bars: &[(&str, Bar)],
        most_ns: Option<f64>,
    ) {
        let rate = |took: &Took| Some(took.per_second);
        let Some(ours) = taken.first() else { return };
        for taken in taken {
            let server_ns = taken.median(|took| Some(took.server_ns)).unwrap_or_default();
            let per_second = taken.median(rate).unwrap_or_default();
            let p50 = taken.median(|took| took.latency.map(|it| it.p50_ns));
            let p50 = p50.map_or(String::new(), |ns| format!("{:.0}", ns / 1000.0));
            println!(
                "{question:<44} {:<12} {server_ns:>10.0} {per_second:>12.0} {p50:>10}",
                taken.who
            );
            let mut row = Row::new(question, taken.who, Unit::CpuNs, server_ns)
                .rounds(taken.each(|took| Some(took.server_ns)));
            if let Some(most) = most_ns.filter(|_| taken.who == ours.who) {
                row = row.bar(Bar::AtMost(most));
            }
            self.rows.add(&row);
            let row = Row::new(question, taken.who, Unit::MillionsPerSecond, per_second / 1e6)
                .rounds(taken.each(|took| Some(took.per_second / 1e6)));
            let ratio = taken.ratio(ours, rate).unwrap_or_default();
            self.rows.add(&row.ratio(ratio));
            if let Some((_, bar)) = bars.iter().find(|(who, _)| *who == taken.who) {
                let ratio = ours.ratio(taken, rate).unwrap_or_default();
                println!("{:<44} {ratio:.2} times {}'s rate", "", taken.who);
                let name = format!("{question}: rate by {}'s", taken.who);
                self.rows.add(&Row::new(name, "ratio", Unit::Factor, ratio).bar(*bar));
            }
        }
    }
}
