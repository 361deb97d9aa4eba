//! How far something is, on a terminal; nothing at all anywhere else.

use super::report::{Bytes, Count, per_second};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// How much of a file was loaded.
#[derive(Debug)]
pub(super) struct LoadProgress(Progress);

impl LoadProgress {
    /// For a file of so many bytes, if that is known.
    pub(super) fn new(bytes: Option<u64>) -> Self {
        Self(Progress::new(bytes))
    }

    /// So many bytes of it were read, and so many documents written.
    pub(super) fn at(&self, bytes: u64, documents: u64) {
        self.0.at(bytes, || {
            let rate = per_second(documents, self.0.begun.elapsed());
            format!("{} documents, {}/s", Count(documents), Count(rate as u64))
        });
    }

    /// A line above it, on standard error.
    pub(super) fn say(&self, line: &str) {
        self.0.bar.suspend(|| eprintln!("{line}"));
    }

    /// Takes it off the terminal.
    pub(super) fn end(&self) {
        self.0.bar.finish_and_clear();
    }
}

/// How far streams are.
#[derive(Debug)]
pub(super) struct TailProgress(Progress);

impl TailProgress {
    /// For streams of so many seqnos, if they have an end. Hidden when the events go to a terminal themselves.
    pub(super) fn new(seqnos: Option<u64>) -> Self {
        let progress = Progress::new(seqnos);
        if io::stdout().is_terminal() {
            progress.bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self(progress)
    }

    /// So many seqnos were passed, with so many documents of so many bytes.
    pub(super) fn at(&self, seqnos: u64, documents: u64, bytes: u64) {
        self.0.at(seqnos, || {
            let time = self.0.begun.elapsed();
            let (rate, speed) = (per_second(documents, time), per_second(bytes, time));
            format!("{} documents, {}/s, {}/s", Count(documents), Count(rate as u64), Bytes(speed))
        });
    }

    /// A line above it, on standard error.
    pub(super) fn say(&self, line: &str) {
        self.0.bar.suspend(|| eprintln!("{line}"));
    }

    /// Takes it off the terminal.
    pub(super) fn end(&self) {
        self.0.bar.finish_and_clear();
    }
}

/// A bar on standard error.
#[derive(Debug)]
struct Progress {
    bar: ProgressBar,
    begun: Instant,
}

impl Progress {
    fn new(total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let template = match total {
            Some(_) => "{bar:32} {percent:>3}%  {msg}, {eta} left",
            None => "{spinner} {msg}, {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if total.is_none() {
            bar.enable_steady_tick(TICK);
        }
        Self { bar, begun: Instant::now() }
    }

    fn at(&self, position: u64, message: impl FnOnce() -> String) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_message(message());
        self.bar.set_position(position);
    }
}

const TICK: Duration = Duration::from_millis(250);
