//! The settings of a connection, and what changes them.

use super::{BuiltControls, Control, Feature, MarkerVersion, OutOfOrder, Priority};
use crate::backfill::BackfillOrder;
use crate::limits::{NOOP_INTERVAL_DEFAULT, NOOP_INTERVAL_MIN};
use core::fmt;
use std::time::Duration;

/// The settings of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controls {
    buffer_size: u32,
    noop: bool,
    noop_interval: Duration,
    priority: Priority,
    backfill_order: BackfillOrder,
    force_value_compression: bool,
    cursor_dropping: bool,
    hifi_mfu: bool,
    stream_end_on_client_close: bool,
    expiry_opcode: bool,
    stream_ids: bool,
    sync_writes: bool,
    consumer_name: Option<Box<str>>,
    out_of_order: OutOfOrder,
    v7_status_codes: bool,
    flatbuffers_system_events: bool,
    change_streams: bool,
    marker_version: MarkerVersion,
}

/// What was settled before a control comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// What this build has.
    pub built: BuiltControls,
    /// Values may be sent compressed.
    pub snappy: bool,
    /// Collections were negotiated.
    pub collections: bool,
    /// The connection was opened to show user attributes of deleted documents.
    pub deleted_user_xattrs: bool,
    /// The store keeps every version.
    pub history: bool,
    /// The server has cache transfers.
    pub cache_transfer: bool,
    /// The shortest time between no-ops that the server keeps.
    pub noop_interval_min: Duration,
}

/// Why a control is refused.
///
/// | refusal | status on the wire |
/// |---|---|
/// | `NoSnappy`, `NoopIntervalTooShort`, `NotOpenedWithDeletedUserXattrs` | Einval 0x04 |
/// | all others | NotSupported 0x83 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlRefusal {
    /// This build does not have it.
    NotBuilt(Feature),
    /// Streams have no windows of their own.
    StreamBufferSize,
    /// Snappy was not negotiated.
    NoSnappy,
    /// No-ops cannot be sent that often.
    NoopIntervalTooShort {
        /// The shortest time between them.
        min: Duration,
    },
    /// The connection was not opened to show user attributes of deleted documents.
    NotOpenedWithDeletedUserXattrs,
    /// Stream ids and sync writes exclude each other.
    StreamIdsWithSyncWrites,
    /// The store does not keep every version.
    NoHistory,
    /// Collections were not negotiated.
    NoCollections,
    /// The server has no cache transfers.
    NoCacheTransfer,
}

impl Controls {
    /// The settings of a connection that has just been opened under `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        // Whoever replicates holds its place in memory: to send it back to the store would only
        // cost both sides.
        Self { cursor_dropping: !name.contains("replication"), ..Self::default() }
    }

    /// Changes a setting.
    ///
    /// # Errors
    /// The [`ControlRefusal`]; nothing has changed then.
    pub fn apply(&mut self, control: Control, facts: &Negotiated) -> Result<(), ControlRefusal> {
        self.permits(&control, facts)?;
        match control {
            Control::ConnectionBufferSize(bytes) => self.buffer_size = bytes,
            Control::Noop(on) => self.noop = on,
            Control::NoopInterval(interval) => self.noop_interval = interval,
            Control::Priority(priority) => self.priority = priority,
            Control::BackfillOrder(order) => self.backfill_order = order,
            Control::ForceValueCompression(on) => self.force_value_compression = on,
            Control::CursorDropping(on) => self.cursor_dropping = on,
            Control::HifiMfu(on) => self.hifi_mfu = on,
            Control::StreamEndOnClientClose(on) => self.stream_end_on_client_close |= on,
            Control::ExpiryOpcode(on) => self.expiry_opcode = on,
            Control::StreamIds => self.stream_ids = true,
            Control::SyncWrites => self.sync_writes = true,
            Control::ConsumerName(name) => self.consumer_name = Some(name),
            Control::OutOfOrderSnapshots(order) => self.out_of_order = order,
            Control::V7StatusCodes => self.v7_status_codes = true,
            Control::FlatbuffersSystemEvents => self.flatbuffers_system_events = true,
            Control::ChangeStreams => self.change_streams = true,
            Control::MaxMarkerVersion(version) => self.marker_version = version,
            // Questions, and what is always refused.
            Control::StreamBufferSize | Control::DeletedUserXattrs | Control::CacheTransfer => {}
        }
        Ok(())
    }

    /// Whether a setting may be changed so: first whether it fits the connection, then whether
    /// there is such a thing here.
    fn permits(&self, control: &Control, facts: &Negotiated) -> Result<(), ControlRefusal> {
        let fits = match control {
            Control::StreamBufferSize => Err(ControlRefusal::StreamBufferSize),
            Control::NoopInterval(interval) if *interval < facts.noop_interval_min => {
                Err(ControlRefusal::NoopIntervalTooShort { min: facts.noop_interval_min })
            }
            Control::ForceValueCompression(_) if !facts.snappy => Err(ControlRefusal::NoSnappy),
            Control::DeletedUserXattrs if !facts.deleted_user_xattrs => {
                Err(ControlRefusal::NotOpenedWithDeletedUserXattrs)
            }
            Control::StreamIds if self.sync_writes => Err(ControlRefusal::StreamIdsWithSyncWrites),
            Control::SyncWrites if self.stream_ids => Err(ControlRefusal::StreamIdsWithSyncWrites),
            Control::ChangeStreams if !facts.history => Err(ControlRefusal::NoHistory),
            Control::MaxMarkerVersion(_) if !facts.collections => {
                Err(ControlRefusal::NoCollections)
            }
            Control::CacheTransfer if !facts.cache_transfer => Err(ControlRefusal::NoCacheTransfer),
            _ => Ok(()),
        };
        fits?;
        match control.feature() {
            Some(feature) if !facts.built.has(feature) => Err(ControlRefusal::NotBuilt(feature)),
            _ => Ok(()),
        }
    }

    /// The size of the flow-control window in bytes; 0: off.
    #[must_use]
    pub fn connection_buffer_size(&self) -> u32 {
        self.buffer_size
    }

    /// Whether no-ops are on.
    #[must_use]
    pub fn noop(&self) -> bool {
        self.noop
    }

    /// The time between no-ops.
    #[must_use]
    pub fn noop_interval(&self) -> Duration {
        self.noop_interval
    }

    /// How long the connection's turns are.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// In which order backfills have their turns.
    #[must_use]
    pub fn backfill_order(&self) -> BackfillOrder {
        self.backfill_order
    }

    /// Whether values are compressed before they are sent.
    #[must_use]
    pub fn force_value_compression(&self) -> bool {
        self.force_value_compression
    }

    /// Whether the client may be made to read again from the store what memory no longer holds.
    #[must_use]
    pub fn cursor_dropping(&self) -> bool {
        self.cursor_dropping
    }

    /// Whether it is sent with a document how hot it is.
    #[must_use]
    pub fn hifi_mfu(&self) -> bool {
        self.hifi_mfu
    }

    /// Whether the end of a stream that the client closed is told.
    #[must_use]
    pub fn stream_end_on_client_close(&self) -> bool {
        self.stream_end_on_client_close
    }

    /// Whether expirations are a message of their own; only where deletions carry their time.
    #[must_use]
    pub fn expiry_opcode(&self) -> bool {
        self.expiry_opcode
    }

    /// Whether there may be several streams on one vbucket.
    #[must_use]
    pub fn stream_ids(&self) -> bool {
        self.stream_ids
    }

    /// Whether prepares, commits and aborts are shown.
    #[must_use]
    pub fn sync_writes(&self) -> bool {
        self.sync_writes
    }

    /// The client's name in acknowledgements of seqnos.
    #[must_use]
    pub fn consumer_name(&self) -> Option<&str> {
        self.consumer_name.as_deref()
    }

    /// Whether the client takes part in sync writes: it is shown them, and has a name to
    /// acknowledge by.
    #[must_use]
    pub fn sync_replication(&self) -> bool {
        self.sync_writes && self.consumer_name.is_some()
    }

    /// Whether backfills may come in the order of keys.
    #[must_use]
    pub fn out_of_order_snapshots(&self) -> OutOfOrder {
        self.out_of_order
    }

    /// Whether the client may answer with the statuses of version 7.
    #[must_use]
    pub fn v7_status_codes(&self) -> bool {
        self.v7_status_codes
    }

    /// Whether system events are FlatBuffers.
    #[must_use]
    pub fn flatbuffers_system_events(&self) -> bool {
        self.flatbuffers_system_events
    }

    /// Whether snapshots show every version.
    #[must_use]
    pub fn change_streams(&self) -> bool {
        self.change_streams
    }

    /// The newest layout of snapshot markers that the client reads.
    #[must_use]
    pub fn marker_version(&self) -> MarkerVersion {
        let least = if self.sync_replication() { MarkerVersion::V2_0 } else { MarkerVersion::V1 };
        self.marker_version.max(least)
    }
}

impl Default for Controls {
    /// Those of a connection whose name says nothing.
    fn default() -> Self {
        Self {
            buffer_size: 0,
            noop: false,
            noop_interval: NOOP_INTERVAL_DEFAULT,
            priority: Priority::default(),
            backfill_order: BackfillOrder::RoundRobin,
            force_value_compression: false,
            cursor_dropping: true,
            hifi_mfu: false,
            stream_end_on_client_close: false,
            expiry_opcode: false,
            stream_ids: false,
            sync_writes: false,
            consumer_name: None,
            out_of_order: OutOfOrder::default(),
            v7_status_codes: false,
            flatbuffers_system_events: false,
            change_streams: false,
            marker_version: MarkerVersion::default(),
        }
    }
}

impl Negotiated {
    /// A client that negotiated nothing, and this build.
    pub const NOTHING: Self = Self {
        built: BuiltControls::HERE,
        snappy: false,
        collections: false,
        deleted_user_xattrs: false,
        history: false,
        cache_transfer: false,
        noop_interval_min: NOOP_INTERVAL_MIN,
    };
}

impl Control {
    /// What has to be built for it; `None` if nothing, since it asks for nothing.
    fn feature(&self) -> Option<Feature> {
        Some(match self {
            Self::Noop(false)
            | Self::ForceValueCompression(false)
            | Self::CursorDropping(false)
            | Self::HifiMfu(false)
            | Self::StreamEndOnClientClose(false)
            | Self::ExpiryOpcode(false)
            | Self::ConnectionBufferSize(0)
            | Self::StreamBufferSize => return None,
            Self::ConnectionBufferSize(_) => Feature::ConnectionBufferSize,
            Self::Noop(_) => Feature::Noop,
            Self::NoopInterval(_) => Feature::NoopInterval,
            Self::Priority(_) => Feature::Priority,
            Self::BackfillOrder(_) => Feature::BackfillOrder,
            Self::ForceValueCompression(_) => Feature::ForceValueCompression,
            Self::CursorDropping(_) => Feature::CursorDropping,
            Self::HifiMfu(_) => Feature::HifiMfu,
            Self::StreamEndOnClientClose(_) => Feature::StreamEndOnClientClose,
            Self::ExpiryOpcode(_) => Feature::ExpiryOpcode,
            Self::StreamIds => Feature::StreamIds,
            Self::SyncWrites => Feature::SyncWrites,
            Self::ConsumerName(_) => Feature::ConsumerName,
            Self::OutOfOrderSnapshots(_) => Feature::OutOfOrderSnapshots,
            Self::DeletedUserXattrs => Feature::DeletedUserXattrs,
            Self::V7StatusCodes => Feature::V7StatusCodes,
            Self::FlatbuffersSystemEvents => Feature::FlatbuffersSystemEvents,
            Self::ChangeStreams => Feature::ChangeStreams,
            Self::MaxMarkerVersion(_) => Feature::MaxMarkerVersion,
            Self::CacheTransfer => Feature::CacheTransfer,
        })
    }
}

impl fmt::Display for ControlRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt(feature) => write!(f, "the control {feature} is not supported here"),
            Self::StreamBufferSize => f.write_str("streams have no buffers of their own"),
            Self::NoSnappy => {
                f.write_str("forced compression needs Snappy, which was not negotiated")
            }
            Self::NoopIntervalTooShort { min } => {
                write!(f, "a no-op interval is at least {} seconds", min.as_secs_f64())
            }
            Self::NotOpenedWithDeletedUserXattrs => {
                f.write_str("the connection was not opened to show user attributes of deletions")
            }
            Self::StreamIdsWithSyncWrites => {
                f.write_str("stream ids and sync writes exclude each other")
            }
            Self::NoHistory => f.write_str("the store does not keep every version"),
            Self::NoCollections => {
                f.write_str("newer snapshot markers need collections, which were not negotiated")
            }
            Self::NoCacheTransfer => f.write_str("the server has no cache transfers"),
        }
    }
}

impl std::error::Error for ControlRefusal {}
