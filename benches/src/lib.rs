//! Workloads and oracles shared by the benches.

pub mod million;
