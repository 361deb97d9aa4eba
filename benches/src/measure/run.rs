//! When, where and by what figures were measured.

use serde_json::{Value, json};
use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A run of a bench.
#[derive(Debug)]
pub struct Run {
    begun: Instant,
    unix_seconds: u64,
    load: Option<f64>,
}

impl Run {
    /// One that begins now.
    #[must_use]
    pub fn begin() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { begun: Instant::now(), unix_seconds: unix.as_secs(), load: load() }
    }

    /// How long it has taken.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What is written down about it: when, how long, by which command, on what machine, and what else that did.
    #[must_use]
    pub fn about(&self, command: &str) -> Value {
        json!({
            "unix_seconds": self.unix_seconds,
            "took_seconds": self.took().as_secs(),
            "command": command,
            "machine": machine(),
            "load_before": self.load,
            "load_after": load(),
        })
    }
}

/// The average number of tasks that ran or wanted to in the last minute.
fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn machine() -> String {
    let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    format!("{model}, {processors} processors, {} {kernel}", std::env::consts::OS)
}
