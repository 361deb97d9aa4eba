//! Tests from outside, one module for each behaviour.

#[cfg(all(feature = "server", feature = "testing"))]
mod server;
#[cfg(feature = "testing")]
mod stream_oracle;
mod tidy;
