//! What an engine is told when it is opened: plain data, every field with a default.

use crate::limits::{
    BACKFILL_BUFFER_BYTES_MAX, BACKFILL_SCAN_BYTES, BACKFILLS_MAX, BACKFILLS_MIN, FLUSH_BYTES,
    IDLE_TIMEOUT,
};
use std::time::Duration;

/// The settings of an engine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineSettings {
    /// Bytes of documents and keys that are kept in memory. Above it, persisted documents leave memory (they are read
    /// from the store when a stream or a reader wants them); at one and a half times it, writes are told to come
    /// again.
    pub memory_bytes: u64,
    /// Versions of one vbucket that are kept in memory at most; 0 chooses by the number of vbuckets.
    pub window_items: u64,
    /// Threads that read the store for streams.
    pub backfill_workers: usize,
    /// Scans of the store that may be open at once; 0 chooses by `memory_bytes`: so many as fit in one hundredth of it
    /// at 10 KiB each, from 2 to 4096.
    pub backfills_max: usize,
    /// Bytes that one connection's backfills may have read ahead of what was sent.
    pub backfill_buffer_bytes: u64,
    /// Bytes of one commit.
    pub flush_bytes: usize,
    /// How often expired documents are looked for; they are also found when somebody reads them.
    pub expiry_interval: Duration,
    /// How old tombstones get: then the store and the by-key index forget them, and clients that have not seen them
    /// start again. `None`: as old as they like, unless somebody purges them.
    pub purge_after: Option<Duration>,
    /// How often old tombstones are looked for.
    pub purge_interval: Duration,
    /// Retired values that may wait for reclamation before new connections, and writes to documents that are not in
    /// memory, are refused; see [`Engine::stalled`](crate::engine::Engine::stalled) for who keeps them.
    pub garbage_max: u64,
    /// Silence after which a connection with no-ops on is given up.
    pub idle_timeout: Duration,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            memory_bytes: 256 * 1024 * 1024,
            window_items: 0,
            backfill_workers: 2,
            backfills_max: 0,
            backfill_buffer_bytes: BACKFILL_BUFFER_BYTES_MAX,
            flush_bytes: FLUSH_BYTES,
            expiry_interval: Duration::from_secs(10),
            purge_after: Some(Duration::from_secs(3 * 24 * 60 * 60)),
            purge_interval: Duration::from_secs(60 * 60),
            garbage_max: 1_000_000,
            idle_timeout: IDLE_TIMEOUT,
        }
    }
}

impl EngineSettings {
    /// Scans that may be open at once.
    pub(crate) fn backfills_max(&self) -> usize {
        match self.backfills_max {
            0 => {
                let fit = self.memory_bytes / 100 / BACKFILL_SCAN_BYTES;
                usize::try_from(fit).unwrap_or(BACKFILLS_MAX).clamp(BACKFILLS_MIN, BACKFILLS_MAX)
            }
            most => most,
        }
    }

    /// Versions of one vbucket in memory, for an engine of that many vbuckets.
    pub(crate) fn window_items_for(&self, vbuckets: u32) -> u64 {
        match self.window_items {
            0 => (WINDOW_ITEMS_ALL / u64::from(vbuckets)).clamp(WINDOW_ITEMS_MIN, WINDOW_ITEMS_MAX),
            items => items,
        }
    }
}

/// Versions in memory over all vbuckets, unless memory is short before.
const WINDOW_ITEMS_ALL: u64 = 16 * 1024 * 1024;
/// A vbucket's window is never smaller: a burst of writes must fit while a commit runs.
const WINDOW_ITEMS_MIN: u64 = 1024;
/// And never larger: its ring of segments is made when the engine opens.
const WINDOW_ITEMS_MAX: u64 = 4 * 1024 * 1024;
