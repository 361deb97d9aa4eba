//! One connection: its streams, their turns, flow control, controls, no-ops.

mod control;
mod noop;
mod owner;
mod requests;
mod settings;
mod step;
mod table;

#[cfg(test)]
mod tests;

pub use crate::backfill::BackfillOrder;
pub use control::{
    BuiltControls, Control, ControlError, ControlRefusal, Controls, Feature, MarkerVersion, Negotiated,
    OutOfOrder, Priority,
};
pub use noop::NoopState;
pub use owner::{ConnectionHandle, Producer};
pub use requests::{CloseOutcome, RequestOutcome};
pub use settings::OpenOptions;
pub use step::{Departure, Step};
pub(crate) use table::StreamTable;
