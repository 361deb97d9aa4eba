//! The options of `load`.

use crate::cli::amounts::duration;
use crate::cli::args::ClientArguments;
use crate::cli::input::{Format, Keys};
use crate::limits::{LOAD_BATCH_DOCUMENTS, LOAD_PATIENCE};
use clap::Args;
use core::num::NonZeroU64;
use core::time::Duration;
use std::path::PathBuf;

/// What to load, and as what.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArguments {
    /// The file, *.ndjson, *.jsonl or *.csv; `-` reads standard input
    pub(super) file: PathBuf,
    /// What the file holds, if its name does not say
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,
    /// The JSON member or CSV column whose value is the key; without it the number of the line is
    #[arg(long, value_name = "COLUMN")]
    pub(super) key: Option<String>,
    /// What every key begins with
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) key_prefix: String,
    /// When the documents expire: 90s, 5m, 2h, 7d from now
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) expiry: Option<Duration>,
    /// How many documents to send before all answers to them are awaited
    #[arg(long, value_name = "N", default_value_t = LOAD_BATCH_DOCUMENTS as u32, value_parser = batch())]
    pub(super) batch: u32,
    /// Load only so many documents
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<NonZeroU64>,
    /// Count bad lines and go on, instead of stopping at the first
    #[arg(long)]
    pub(super) skip_bad_lines: bool,
    /// How long to go on while the server has no room for anything, before it ends with exit code 5 [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    patience: Option<Duration>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) client: ClientArguments,
}

impl LoadArguments {
    pub(super) fn keys(&self) -> Keys {
        Keys { column: self.key.clone(), prefix: self.key_prefix.clone() }
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience.unwrap_or(LOAD_PATIENCE)
    }
}

fn batch() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1_000_000)
}
