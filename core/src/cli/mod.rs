//! The `millstream` program: a server, and the tools to fill it and to watch it.
//!
//! Results go to standard output, everything else to standard error; progress is shown on terminals only. Each way of
//! failing has a sentence that says what went wrong and where, and an exit code, which `--help` lists.
#![forbid(unsafe_code)]

mod amounts;
mod args;
mod base64;
mod checkpoint;
mod exit;
mod host;
mod input;
mod load;
mod logging;
mod manage;
mod password;
mod progress;
mod quickstart;
mod ready;
mod report;
mod run;
mod serve;
mod signals;
mod stats;
mod tail;

#[cfg(test)]
mod tests;

pub use args::Arguments;
pub use exit::Failure;
pub use run::run;
