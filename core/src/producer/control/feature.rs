//! What a control switches on, and which of it this build has.

use core::fmt;

/// What a control switches on; its `Display` is the control's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[non_exhaustive]
pub enum Feature {
    /// `connection_buffer_size`
    ConnectionBufferSize = 1 << 0,
    /// `enable_noop`
    Noop = 1 << 1,
    /// `set_noop_interval`
    NoopInterval = 1 << 2,
    /// `set_priority`
    Priority = 1 << 3,
    /// `backfill_order`
    BackfillOrder = 1 << 4,
    /// `force_value_compression`
    ForceValueCompression = 1 << 5,
    /// `supports_cursor_dropping`, by this key or `supports_cursor_dropping_vulcan`
    CursorDropping = 1 << 6,
    /// `supports_hifi_MFU`
    HifiMfu = 1 << 7,
    /// `send_stream_end_on_client_close_stream`
    StreamEndOnClientClose = 1 << 8,
    /// `enable_expiry_opcode`
    ExpiryOpcode = 1 << 9,
    /// `enable_stream_id`
    StreamIds = 1 << 10,
    /// `enable_sync_writes`
    SyncWrites = 1 << 11,
    /// `consumer_name`
    ConsumerName = 1 << 12,
    /// `enable_out_of_order_snapshots`
    OutOfOrderSnapshots = 1 << 13,
    /// `include_deleted_user_xattrs`
    DeletedUserXattrs = 1 << 14,
    /// `v7_dcp_status_codes`
    V7StatusCodes = 1 << 15,
    /// `flatbuffers_system_events`
    FlatbuffersSystemEvents = 1 << 16,
    /// `change_streams`
    ChangeStreams = 1 << 17,
    /// `max_marker_version`
    MaxMarkerVersion = 1 << 18,
    /// `cache_transfer`
    CacheTransfer = 1 << 19,
}

/// A set of features: those that this build has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltControls(u32);

impl Feature {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::ConnectionBufferSize,
        Self::Noop,
        Self::NoopInterval,
        Self::Priority,
        Self::BackfillOrder,
        Self::ForceValueCompression,
        Self::CursorDropping,
        Self::HifiMfu,
        Self::StreamEndOnClientClose,
        Self::ExpiryOpcode,
        Self::StreamIds,
        Self::SyncWrites,
        Self::ConsumerName,
        Self::OutOfOrderSnapshots,
        Self::DeletedUserXattrs,
        Self::V7StatusCodes,
        Self::FlatbuffersSystemEvents,
        Self::ChangeStreams,
        Self::MaxMarkerVersion,
        Self::CacheTransfer,
    ];

    /// The key of its control.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::ConnectionBufferSize => "connection_buffer_size",
            Self::Noop => "enable_noop",
            Self::NoopInterval => "set_noop_interval",
            Self::Priority => "set_priority",
            Self::BackfillOrder => "backfill_order",
            Self::ForceValueCompression => "force_value_compression",
            Self::CursorDropping => "supports_cursor_dropping",
            Self::HifiMfu => "supports_hifi_MFU",
            Self::StreamEndOnClientClose => "send_stream_end_on_client_close_stream",
            Self::ExpiryOpcode => "enable_expiry_opcode",
            Self::StreamIds => "enable_stream_id",
            Self::SyncWrites => "enable_sync_writes",
            Self::ConsumerName => "consumer_name",
            Self::OutOfOrderSnapshots => "enable_out_of_order_snapshots",
            Self::DeletedUserXattrs => "include_deleted_user_xattrs",
            Self::V7StatusCodes => "v7_dcp_status_codes",
            Self::FlatbuffersSystemEvents => "flatbuffers_system_events",
            Self::ChangeStreams => "change_streams",
            Self::MaxMarkerVersion => "max_marker_version",
            Self::CacheTransfer => "cache_transfer",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl BuiltControls {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// What this build has.
    pub const HERE: Self = Self::NONE
        .with(Feature::ConnectionBufferSize)
        .with(Feature::Noop)
        .with(Feature::NoopInterval)
        .with(Feature::Priority)
        .with(Feature::BackfillOrder)
        .with(Feature::CursorDropping)
        .with(Feature::HifiMfu)
        .with(Feature::StreamEndOnClientClose)
        .with(Feature::ForceValueCompression)
        .with(Feature::ExpiryOpcode)
        .with(Feature::DeletedUserXattrs)
        .with(Feature::StreamIds)
        .with(Feature::V7StatusCodes)
        .with(Feature::FlatbuffersSystemEvents)
        .with(Feature::MaxMarkerVersion);

    /// The set and one more.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Self {
        Self(self.0 | feature as u32)
    }

    /// The set less one.
    #[must_use]
    pub const fn without(self, feature: Feature) -> Self {
        Self(self.0 & !(feature as u32))
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & feature as u32 != 0
    }
}
