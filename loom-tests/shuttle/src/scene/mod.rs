//! What happens in one schedule: a whole engine, and everybody who may use it, at once.

mod client;
mod closer;
mod dice;
mod play;
mod seen;
mod store;

pub(crate) use play::play;
pub(crate) use seen::seen;
