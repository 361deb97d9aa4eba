//! A model and its bounds.

use loom::model::Builder;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Steps of one execution before loom takes it for endless. Its default of 1,000 is too low for epochs.
const BRANCHES_MAX: usize = 20_000;

/// Pre-emptions more over a bare published pointer.
const BEYOND: usize = 1;

/// One model: built up, then checked. Its name is its test's path, which the runner compares.
#[derive(Debug)]
#[must_use = "a model that is not checked explores nothing"]
pub struct Model {
    name: &'static str,
    threads: usize,
    bound: Option<usize>,
    floor: u64,
    deep: Option<(Option<usize>, u64)>,
}

impl Model {
    /// A model of so many threads, the main one included, without a bound.
    pub fn new(name: &'static str, threads: usize) -> Self {
        assert!(threads <= loom::MAX_THREADS, "loom cannot run {threads} threads");
        Self { name, threads, bound: None, floor: 1, deep: None }
    }

    /// At most so many pre-emptions in one execution: switches away from a thread that could go on.
    pub fn bound(mut self, preemptions: usize) -> Self {
        self.bound = Some(preemptions);
        self
    }

    /// Fewer executions than this mean that the model has lost its race.
    pub fn floor(mut self, executions: u64) -> Self {
        self.floor = executions;
        self
    }

    /// The bound (`None`: none) and the floor of the deep tier; without this both tiers are the same.
    pub fn deep(mut self, preemptions: Option<usize>, executions: u64) -> Self {
        self.deep = Some((preemptions, executions));
        self
    }

    /// Runs every execution within the bound, prints the row, and fails below the floor.
    ///
    /// # Panics
    /// When an execution fails, or there were too few.
    pub fn check(self, execution: impl Fn() + Send + Sync + 'static) {
        let (bound, floor) = match (std::env::var("MILLSTREAM_MODELS").as_deref(), self.deep) {
            (Ok("deep"), Some(deep)) => deep,
            // A seeded bug has to be seen, not to be counted.
            (Ok("mutant"), _) => (self.bound, 0),
            // Smaller, so that it can be searched further; its own seeded bugs show that the race is there.
            (Ok("bare"), _) => (self.bound.map(|bound| bound + BEYOND), 1),
            _ => (self.bound, self.floor),
        };
        let executions = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&executions);
        let began = Instant::now();
        let mut builder = Builder::new();
        builder.max_branches = BRANCHES_MAX;
        builder.preemption_bound = bound;
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            execution();
        });
        let executions = executions.load(Ordering::Relaxed);
        let Self { name, threads, .. } = self;
        let shown = bound.map_or_else(|| "none".into(), |bound| bound.to_string());
        let took = began.elapsed().as_millis();
        println!("@model {name}|{threads}|{shown}|{executions}|{floor}|{took}");
        assert!(executions >= floor, "{name}: {executions} executions, at least {floor} expected");
    }
}
