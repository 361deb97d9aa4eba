//! A million documents over loopback TCP: in, out from memory, out from disk, and as they are written.
//!
//! The server is a process of its own (the same program, called with `serve`), so that its processor time and memory
//! are told apart from the client's; client and server are those that everybody uses. Every pass checks that each
//! document came and that none came twice.
//!
//! Processor time is what to compare by: it hardly changes with what else the machine does. Rates by the clock are
//! lower bounds; how long the server waited for a processor is in the JSON line (`server_waited_ms`).

mod arguments;
mod catch_up;
pub(crate) mod documents;
mod failure;
mod ingest;
mod report;
mod run;
pub(crate) mod server;
mod tail;
pub(crate) mod usage;

pub use arguments::Arguments;
pub use failure::Failure;
pub use run::measure;
