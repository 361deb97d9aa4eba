//! From a file to a server.

use super::arguments::LoadArguments;
use super::reader::{self, Batch, Rules};
use super::summary::Summary;
use super::writer::{WriteFault, Writer, json_options};
use crate::cli::exit::{Exit, Failure};
use crate::cli::input::{Place, Source};
use crate::cli::progress::LoadProgress;
use crate::cli::ready::{print_line, print_text};
use crate::cli::report::Documents;
use crate::cli::signals::Signals;
use crate::client::{KvClient, WriteOptions};
use crate::wire::Opcode;
use core::num::NonZeroU64;
use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::Receiver;

/// Loads a file.
pub(crate) async fn run(arguments: LoadArguments) -> Result<(), Failure> {
    let settings = arguments.client.settings()?;
    let source = Source::open(&arguments.file, arguments.format)?;
    let client = KvClient::connect(&settings).await;
    let client = client.map_err(|error| Failure::connecting(&settings, error))?;
    let expiry = arguments.expiry.map_or(Ok(0), expiry)?;
    let options = WriteOptions { expiry, ..json_options(&client) };
    let place = source.place().clone();
    let progress = LoadProgress::new(source.bytes());
    let rules = Rules {
        keys: arguments.keys(),
        batch: arguments.batch as usize,
        limit: arguments.limit.map_or(u64::MAX, NonZeroU64::get),
        skip_bad_lines: arguments.skip_bad_lines,
    };
    let mut signals = Signals::listen()?;
    let batches = reader::start(source, rules)?;
    let writer = Writer::new(client, options, arguments.patience());
    let mut load = Load { place, writer, progress, summary: Summary::default() };
    let begun = Instant::now();
    let done = load.all(batches, &mut signals).await;
    load.finish(done, begun.elapsed(), arguments.json)
}

struct Load {
    place: Place,
    writer: Writer,
    progress: LoadProgress,
    summary: Summary,
}

impl Load {
    async fn all(
        &mut self,
        mut batches: Receiver<Batch>,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let all = async {
            while let Some(batch) = batches.recv().await {
                self.one(batch).await?;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            () = signals.next() => Err(Failure::failed("interrupted")),
            done = all => done,
        }
    }

    async fn one(&mut self, batch: Batch) -> Result<(), Failure> {
        for line in &batch.skipped_first {
            self.progress.say(&format!("{}, {line}: skipped", self.place));
        }
        self.summary.bad_lines += batch.skipped;
        let written = self.writer.write(&batch.documents).await;
        written.map_err(|fault| self.failure(&batch, fault))?;
        let bytes = batch.documents.iter().map(|d| (d.key.len() + d.value.len()) as u64);
        self.summary.bytes += bytes.sum::<u64>();
        self.progress.at(batch.read_to, self.writer.written);
        match batch.stopped_at {
            Some(line) => Err(Failure::failed(format!("{}, {line}", self.place))),
            None => Ok(()),
        }
    }

    fn failure(&self, batch: &Batch, fault: WriteFault) -> Failure {
        match fault {
            WriteFault::Refused { at, status } => {
                let document = &batch.documents[at];
                let (line, key) = (document.line, document.key.escape_ascii());
                let what = format!(
                    "{}, line {line}: {} of key \"{key}\" was refused with {status}",
                    self.place,
                    Opcode::SET
                );
                Failure::failed(what)
            }
            WriteFault::NoRoom { status } => {
                let what = format!("the server takes no more documents, with {status}");
                Failure::new(Exit::TimedOut, what)
            }
            WriteFault::Broken(error) => Failure::from(error),
        }
    }

    /// Says what was done; a failure says it too.
    fn finish(
        mut self,
        done: Result<(), Failure>,
        time: Duration,
        json: bool,
    ) -> Result<(), Failure> {
        self.progress.end();
        // Of a batch that was broken off, what is known to be written.
        self.summary.loaded = self.writer.written;
        self.summary.retries = self.writer.retries;
        self.summary.took(time);
        let done = done.map_err(|failure| {
            failure.after(&format!("{} loaded before", Documents(self.summary.loaded)))
        });
        if let Err(failure) = &done {
            self.summary.error = Some(failure.to_string());
        }
        if json {
            print_line(&self.summary)?;
        } else if done.is_ok() {
            print_text(&format!("{} from {}\n", self.summary, self.place))?;
        }
        done
    }
}

/// An expiry as the protocol has it: what is further away than 30 days is a time of day.
fn expiry(from_now: Duration) -> Result<u32, Failure> {
    const RELATIVE_MAX: u64 = 30 * 24 * 60 * 60;
    let too_far = || Failure::usage("--expiry is further away than the protocol can say");
    let seconds = from_now.as_secs() + u64::from(from_now.subsec_nanos() > 0);
    let seconds = if seconds <= RELATIVE_MAX {
        seconds
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        seconds.checked_add(now.as_secs()).ok_or_else(too_far)?
    };
    u32::try_from(seconds).map_err(|_| too_far())
}
