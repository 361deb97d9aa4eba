//! One file for each lock-free type, named like it; `cargo model` runs them all. Each test is one model, reports
//! one row under its own path, and is cited by that path in the type's table of orderings.
//!
//! A file that is not declared here, or declares no model, fails the run.

mod append;
mod arc_swap;
mod backfill;
mod budget;
mod collection;
mod connection;
mod domain;
mod engine;
mod epoch;
mod exclusive;
mod garbage;
mod index;
mod log;
mod map;
mod outbox;
mod partition;
mod place;
mod pool;
mod producer;
mod published;
mod push;
mod quiesce;
mod ready;
mod scene;
mod shelf;
mod slots;
mod table;
mod turns;
mod wait;
mod window;
mod word;
