//! Tests from outside, one module for each behaviour.

#[cfg(all(feature = "server", feature = "testing"))]
mod allocations;
#[cfg(feature = "server")]
mod batches;
#[cfg(feature = "cli")]
mod cli;
#[cfg(all(feature = "embedded", feature = "testing"))]
mod collections;
mod conformance;
#[cfg(all(feature = "client", feature = "server", feature = "testing", target_os = "linux"))]
mod connections;
#[cfg(feature = "embedded")]
mod embedding;
#[cfg(all(feature = "server", feature = "client", feature = "testing"))]
mod frames;
#[cfg(feature = "cli")]
mod history;
#[cfg(feature = "cli")]
mod kill;
mod ledger;
#[cfg(all(feature = "server", feature = "testing"))]
mod many_streams;
#[cfg(feature = "cli")]
mod program;
mod races_table;
#[cfg(all(feature = "server", feature = "testing"))]
mod server;
#[cfg(feature = "testing")]
mod stream_oracle;
mod tidy;
