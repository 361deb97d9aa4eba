//! The main function of each bench.

use super::clock::CpuTime;
use super::contest::Contest;
use super::growth::Growth;
use super::rows::{Row, Rows, Unit};
use super::run::Run;
use criterion::Criterion;
use std::env;
use std::process::ExitCode;
use std::time::Duration;

/// One bench: its questions, its rows, criterion.
pub struct Bench {
    name: &'static str,
    rows: Rows,
    filter: Option<String>,
    quick: bool,
    count: u64,
    missed: u64,
    pub(super) criterion: Criterion<CpuTime>,
}

impl Bench {
    /// Asks the questions in `body` and writes what came of them. Without `--bench`, as in `cargo test --benches`,
    /// everything runs once, as small as it can be, and no figure is kept unless `BENCH_FIGURES` says where.
    pub fn run(name: &'static str, body: impl FnOnce(&mut Self)) -> ExitCode {
        let run = Run::begin();
        let filter = env::args().skip(1).find(|argument| !argument.starts_with("--"));
        let quick = !env::args().any(|argument| argument == "--bench");
        let criterion = Criterion::default()
            .with_measurement(CpuTime)
            .sample_size(10)
            .nresamples(1000)
            .warm_up_time(Duration::from_millis(30))
            .measurement_time(Duration::from_millis(120))
            .configure_from_args();
        let rows = Rows::new(name, filter.is_some());
        let mut bench = Self { name, rows, filter, quick, count: 0, missed: 0, criterion };
        body(&mut bench);
        bench.finish(&run)
    }

    fn finish(self, run: &Run) -> ExitCode {
        let Self { name, count, missed, .. } = self;
        println!("{name}: {count} rows, {missed} bars missed, {:.0?}", run.took());
        if count == 0 && self.filter.is_none() {
            println!("{name}: nothing was measured");
            return ExitCode::FAILURE;
        }
        if self.quick && env::var_os("BENCH_FIGURES").is_none() {
            return ExitCode::SUCCESS;
        }
        let asked: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
        let about = run.about(&command(name, self.quick, &asked));
        match self.rows.write(&about) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                println!("{name}: the rows cannot be written: {error}");
                ExitCode::FAILURE
            }
        }
    }

    /// Whether this is only a test that everything runs.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        self.quick
    }

    /// `full`, or `quick` when this is only a test that everything runs.
    pub fn sized<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Whether a question is to be asked.
    #[must_use]
    pub fn wants(&self, question: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| question.contains(filter.as_str()))
    }

    /// Writes down how a cost grows, with the exponent that fits it best: values at several places of one axis.
    pub fn growth(&mut self, question: &str, who: &str, rows: &[Row]) {
        let points = rows.iter().filter_map(|row| Some((row.at.as_ref()?.x, row.value)));
        if let Some(slope) = Growth::of(points).exponent() {
            self.row(Row::new(format!("{question}: growth"), who, Unit::Exponent, slope));
        }
    }

    /// A question with several contenders, the first of which is ours.
    pub fn contest<'a>(&mut self, question: impl Into<String>) -> Contest<'_, 'a> {
        Contest::new(self, question.into())
    }

    /// Writes a figure down.
    pub fn row(&mut self, row: Row) {
        self.count += 1;
        self.missed += u64::from(row.holds() == Some(false));
        let verdict = match row.holds() {
            Some(true) => "  held",
            Some(false) => "  MISSED",
            None => "",
        };
        let ratio = row.ratio.map(|ratio| format!("  {ratio:.2}x")).unwrap_or_default();
        let wall = row.wall_ns.map(|wall| format!("  (wall {wall:.1})")).unwrap_or_default();
        let tail = row.tail.map(|(p99, p999)| format!("  p99 {p99:.0} p99.9 {p999:.0}"));
        let tail = tail.unwrap_or_default();
        println!(
            "{:<52} {:<34} {:>12.2} {}{tail}{wall}{ratio}{verdict}",
            row.question,
            row.who,
            row.value,
            row.unit.as_str(),
        );
        self.rows.add(&row);
    }
}

/// What started this bench, by cargo's name for it.
fn command(name: &str, quick: bool, asked: &[String]) -> String {
    let only = env::var("BENCH_ONLY").map_or(String::new(), |only| format!("BENCH_ONLY={only} "));
    let verb = match (quick, cfg!(debug_assertions)) {
        (false, _) => "bench",
        (true, false) => "test --release",
        (true, true) => "test",
    };
    let peers = if cfg!(feature = "compare") { " --features compare" } else { "" };
    let asked = if asked.is_empty() { String::new() } else { format!(" -- {}", asked.join(" ")) };
    format!("{only}cargo {verb} -p benches{peers} --bench {name}{asked}")
}
