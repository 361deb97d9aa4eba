//! Batches of documents on their way to a server.

use crate::cli::input::Document;
use crate::client::{KvClient, WriteOptions};
use crate::error::Error;
use crate::limits::LOAD_RETRY_PAUSE_MAX;
use crate::types::Datatype;
use crate::wire::{Feature, Status};
use core::ops::ControlFlow;
use core::time::Duration;
use std::collections::HashSet;
use tokio::time::{self, Instant};

/// How the protocol's libraries mark JSON in a document's flags.
pub(crate) const JSON_FLAGS: u32 = 0x0200_0000;

/// How JSON is written over this connection.
pub(crate) fn json_options(client: &KvClient) -> WriteOptions {
    let json = client.connection().features().contains(Feature::JSON);
    WriteOptions {
        flags: JSON_FLAGS,
        datatype: if json { Datatype::JSON } else { Datatype::RAW },
        ..WriteOptions::default()
    }
}

/// Writes batches of documents.
#[derive(Debug)]
pub(crate) struct Writer {
    client: KvClient,
    options: WriteOptions,
    /// How long to go on while the server takes nothing.
    patience: Duration,
    /// Documents that are written, or that a later document with the same key stands for.
    pub(super) written: u64,
    /// How often documents were offered again.
    pub(super) retries: u64,
}

/// Why a batch was not written whole.
#[derive(Debug)]
pub(crate) enum WriteFault {
    /// The server refused a document.
    Refused {
        /// Its place in the batch.
        at: usize,
        status: Status,
    },
    /// The server had no room for anything for too long.
    NoRoom { status: Status },
    /// The connection failed; some of the batch may be written.
    Broken(Error),
}

/// A document by its place in a batch.
struct Placed<'d> {
    at: usize,
    document: &'d Document,
}

impl AsRef<[u8]> for Placed<'_> {
    fn as_ref(&self) -> &[u8] {
        &self.document.key
    }
}

impl Writer {
    pub(crate) fn new(client: KvClient, options: WriteOptions, patience: Duration) -> Self {
        Self { client, options, patience, written: 0, retries: 0 }
    }

    /// Writes a batch; what the server has no room for is offered again, ever more slowly.
    ///
    /// # Cancel safety
    /// `written` counts what is known to be written; the rest of the batch may be written or not.
    pub(crate) async fn write(&mut self, documents: &[Document]) -> Result<(), WriteFault> {
        let mut left: Vec<usize> = (0..documents.len()).collect();
        let mut patience = Patience::new(self.patience, self.written);
        while !left.is_empty() {
            let batch = left.iter().map(|&at| {
                let document = &documents[at];
                (Placed { at, document }, &document.value)
            });
            let (before, written) = (self.written, &mut self.written);
            let mut no_room = None;
            let report = self.client.set_many_while(batch, self.options, |so_far| {
                *written = before + so_far.answered - so_far.failed;
                let status = so_far.refused.filter(|status| is_temporary(*status));
                no_room = status.filter(|_| patience.is_over(*written));
                no_room.map_or(ControlFlow::Continue(()), |_| ControlFlow::Break(()))
            });
            let report = report.await.map_err(WriteFault::Broken)?;
            if let Some(status) = no_room {
                return Err(WriteFault::NoRoom { status });
            }
            let mut status = Status::SUCCESS;
            left.clear();
            for failed in report.failed {
                status = failed.status;
                if !is_temporary(status) {
                    return Err(WriteFault::Refused { at: failed.key.at, status });
                }
                left.push(failed.key.at);
            }
            if left.is_empty() {
                break;
            }
            self.written += forget_replaced(&mut left, documents);
            self.retries += left.len() as u64;
            if !patience.pause(self.written).await {
                return Err(WriteFault::NoRoom { status });
            }
        }
        Ok(())
    }
}

/// Whether the same write may succeed later.
fn is_temporary(status: Status) -> bool {
    matches!(
        status,
        Status::ETMPFAIL
            | Status::EBUSY
            | Status::ENOMEM
            | Status::NOT_INITIALIZED
            | Status::LOCKED
    )
}

/// Takes out the documents whose key comes again further on in the batch: written now, they would replace what is
/// newer. What is left is in order. Returns how many were taken out.
pub(super) fn forget_replaced(left: &mut Vec<usize>, documents: &[Document]) -> u64 {
    let before = left.len();
    left.sort_unstable();
    let first = left.first().copied().unwrap_or(0);
    let mut later = HashSet::new();
    let mut kept = Vec::new();
    let mut failed = left.iter().rev().peekable();
    for at in (first..documents.len()).rev() {
        let is_newest = later.insert(documents[at].key.as_slice());
        if failed.next_if(|&&failed| failed == at).is_some() && is_newest {
            kept.push(at);
        }
    }
    kept.reverse();
    *left = kept;
    (before - left.len()) as u64
}

/// How long to wait before the next attempt, and for how many.
struct Patience {
    limit: Duration,
    pause: Duration,
    /// Documents that were written when it was last looked at.
    written: u64,
    /// Since when the server has refused everything.
    since: Option<Instant>,
}

impl Patience {
    fn new(limit: Duration, written: u64) -> Self {
        Self { limit, pause: PAUSE_FIRST, written, since: None }
    }

    /// A document was refused, and so many have been written: whether nothing was for too long.
    fn is_over(&mut self, written: u64) -> bool {
        if written > self.written {
            (self.written, self.since, self.pause) = (written, None, PAUSE_FIRST);
        }
        self.since.get_or_insert_with(Instant::now).elapsed() >= self.limit
    }

    /// Waits; false when it is at its end.
    async fn pause(&mut self, written: u64) -> bool {
        if self.is_over(written) {
            return false;
        }
        time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LOAD_RETRY_PAUSE_MAX);
        true
    }
}

const PAUSE_FIRST: Duration = Duration::from_millis(10);
