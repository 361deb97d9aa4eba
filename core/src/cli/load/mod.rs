//! `millstream load`: the lines of a file become documents of a server.
//!
//! A thread of its own reads and checks lines ([`reader`]) while the batch before is on its way ([`writer`]). Order
//! is kept: of two lines with one key the later wins, whatever the server had to be asked twice for.

mod arguments;
mod reader;
mod run;
mod summary;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use arguments::LoadArguments;
pub(super) use run::run;
pub(super) use writer::{WriteFault, Writer, json_options};
