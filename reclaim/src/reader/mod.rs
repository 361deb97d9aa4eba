//! Readers: who may look at published values, for how long, and how a stalled one is named.

mod handle;
mod pin;
mod place;
mod pool;
#[cfg(test)]
mod tests;

pub use handle::Reader;
pub use pin::Pin;
pub(crate) use place::{Place, Places};
pub(crate) use pool::Pool;
pub use pool::PooledReader;
