//! Workloads and oracles shared by the benches.
