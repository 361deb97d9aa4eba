//! The program without a command: a store, filled and served, streamed back and compared, all in one.

mod contents;
mod run;
mod sample;
mod streamed;
mod summary;

pub(super) use run::{QuickStartArguments, run};
