//! `millstream tail`: every change of a bucket, one JSON object a line.
//!
//! ```text
//!  connect -> who is asked for what (plan) -> events -> judged (judge) -> written (render) -> remembered
//! (checkpoint)
//! ```
//!
//! A checkpoint is saved only of what standard output has taken, so that whoever reads it never misses an event: at
//! worst it sees some again.

mod arguments;
mod judge;
mod output;
mod plan;
mod refusals;
mod render;
mod run;
mod tailing;

#[cfg(test)]
mod tests;

pub(super) use arguments::TailArguments;
pub(super) use judge::{Granted, Judge};
pub(super) use run::run;
