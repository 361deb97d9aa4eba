//! The thread that reads lines, checks them, and hands them over in batches.

use crate::cli::exit::{Failure, io_failure};
use crate::cli::input::{BadLine, Document, Documents, Fault, Keys, Source};
use crate::limits::{LOAD_BAD_LINES_SHOWN, LOAD_BATCH_BYTES, LOAD_BATCHES_AHEAD};
use std::thread;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// What to read.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) keys: Keys,
    /// Documents of a batch.
    pub(super) batch: usize,
    /// Documents at all.
    pub(super) limit: u64,
    pub(super) skip_bad_lines: bool,
}

/// Documents that are written together, and what was met while they were read.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) documents: Vec<Document>,
    /// Bytes of the file up to here.
    pub(super) read_to: u64,
    /// Lines that were passed over.
    pub(super) skipped: u64,
    /// The first few of them, over all batches.
    pub(super) skipped_first: Vec<BadLine>,
    /// The line at which reading stopped, if not at the end.
    pub(super) stopped_at: Option<BadLine>,
}

/// Starts the thread. The batches end when the file does, or with one that says where it stopped.
pub(super) fn start(source: Source, rules: Rules) -> Result<Receiver<Batch>, Failure> {
    let (sender, receiver) = channel(LOAD_BATCHES_AHEAD);
    let run = move || {
        let mut reader = LineReader { rules, sender, batch: Batch::default(), bytes: 0, shown: 0 };
        // An error says that nobody receives any more, which ends the thread too.
        let _ = reader.read(source);
    };
    let thread = thread::Builder::new().name("millstream-lines".into());
    thread.spawn(run).map_err(|e| io_failure("cannot start a thread", &e))?;
    Ok(receiver)
}

struct LineReader {
    rules: Rules,
    sender: Sender<Batch>,
    batch: Batch,
    /// Of the batch's documents.
    bytes: usize,
    shown: usize,
}

/// Nobody receives any more.
struct Unwanted;

impl LineReader {
    fn read(&mut self, source: Source) -> Result<(), Unwanted> {
        let mut documents = match source.read(&self.rules.keys) {
            Ok(documents) => documents,
            Err(Fault::BadLine(line) | Fault::Unreadable(line)) => return self.stop_at(line),
        };
        let mut left = self.rules.limit;
        while left > 0 {
            match documents.next(&self.rules.keys) {
                Ok(Some(document)) => {
                    left -= 1;
                    self.bytes += document.key.len() + document.value.len();
                    self.batch.documents.push(document);
                }
                Ok(None) => break,
                Err(Fault::BadLine(line)) if self.rules.skip_bad_lines => self.skip(line),
                Err(Fault::BadLine(line) | Fault::Unreadable(line)) => return self.stop_at(line),
            }
            if self.is_due(&documents) {
                self.batch.read_to = documents.bytes();
                self.send()?;
            }
        }
        self.batch.read_to = documents.bytes();
        self.send()
    }

    /// Whether the batch goes out: when it is full, and when the next line may be long in coming.
    fn is_due(&self, documents: &Documents) -> bool {
        self.batch.documents.len() >= self.rules.batch
            || self.bytes >= LOAD_BATCH_BYTES
            || documents.is_drained() && !self.batch.documents.is_empty()
    }

    fn skip(&mut self, line: BadLine) {
        self.batch.skipped += 1;
        if self.shown < LOAD_BAD_LINES_SHOWN {
            self.shown += 1;
            self.batch.skipped_first.push(line);
        }
    }

    fn stop_at(&mut self, line: BadLine) -> Result<(), Unwanted> {
        self.batch.stopped_at = Some(line);
        self.send()
    }

    fn send(&mut self) -> Result<(), Unwanted> {
        self.bytes = 0;
        let batch = core::mem::take(&mut self.batch);
        self.sender.blocking_send(batch).map_err(|_| Unwanted)
    }
}
