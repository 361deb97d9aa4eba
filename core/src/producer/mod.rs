//! One connection: its streams, their turns, flow control, controls, no-ops.

//!
//! # Orderings
//!
//! Of the files that have no table of their own.
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | F1 | a stream request: fence between taking the slot and the second look at the vbucket's state | SeqCst fence | F1 of `engine/states.rs`, between the new state and the look for streams | a stream validated against the old state outlives the change; the model finds the second look missing, and not the fence (see What is not verified) | `producer::state_change_vs_request` |
#![forbid(unsafe_code)]

mod control;
mod members;
mod noop;
mod owner;
mod pause;
mod requests;
mod settings;
mod step;
mod stream_reports;
mod stuck;
mod table;

#[cfg(test)]
mod exposed;
#[cfg(test)]
mod tests;

pub use crate::backfill::BackfillOrder;
pub use control::{
    BuiltControls, Control, ControlError, ControlRefusal, Controls, Feature, MarkerVersion,
    Negotiated, OutOfOrder, Priority,
};
pub use noop::NoopState;
pub use owner::{ConnectionHandle, Producer};
pub use pause::{PastPauses, PauseReason, Pauses};
pub use requests::{CloseOutcome, RequestOutcome};
pub use settings::{IncludeValues, OpenOptions};
pub use step::{Departure, Step};
pub use stream_reports::{Asked, FilterReport, StreamCounts};
pub(crate) use stream_reports::{StreamReport, StreamReports};
pub use stuck::StuckWatch;
pub(crate) use table::StreamTable;
