//! The reaper: where destructors run, what waits for it, and how one waits for it.

mod garbage;
mod quiesce;
mod reap;
mod retired;
#[cfg(test)]
mod tests;

pub(crate) use garbage::Garbage;
pub use quiesce::Quiesce;
pub(crate) use quiesce::Quiescence;
pub use reap::{Reaped, Reaper};
pub(crate) use retired::Retired;
