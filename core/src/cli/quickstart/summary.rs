//! What the quick start saw, and what to try next.

use super::streamed::Streamed;
use crate::cli::args::PORT;
use crate::cli::report::{Bytes, Count, Time, per_second, rate};
use core::fmt;
use core::time::Duration;
use std::net::SocketAddr;

/// What the quick start saw.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    pub(super) folder: String,
    pub(super) address: SocketAddr,
    /// From the start of the program to an open port.
    pub(super) opened: Duration,
    /// The sample, if it was loaded: documents, bytes of keys and values, time.
    pub(super) loaded: Option<(u64, u64, Duration)>,
    pub(super) streamed: Streamed,
    /// From the start of the program to here.
    pub(super) total: Duration,
    /// How the program was called.
    pub(super) program: String,
    /// Whether the server goes on.
    pub(super) serves: bool,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        let Streamed { documents, bytes, tombstones, vbuckets, snapshots, time } = self.streamed;
        writeln!(f, "millstream {version}: the quick start, in {}\n", Time(self.total))?;
        writeln!(
            f,
            "  store     {}, served on {} after {}",
            self.folder,
            self.address,
            Time(self.opened)
        )?;
        match self.loaded {
            Some((documents, bytes, time)) => {
                write!(f, "  loaded    {} documents", Count(documents))?;
                write!(f, " of sample data ({})", Bytes(bytes as f64))?;
                writeln!(f, " in {}: {} documents/s", Time(time), rate(documents, time))?;
            }
            None => writeln!(f, "  loaded    nothing: the store holds what an earlier run wrote")?,
        }
        write!(f, "  streamed  {} documents ({})", Count(documents), Bytes(bytes as f64))?;
        write!(f, " of {vbuckets} vbuckets in {}", Time(time))?;
        let speed = Bytes(per_second(bytes, time));
        writeln!(f, ": {} documents/s, {speed}/s", rate(documents, time))?;
        let compared = if self.loaded.is_some() {
            "each with the value that was written"
        } else {
            "as many as are stored"
        };
        write!(
            f,
            "  checked   {compared}; 0 missing; seqnos in order in {} snapshots",
            Count(snapshots)
        )?;
        if tombstones > 0 {
            write!(f, "; {} tombstones", Count(tombstones))?;
        }
        writeln!(f)?;
        if self.serves { self.what_next(f) } else { Ok(()) }
    }
}

impl Summary {
    fn what_next(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = &self.program;
        let server = match self.address.port() {
            PORT => String::new(),
            _ => format!(" --server {}", self.address),
        };
        writeln!(f, "\nTry, in another terminal:\n")?;
        writeln!(f, "  {program} tail{server} --from-beginning --until-caught-up | head")?;
        writeln!(f, "  {program} tail{server}")?;
        writeln!(f, "  {program} load{server} FILE.ndjson --key id")?;
        writeln!(f, "  {program} stats{server}")?;
        writeln!(f, "  {program} help\n")?;
        writeln!(f, "Serving on {} until Ctrl-C.", self.address)
    }
}
