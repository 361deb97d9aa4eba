//! Tests from outside, one module for each behaviour.

#[cfg(all(feature = "server", feature = "testing"))]
mod server;
mod tidy;
