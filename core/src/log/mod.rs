//! One partition's in-memory tail: a bounded, segmented, append-only log that writers fill without a lock and
//! any number of readers follow with a plain seqno for a cursor.
//!
//! [`Tail`] gives out seqnos, [`Log`] keeps the slots behind them. A writer reserves a seqno, fills its slot and
//! publishes it; readers see the *committed prefix*: everything up to the first slot that is not published.

mod arena;
mod doc;
mod reservation;
mod segment;
mod tail;
mod window;

#[cfg(test)]
mod tests;

pub use doc::Doc;
pub use reservation::Reservation;
pub(crate) use segment::Slot;
pub use tail::{Reserved, Tail, TailError};
pub use window::{Log, LogSettings, Opened, ReadTo};
