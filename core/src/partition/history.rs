//! The history of one vbucket in memory.

use crate::index::Index;
use crate::log::{Log, LogSettings};
use crate::types::Seqno;
use millstream_reclaim::sync::Arc;

/// Log and by-key index, which live and die together: a rollback replaces both.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) log: Log,
    /// Shared with the housekeeper while it goes through the keys.
    pub(crate) index: Arc<Index>,
}

impl History {
    /// A history that goes on after `last`.
    pub(crate) fn new(last: Seqno, window_items: u64) -> Self {
        Self { log: Log::new(LogSettings { last, window_items }), index: Arc::new(Index::new()) }
    }
}
