//! What a client says when it opens a connection.

use std::time::Duration;

/// How a connection was opened: what a client may not change later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Deletions carry the time of the delete.
    pub include_delete_times: bool,
    /// Values are sent with their extended attributes.
    pub include_xattrs: bool,
    /// Collections were negotiated, so that a stream request may carry a filter.
    pub collections: bool,
    /// Values may be sent compressed.
    pub snappy: bool,
    /// The connection is closed when its window has been full for so long and nothing was acknowledged; `None`: never.
    pub stuck_timeout: Option<Duration>,
    /// Who opens it, for statistics.
    pub user: Option<Box<str>>,
}
