//! The line that tells that a server is ready.

use super::exit::{Failure, io_failure};
use serde::Serialize;
use std::io::{self, Write};
use std::net::SocketAddr;

/// What a program that started the server needs to know.
#[derive(Debug, Serialize)]
pub(super) struct Ready<'a> {
    pub(super) ready: bool,
    pub(super) listen: SocketAddr,
    /// The management endpoints, if they are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) http: Option<SocketAddr>,
    /// The encrypted port, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls: Option<SocketAddr>,
    /// The management endpoints, encrypted, if they are served so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) https: Option<SocketAddr>,
    pub(super) bucket: &'a str,
    pub(super) vbuckets: u32,
    /// The folder; `None` for a store in memory.
    pub(super) data: Option<String>,
    pub(super) pid: u32,
    pub(super) startup_ms: u64,
}

impl Ready<'_> {
    /// Writes it to standard output, which must be there: whoever closed it waits for nothing.
    pub(super) fn print(&self) -> Result<(), Failure> {
        print_line(self)
    }
}

/// One JSON object as a line on standard output.
pub(super) fn print_line(object: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(object).map_err(|e| stdout_failure(&e.into()))?;
    print_text(&format!("{line}\n"))
}

/// Text on standard output, at once.
pub(super) fn print_text(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|e| stdout_failure(&e))
}

fn stdout_failure(error: &io::Error) -> Failure {
    io_failure("cannot write to standard output", error)
}
