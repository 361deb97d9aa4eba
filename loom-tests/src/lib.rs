//! How a model is run: its bounds, its floor, and the row it reports.

#[cfg(not(millstream_loom))]
compile_error!("models need loom's types everywhere: run `cargo model` from the top folder");

mod canary;
mod model;
mod task;

pub use canary::{Canary, Drops};
pub use model::Model;
pub use task::block_on;
