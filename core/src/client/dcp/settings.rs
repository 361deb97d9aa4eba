//! What a DCP connection is for.

use crate::wire::dcp::OpenFlags;
use core::time::Duration;

/// What a DCP connection is for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DcpSettings {
    /// Its name, at most 200 bytes. A server closes an older connection of the same name.
    pub name: String,
    /// What to send; [`OpenFlags::PRODUCER`] is always added.
    pub flags: OpenFlags,
    /// Bytes that the server may send before the client has dealt with them; 0: no limit.
    pub buffer_bytes: u32,
    /// How often the server asks whether the client is alive; `None`: never.
    pub noop_interval: Option<Duration>,
    /// How much of the server's attention is wanted.
    pub priority: Priority,
    /// Tell expirations from deletions; only with [`OpenFlags::INCLUDE_DELETE_TIMES`].
    pub expirations: bool,
    /// Markers of snapshots from the store carry the purge seqno; only on connections with collections.
    pub purge_seqnos: bool,
    /// Several streams on one vbucket, told apart by stream ids.
    pub stream_ids: bool,
    /// Also end a stream with an event that the client closed itself.
    pub end_on_close: bool,
    /// More settings, by name.
    pub controls: Vec<(String, String)>,
}

/// How much of the server's attention is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// Little.
    Low,
    /// The server's default.
    #[default]
    Medium,
    /// Much.
    High,
}

impl Priority {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl DcpSettings {
    /// Bytes that the server may send ahead unless told otherwise: what most clients use.
    pub const BUFFER_BYTES: u32 = 20 * 1024 * 1024;

    /// A connection with this name: delete times and expirations, a window of 20 MiB, a sign of life every two
    /// minutes.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            flags: OpenFlags::INCLUDE_DELETE_TIMES,
            buffer_bytes: Self::BUFFER_BYTES,
            noop_interval: Some(Duration::from_secs(120)),
            priority: Priority::default(),
            expirations: true,
            purge_seqnos: false,
            stream_ids: false,
            end_on_close: true,
            controls: Vec::new(),
        }
    }

    /// With these flags instead.
    #[must_use]
    pub fn flags(mut self, flags: OpenFlags) -> Self {
        self.flags = flags;
        self
    }

    /// With another window; 0: none.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: u32) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// With another interval between signs of life.
    #[must_use]
    pub fn noop_interval(mut self, interval: Option<Duration>) -> Self {
        self.noop_interval = interval;
        self
    }

    /// With another priority.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// With purge seqnos or without.
    #[must_use]
    pub fn purge_seqnos(mut self, on: bool) -> Self {
        self.purge_seqnos = on;
        self
    }

    /// With stream ids or without.
    #[must_use]
    pub fn stream_ids(mut self, on: bool) -> Self {
        self.stream_ids = on;
        self
    }

    /// With one more setting, which the server must know.
    #[must_use]
    pub fn control(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.controls.push((name.into(), value.into()));
        self
    }
}
