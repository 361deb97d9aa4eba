//! Standard output, which may be slow, stuck or gone.

use super::render::Render;
use crate::cli::exit::{Failure, io_failure};
use crate::client::Event;
use std::io::{self, Write};
use tokio::task;

/// Lines on their way to standard output.
#[derive(Debug)]
pub(super) struct Output {
    render: Render,
    lines: Vec<u8>,
    /// Lines were given away, and nobody said that they were taken.
    lost: bool,
}

/// Whether anybody reads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Reader {
    /// Everything was taken.
    Reads,
    /// The other end of the pipe is closed.
    Left,
}

impl Output {
    pub(super) fn new(render: Render) -> Self {
        Self { render, lines: Vec::new(), lost: false }
    }

    /// Adds the line of an event. It goes out with the next [`Output::flush`].
    pub(super) fn add(&mut self, event: &Event) -> Result<(), Failure> {
        self.render.line(event, &mut self.lines).map_err(|e| failure(&e))
    }

    /// Whether enough was added to write it.
    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= LINES_BYTES
    }

    /// Whether it is unknown which of the lines were taken.
    pub(super) fn has_lost(&self) -> bool {
        self.lost
    }

    /// Writes what was added, on a thread that may wait for whoever reads it.
    ///
    /// # Cancel safety
    /// Lines that were not taken yet are lost.
    pub(super) async fn flush(&mut self) -> Result<Reader, Failure> {
        if self.lines.is_empty() {
            return Ok(Reader::Reads);
        }
        let lines = core::mem::take(&mut self.lines);
        self.lost = true;
        let write = move || {
            let mut stdout = io::stdout().lock();
            let written = stdout.write_all(&lines).and_then(|()| stdout.flush());
            (lines, written)
        };
        let (mut lines, written) = match task::spawn_blocking(write).await {
            Ok(done) => done,
            Err(error) => return Err(failure(&io::Error::other(error))),
        };
        lines.clear();
        self.lines = lines;
        match written {
            Ok(()) => {
                self.lost = false;
                Ok(Reader::Reads)
            }
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Left),
            Err(e) => Err(failure(&e)),
        }
    }
}

fn failure(error: &io::Error) -> Failure {
    io_failure("cannot write to standard output", error)
}

/// Bytes that are written at a time, unless nothing more is there.
const LINES_BYTES: usize = 64 * 1024;
