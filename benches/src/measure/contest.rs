//! Contenders by turns.

use super::bench::Bench;
use super::clock::Spent;
use super::rows::{Bar, Place, Row, Unit};
use super::spread::Spread;
use criterion::Throughput;
use std::env;
use std::time::Duration;

/// Rounds that each contender runs.
const ROUNDS: usize = 15;
/// How long one round of one contender is about to take: shorter than a time slice.
const ROUND: Duration = Duration::from_millis(4);
/// The same where a contender cannot do less at a time.
const ITERATIONS_LEAST: u64 = 1;

/// A question and its contenders; see the [module](super).
pub struct Contest<'b, 'a> {
    bench: &'b mut Bench,
    question: String,
    contenders: Vec<Contender<'a>>,
    rounds: usize,
    iterations: Option<u64>,
    round: Duration,
    with_criterion: bool,
    at: Option<Place>,
}

struct Contender<'a> {
    who: String,
    run: Box<dyn FnMut(u64) -> Spent + 'a>,
    bar: Option<Bar>,
    iterations: u64,
    spent: Vec<Spent>,
}

impl<'b, 'a> Contest<'b, 'a> {
    pub(super) fn new(bench: &'b mut Bench, question: String) -> Self {
        let (rounds, iterations) = (bench.sized(ROUNDS, 1), bench.is_quick().then_some(1));
        let (contenders, at) = (Vec::new(), None);
        let (round, with_criterion) = (ROUND, true);
        Self { bench, question, contenders, rounds, iterations, round, with_criterion, at }
    }

    /// Adds a contender: it does its operation at least as often as it is told and says what that took. The first
    /// contender is ours; the others are shown as multiples of it. With `BENCH_ONLY` set only contenders whose name
    /// contains it run: for a profile.
    #[must_use]
    pub fn contender(mut self, who: impl Into<String>, run: impl FnMut(u64) -> Spent + 'a) -> Self {
        let (who, run) = (who.into(), Box::new(run));
        if env::var("BENCH_ONLY").is_ok_and(|only| !who.contains(&only)) {
            return self;
        }
        let (bar, spent) = (None, Vec::new());
        self.contenders.push(Contender { who, run, bar, iterations: ITERATIONS_LEAST, spent });
        self
    }

    /// What the contender that was added last has to keep to, in nanoseconds of processor time.
    #[must_use]
    pub fn bar(mut self, bar: Bar) -> Self {
        if let Some(last) = self.contenders.last_mut() {
            last.bar = Some(bar);
        }
        self
    }

    /// So many rounds; each contender is told `iterations` in each. For operations of which one is long.
    #[must_use]
    pub fn rounds(mut self, rounds: usize, iterations: u64) -> Self {
        if !self.bench.is_quick() {
            (self.rounds, self.iterations) = (rounds, Some(iterations));
        }
        self
    }

    /// Rounds that long, for contenders of several threads: these have to run at the same time for most of a round.
    #[must_use]
    pub fn round(mut self, round: Duration) -> Self {
        self.round = round;
        self
    }

    /// Without criterion's own statistics: for operations that need so much preparation that the rounds must do.
    #[must_use]
    pub fn rounds_only(mut self) -> Self {
        self.with_criterion = false;
        self
    }

    /// What it is measured at; `series` is the question without the place, as plots are named.
    #[must_use]
    pub fn at(mut self, series: impl Into<String>, axis: &'static str, x: f64) -> Self {
        self.at = Some(Place { series: series.into(), axis, x });
        self
    }

    /// Runs it, and returns the rows, one for each contender; none if the question was not to be asked.
    pub fn run(mut self) -> Vec<Row> {
        if !self.bench.wants(&self.question) {
            return Vec::new();
        }
        for contender in &mut self.contenders {
            let calibrated = || contender.calibrate(self.round);
            contender.iterations = self.iterations.unwrap_or_else(calibrated);
        }
        for _ in 0..self.rounds {
            for contender in &mut self.contenders {
                let spent = (contender.run)(contender.iterations);
                assert!(spent.ops > 0, "{}: {} did nothing", self.question, contender.who);
                contender.spent.push(spent);
            }
        }
        let rows = self.rows();
        for row in &rows {
            self.bench.row(row.clone());
        }
        if self.with_criterion {
            self.ask_criterion();
        }
        rows
    }

    fn rows(&self) -> Vec<Row> {
        let Some(ours) = self.contenders.first() else { return Vec::new() };
        let row = |contender: &Contender<'_>| {
            let cpu = Spread::of(contender.spent.iter().map(Spent::cpu_ns));
            let wall = Spread::of(contender.spent.iter().map(Spent::wall_ns));
            let pairs = contender.spent.iter().zip(&ours.spent);
            let ratio = Spread::of(pairs.map(|(it, ours)| it.cpu_ns() / ours.cpu_ns())).median();
            let mut row = Row::new(&self.question, &contender.who, Unit::CpuNs, cpu.median());
            row.spread = Some((cpu.quantile(0.1), cpu.quantile(0.9)));
            row.wall_ns = Some(wall.median());
            row.ratio = Some(ratio);
            row.bar = contender.bar;
            row.at = self.at.clone();
            row.rounds = contender.spent.iter().map(Spent::cpu_ns).collect();
            row
        };
        self.contenders.iter().map(row).collect()
    }

    fn ask_criterion(&mut self) {
        let mut group = self.bench.criterion.benchmark_group(&self.question);
        group.throughput(Throughput::Elements(1));
        for contender in &mut self.contenders {
            group.bench_function(&contender.who, |bencher| {
                bencher.iter_custom(|iterations| {
                    let spent = (contender.run)(iterations);
                    Duration::from_nanos((spent.cpu_ns() * iterations as f64) as u64)
                });
            });
        }
        group.finish();
    }
}

impl Contender<'_> {
    /// How many iterations make a round.
    fn calibrate(&mut self, round: Duration) -> u64 {
        let mut iterations = ITERATIONS_LEAST;
        loop {
            let spent = (self.run)(iterations);
            let took = spent.cpu.max(Duration::from_nanos(1));
            if took >= round / 4 {
                let scale = round.as_secs_f64() / took.as_secs_f64();
                return ((iterations as f64 * scale) as u64).max(ITERATIONS_LEAST);
            }
            iterations *= 4;
        }
    }
}
