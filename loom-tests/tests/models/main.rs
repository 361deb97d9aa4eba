//! One file for each lock-free type, named like it; `cargo model` runs them all. Each test is one model, reports one row
//! under its own path, and is cited by that path in the type's table of orderings.
//!
//! A file that is not declared here, or declares no model, fails the run.

mod append;
mod arc_swap;
mod domain;
mod epoch;
mod garbage;
mod place;
mod pool;
mod published;
mod push;
mod quiesce;
