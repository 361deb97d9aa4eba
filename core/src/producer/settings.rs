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
    /// The first reading of a vbucket's store, if it begins at its beginning, leaves tombstones out.
    pub skip_deletes_in_initial_backfill: bool,
    /// Collections were negotiated, so that a stream request may carry a filter.
    pub collections: bool,
    /// Values may be sent compressed.
    pub snappy: bool,
    /// The connection is closed when its window has been full for so long and nothing was acknowledged; `None`: never.
    pub stuck_timeout: Option<Duration>,
    /// Who opens it, for statistics.
    pub user: Option<Box<str>>,
    /// Whether documents are sent with their values.
    pub include_values: IncludeValues,
    /// The user's extended attributes are sent with deletions.
    pub include_deleted_user_xattrs: bool,
}

/// Whether documents are sent with their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeValues {
    /// With them.
    #[default]
    Yes,
    /// Without; what is sent is plain and empty.
    No,
    /// Without, but the datatype tells what the value is made of.
    NoButDatatype,
}
