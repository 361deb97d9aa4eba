//! What is measured, and how much of it.

use clap::Parser;

/// Measures Millstream beside the servers that are installed: memcached, Redis, NATS JetStream, PostgreSQL.
#[derive(Clone, Debug, Parser)]
#[command(name = "servers")]
pub struct Arguments {
    /// How many documents go in and come out
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub documents: u64,
    /// How many of them to servers that answer each write
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub answered: u64,
    /// How many go to each of the consumers that follow
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub followed: u64,
    /// How many consumers follow
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub consumers: usize,
    /// Documents written one by one, a millisecond apart
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub paced: u64,
    /// Bytes of each value
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    pub value: u64,
    /// How often each is measured
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub passes: u32,
    /// A twentieth of everything
    #[arg(long)]
    pub quick: bool,
    /// Only these questions; the rows of the others are not written then
    #[arg(long, value_name = "QUESTION", value_delimiter = ',')]
    pub only: Vec<Question>,
}

/// A question that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Question {
    /// Writes that are answered from memory.
    Ingest,
    /// Writes that are answered once they are synced.
    Durable,
    /// Everything, from the beginning, from memory and from disk.
    CatchUp,
    /// A writer, and many who follow.
    FanOut,
    /// From a write to its consumer, one at a time.
    Paced,
    /// Beside a database's logical decoding.
    Database,
    /// Catch-up by the size of the value.
    ByValue,
    /// Fan-out by the number of consumers.
    ByConsumers,
}

impl Arguments {
    pub(super) fn wants(&self, question: Question) -> bool {
        self.only.is_empty() || self.only.contains(&question)
    }

    pub(super) fn scaled(&self) -> Self {
        let mut scaled = self.clone();
        if self.quick {
            for count in [
                &mut scaled.documents,
                &mut scaled.answered,
                &mut scaled.followed,
                &mut scaled.paced,
            ] {
                *count = (*count / 20).max(100);
            }
            scaled.passes = 1;
        }
        scaled
    }
}
