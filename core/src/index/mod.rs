//! The by-key index of one partition: for each key the newest version, in the log's window or (its meta data only)
//! out of it.

mod cell;
mod map;

pub(crate) use cell::{Cell, Current};
pub(crate) use map::Index;
