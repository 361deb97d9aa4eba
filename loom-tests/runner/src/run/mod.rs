//! Builds and runs the model binary, and finds out which models there should be.

mod cited;
mod plan;
mod workspace;

pub(crate) use cited::Cited;
pub(crate) use plan::Plan;
pub(crate) use workspace::{Outcome, Workspace};
