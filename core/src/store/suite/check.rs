//! Running the checks and telling how they ended.

use super::{basics, history, runs, scans};
use crate::error::Result;
use crate::store::Store;
use std::fmt;

/// Where the suite gets its stores from.
///
/// It uses one store at a time: before it asks for another, it has dropped the one before and all its scans.
pub trait Maker {
    /// Makes a new and empty store for `vbuckets` vbuckets.
    ///
    /// # Errors
    /// Whatever hinders it; the check counts as broken.
    fn make(&mut self, vbuckets: u32) -> Result<Box<dyn Store>>;

    /// Drops the store, as the end of its process would, and opens what it left behind. `None` if such a store
    /// leaves nothing behind; checks that need it are then left out.
    fn reopen(&mut self, store: Box<dyn Store>) -> Option<Result<Box<dyn Store>>>;
}

/// How the checks of [`run`] ended.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The promises that were kept.
    pub kept: Vec<&'static str>,
    /// Those that such a store does not make.
    pub left_out: Vec<&'static str>,
    /// Those that were broken, with what happened.
    pub broken: Vec<(&'static str, String)>,
}

impl Report {
    /// Whether no promise was broken.
    pub fn is_kept(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kept, left_out) = (self.kept.len(), self.left_out.len());
        write!(f, "{kept} promises kept, {left_out} left out, {} broken", self.broken.len())?;
        for (name, what) in &self.broken {
            write!(f, "\n{name}: {what}")?;
        }
        Ok(())
    }
}

/// Goes through every promise of the contract.
pub fn run(maker: &mut dyn Maker) -> Report {
    let mut report = Report::default();
    let checks = [basics::CHECKS, scans::CHECKS, history::CHECKS, runs::CHECKS];
    for check in checks.into_iter().flatten() {
        match (check.run)(maker) {
            Ok(Verdict::Kept) => report.kept.push(check.name),
            Ok(Verdict::LeftOut) => report.left_out.push(check.name),
            Err(Broken(what)) => report.broken.push((check.name, what)),
        }
    }
    report
}

/// One promise and the check of it.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) run: fn(&mut dyn Maker) -> Outcome,
}

/// How a check ended, unless the promise was broken.
pub(super) enum Verdict {
    Kept,
    LeftOut,
}

/// What happened instead of what was promised.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

pub(super) type Outcome = std::result::Result<Verdict, Broken>;
pub(super) type Step<T = ()> = std::result::Result<T, Broken>;

impl From<crate::Error> for Broken {
    fn from(e: crate::Error) -> Self {
        Self(format!("{:?}: {e}", e.kind()))
    }
}

/// Checks a condition, and says what is broken if it does not hold.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::store::suite::check::Broken(format!($($what)+)));
        }
    };
}

/// Checks that a call is refused with an error of a kind.
macro_rules! ensure_refused {
    ($call:expr, $kind:pat, $what:literal) => {
        match $call {
            Err(e) if matches!(e.kind(), $kind) => {}
            Err(e) => {
                let kind = e.kind();
                return Err($crate::store::suite::check::Broken(format!(
                    "{} was refused, but with {kind:?}: {e}",
                    $what
                )));
            }
            Ok(_) => {
                return Err($crate::store::suite::check::Broken(format!(
                    "{} was not refused",
                    $what
                )));
            }
        }
    };
}

pub(super) use {ensure, ensure_refused};
