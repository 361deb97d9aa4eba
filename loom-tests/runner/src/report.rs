//! The table, and what is wrong with it.

use crate::run::{Cited, Outcome};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// What a model printed: its name, threads, bound, executions, floor and milliseconds.
#[derive(Debug)]
struct Row {
    name: String,
    threads: String,
    bound: String,
    executions: u64,
    floor: u64,
    took: Duration,
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('|').map(str::trim);
        let mut next = || fields.next();
        let (name, threads, bound) = (next()?.into(), next()?.into(), next()?.into());
        let (executions, floor) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let took = Duration::from_millis(next()?.parse().ok()?);
        Some(Self { name, threads, bound, executions, floor, took })
    }
}

/// A run, summed up.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Row>,
    took: Duration,
    faults: Vec<String>,
    wanted: Vec<String>,
}

impl Report {
    /// `models` are those that the binary lists.
    pub(crate) fn new(models: &[String], outcome: &Outcome, cited: &Cited) -> Self {
        let mut faults = Vec::new();
        let mut rows = Vec::new();
        for line in &outcome.rows {
            match Row::parse(line) {
                Some(row) => rows.push(row),
                None => faults.push(format!("`{line}` is not a model's row")),
            }
        }
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        if models.is_empty() {
            faults.push("there is no such model".into());
        }
        let shown: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let listed: BTreeSet<&str> = models.iter().map(String::as_str).collect();
        let silent = listed.difference(&shown).map(|name| format!("{name} reported nothing"));
        faults.extend(silent);
        let unknown = shown.difference(&listed).map(|name| format!("{name} is no test's name"));
        faults.extend(unknown);
        let short = rows.iter().filter(|row| row.executions < row.floor.max(1));
        faults.extend(short.map(|row| {
            format!("{}: {} executions, at least {} expected", row.name, row.executions, row.floor)
        }));
        if !outcome.passed {
            faults.push("the test binary failed".into());
        }
        let missing = |cited: &BTreeSet<String>| -> Vec<String> {
            cited.iter().filter(|model| !listed.contains(model.as_str())).cloned().collect()
        };
        Self { rows, took: outcome.took, faults, wanted: missing(&cited.wanted) }
            .with_uncovered(missing(&cited.must_exist))
    }

    fn with_uncovered(mut self, missing: Vec<String>) -> Self {
        let faults = missing.iter().map(|model| format!("{model} is cited by a table and missing"));
        self.faults.extend(faults);
        self
    }

    pub(crate) fn is_good(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(5);
        writeln!(f, "\n{:width$}  threads  bound  executions   seconds", "model")?;
        for row in &self.rows {
            let Row { name, threads, bound, executions, .. } = row;
            let took = row.took.as_secs_f64();
            writeln!(f, "{name:width$}  {threads:>7}  {bound:>5}  {executions:>10}  {took:>8.1}")?;
        }
        let executions: u64 = self.rows.iter().map(|row| row.executions).sum();
        let total = format!("total: {} models", self.rows.len());
        let took = self.took.as_secs_f64();
        writeln!(f, "{total:width$}  {:>7}  {:>5}  {executions:>10}  {took:>8.1}", "", "")?;
        if !self.wanted.is_empty() {
            writeln!(f, "\ncited by tables, not written yet: {}", self.wanted.join(", "))?;
        }
        for fault in &self.faults {
            writeln!(f, "FAULT: {fault}")?;
        }
        Ok(())
    }
}
