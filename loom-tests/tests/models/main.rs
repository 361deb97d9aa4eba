//! One file for each lock-free type, named like it; `cargo model` runs them all. Each test is one model, reports one row
//! under its own path, and is cited by that path in the type's table of orderings.
//!
//! A file that is not declared here, or declares no model, fails the run.

mod append_list;
mod arc_swap;
mod epoch;
mod pool;
mod published;
mod push_list;
mod quiesce;
