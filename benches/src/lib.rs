//! Workloads and oracles shared by the benches.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a bench says what it measured")]

pub mod baseline;
pub mod measure;
pub mod million;
pub mod servers;
pub mod workload;
