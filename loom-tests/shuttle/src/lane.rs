//! The lane: shares the schedules out to processes, and sums up.

use crate::figures;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// What the processes did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) schedules: u64,
    /// Processes that ended with a failure; each stops at its first.
    pub(crate) failed: u64,
    /// How often things happened in all schedules together.
    pub(crate) seen: BTreeMap<String, u64>,
}

/// Runs the lane. Whether all is well.
pub(crate) fn run(schedules: u64, processes: u64, seed: u64, root: &Path) -> Result<bool, String> {
    let began = Instant::now();
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let outcome = share_out(&program, schedules, processes, seed, false)?;
    let seconds = began.elapsed().as_secs_f64();
    for (what, count) in &outcome.seen {
        println!("{what}: {count}");
    }
    let idle: Vec<_> = outcome.seen.iter().filter(|(_, count)| **count == 0).collect();
    for (what, _) in &idle {
        println!("FAULT: no schedule had {what}");
    }
    println!("schedules: {}, failed {}", outcome.schedules, outcome.failed);
    figures::write(root, &outcome, seconds, seed)?;
    let whole = outcome.schedules >= schedules && !outcome.seen.is_empty();
    Ok(outcome.failed == 0 && whole && idle.is_empty())
}

/// Runs a program's schedules in several processes. `quiet`: what they complain of is not shown.
pub(crate) fn share_out(
    program: &Path,
    schedules: u64,
    processes: u64,
    seed: u64,
    quiet: bool,
) -> Result<Outcome, String> {
    let mut children = Vec::new();
    for n in 0..processes {
        let share = schedules / processes + u64::from(n < schedules % processes);
        let child = Command::new(program)
            .args(["--share", "--schedules", &share.to_string()])
            .args(["--seed", &(seed * processes + n).to_string()])
            .stdout(Stdio::piped())
            .stderr(if quiet { Stdio::null() } else { Stdio::inherit() })
            .spawn();
        children.push(child.map_err(|error| format!("{}: {error}", program.display()))?);
    }
    let mut outcome = Outcome::default();
    for child in children {
        outcome.add(child)?;
    }
    Ok(outcome)
}

impl Outcome {
    fn add(&mut self, mut child: Child) -> Result<(), String> {
        let stdout = child.stdout.take().expect("stdout was asked for as a pipe");
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(|error| error.to_string())?;
            if let Some(done) = line.strip_prefix("@done ") {
                self.schedules += done.parse::<u64>().map_err(|error| error.to_string())?;
            } else if let Some(seen) = line.strip_prefix("@seen ") {
                self.add_seen(seen);
            }
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        self.failed += u64::from(!status.success());
        Ok(())
    }

    fn add_seen(&mut self, line: &str) {
        for (what, count) in line.split(", ").filter_map(|part| part.rsplit_once(' ')) {
            *self.seen.entry(what.into()).or_default() += count.parse().unwrap_or(0);
        }
    }
}
