//! The settings of an embedded store.

use crate::error::Result;
use crate::limits::VBUCKETS_DEFAULT;
use crate::store::checks::{check_vbuckets, misuse};

/// Settings of an [`EmbeddedStore`](super::EmbeddedStore).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EmbeddedOptions {
    /// How many vbuckets it has. A folder keeps the number that it was made with.
    pub vbuckets: u32,
    /// Memory for what was read from tables.
    pub cache_bytes: u64,
    /// Most bytes of journal, all of which are read again when the folder is opened; at least 64 MiB.
    pub journal_bytes_max: u64,
    /// Writes of one keyspace that are gathered in memory before they become a table; at least 64 KiB. A folder
    /// keeps the number that it was made with.
    pub memtable_bytes_max: u64,
    /// Threads that write and merge tables.
    pub threads: usize,
    /// Most scans that may be open at once; one more is refused with [`Retry`](crate::ErrorKind::Retry).
    pub scans_max: usize,
    /// Most replaced versions that the scans of one vbucket may keep; above it they end with
    /// [`Retry`](crate::ErrorKind::Retry), so that a stuck one cannot fill the disk.
    pub superseded_max: u64,
}

impl EmbeddedOptions {
    /// The defaults, for `vbuckets` vbuckets.
    pub fn new(vbuckets: u32) -> Self {
        Self {
            vbuckets,
            cache_bytes: 64 << 20,
            journal_bytes_max: 256 << 20,
            memtable_bytes_max: 16 << 20,
            threads: 2,
            scans_max: 65_536,
            superseded_max: 1_000_000,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        check_vbuckets(self.vbuckets)?;
        if self.journal_bytes_max < JOURNAL_BYTES_LEAST {
            let bytes = self.journal_bytes_max;
            return Err(misuse(format!(
                "`journal_bytes_max` is {bytes}, less than {JOURNAL_BYTES_LEAST}"
            )));
        }
        if self.memtable_bytes_max < MEMTABLE_BYTES_LEAST {
            let bytes = self.memtable_bytes_max;
            return Err(misuse(format!(
                "`memtable_bytes_max` is {bytes}, less than {MEMTABLE_BYTES_LEAST}"
            )));
        }
        if self.threads == 0 {
            return Err(misuse("`threads` is 0".to_owned()));
        }
        Ok(())
    }
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self::new(VBUCKETS_DEFAULT)
    }
}

/// The database's own minimum.
const JOURNAL_BYTES_LEAST: u64 = 64 << 20;
/// Below this the tables become too small to merge well.
const MEMTABLE_BYTES_LEAST: u64 = 64 << 10;
