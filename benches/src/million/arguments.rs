//! What is measured, and how much of it.

use clap::Parser;
use std::path::PathBuf;

/// Measures documents over loopback TCP: ingest, catch-up from memory and from disk, and the tail.
#[derive(Clone, Debug, Parser)]
#[command(name = "million")]
pub struct Arguments {
    /// How many documents
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=99_999_999))]
    pub documents: u64,
    /// Bytes of each value
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u64).range(16..=1_000_000))]
    pub value: u64,
    /// How many vbuckets
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub vbuckets: u32,
    /// Documents that are written with every answer held back until it is synced; a tenth if not given
    #[arg(long, value_name = "N")]
    pub persisted: Option<u64>,
    /// Documents written one by one, a millisecond apart, to see how long each takes to a follower
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub paced: u64,
    /// How often a catch-up is measured
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub passes: u32,
    /// A folder for the stores, which are removed afterwards; a temporary one if not given
    #[arg(long, value_name = "FOLDER", conflicts_with = "memory_store")]
    pub data: Option<PathBuf>,
    /// Measure over the store in memory; nothing is read from disk or synced then
    #[arg(long)]
    pub memory_store: bool,
    /// Another build's `millstream` (or `million`) to measure; this very program if not given
    #[arg(long, value_name = "PROGRAM")]
    pub server: Option<PathBuf>,
    /// A tenth of everything
    #[arg(long)]
    pub quick: bool,
    /// Only the JSON line
    #[arg(long)]
    pub json: bool,
    /// Only these parts, of: ingest, persisted, memory, disk, tail. What a part needs is done all the same
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub only: Vec<Part>,
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Writes, answered from memory.
    Ingest,
    /// Writes, answered once synced.
    Persisted,
    /// Catch-up from memory.
    Memory,
    /// Catch-up from disk.
    Disk,
    /// Following a writer.
    Tail,
}

impl Arguments {
    /// With `--quick` worked in.
    pub(crate) fn scaled(&self) -> Self {
        let mut scaled = self.clone();
        if self.quick {
            scaled.documents = (self.documents / 10).max(1);
            scaled.paced /= 10;
            scaled.passes = 1;
        }
        scaled.persisted.get_or_insert((scaled.documents / 10).max(1));
        scaled
    }

    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}
