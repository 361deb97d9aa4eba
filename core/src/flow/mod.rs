//! What may be sent, and what may be read ahead: credit that is counted exactly and given back
//! once.
//!
//! [`Window`] is the flow-control window of a connection: what its client has not yet acknowledged.
//! [`Budget`] lends bytes to whoever reads ahead, as [`Permit`]s that return what is left of them
//! when they are dropped. [`Slots`] does the same for things that are counted one by one.
#![forbid(unsafe_code)]

mod budget;
mod slots;
#[cfg(test)]
mod tests;
mod window;

pub use budget::{Budget, Permit};
pub use slots::{SlotPermit, Slots};
pub use window::{Acked, Resized, Sending, Window};
