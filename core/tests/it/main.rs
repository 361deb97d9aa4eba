//! Tests from outside, one module for each behaviour.

#[cfg(feature = "cli")]
mod cli;
#[cfg(all(feature = "embedded", feature = "testing"))]
mod collections;
#[cfg(feature = "cli")]
mod kill;
#[cfg(feature = "cli")]
mod program;
mod races_table;
#[cfg(all(feature = "server", feature = "testing"))]
mod server;
#[cfg(feature = "testing")]
mod stream_oracle;
mod tidy;
