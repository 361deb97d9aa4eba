//! What several models are set up with.

mod document;
mod engine;
mod plain;
mod room;
mod store;

pub(crate) use document::{doc, seqnos};
pub(crate) use engine::{bare, finish};
pub(crate) use plain::Plain;
pub(crate) use room::{Room, pinned};
pub(crate) use store::{DOCUMENT_BYTES, ModelStore};
