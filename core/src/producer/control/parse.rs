//! Key and value of a control, read.

use super::Feature;
use crate::backfill::BackfillOrder;
use crate::limits::{CONNECTION_NAME_BYTES_MAX, NOOP_INTERVAL_MAX};
use core::fmt;
use std::time::Duration;

/// One setting and what a client wants it to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// The size of the flow-control window; 0: off.
    ConnectionBufferSize(u32),
    /// A window of each stream, which nobody offers any more.
    StreamBufferSize,
    /// No-ops.
    Noop(bool),
    /// The time between no-ops.
    NoopInterval(Duration),
    /// How long the connection's turns are.
    Priority(Priority),
    /// In which order backfills have their turns.
    BackfillOrder(BackfillOrder),
    /// Values are compressed before they are sent.
    ForceValueCompression(bool),
    /// The client may be made to read again from the store what memory no longer holds.
    CursorDropping(bool),
    /// How hot a document is, is sent with it.
    HifiMfu(bool),
    /// The end of a stream is told also if the client closed it; `false` changes nothing.
    StreamEndOnClientClose(bool),
    /// Expirations are a message of their own.
    ExpiryOpcode(bool),
    /// Several streams on one vbucket.
    StreamIds,
    /// Prepares, commits and aborts are shown.
    SyncWrites,
    /// The client's name in acknowledgements of seqnos.
    ConsumerName(Box<str>),
    /// Backfills may come in the order of keys.
    OutOfOrderSnapshots(OutOfOrder),
    /// Does the connection show user attributes of deleted documents?
    DeletedUserXattrs,
    /// The client may answer with the statuses of version 7.
    V7StatusCodes,
    /// System events are FlatBuffers.
    FlatbuffersSystemEvents,
    /// Snapshots show every version, not only the newest of each key.
    ChangeStreams,
    /// The newest layout of snapshot markers that the client reads.
    MaxMarkerVersion(MarkerVersion),
    /// Does the server have cache transfers?
    CacheTransfer,
}

/// How long a connection's turns are beside those of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Longest.
    High,
    /// In between.
    #[default]
    Medium,
    /// Shortest.
    Low,
}

/// Whether backfills may come in the order of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OutOfOrder {
    /// No.
    #[default]
    Never,
    /// Yes.
    Allowed,
    /// Yes, and a seqno-advanced tells where such a backfill ended.
    WithSeqnoAdvanced,
}

/// The layout of snapshot markers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkerVersion {
    /// 1.0: all in the extras.
    #[default]
    V1,
    /// 2.0: with the highest visible and the highest completed seqno.
    V2_0,
    /// 2.2: with the purge seqno and the highest prepared seqno as well.
    V2_2,
}

/// Why a control could not be read; answered with Einval 0x04.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// The key is empty.
    NoKey,
    /// The value is empty.
    NoValue,
    /// There is no such setting.
    UnknownKey(Box<str>),
    /// The setting has no such value.
    BadValue {
        /// The setting.
        key: &'static str,
        /// What it takes.
        wants: &'static str,
    },
}

impl Control {
    /// Reads a control.
    ///
    /// # Errors
    /// When key or value is empty, the key unknown, or the value none that the key takes.
    pub fn parse(key: &[u8], value: &[u8]) -> Result<Self, ControlError> {
        if key.is_empty() {
            return Err(ControlError::NoKey);
        }
        if value.is_empty() {
            return Err(ControlError::NoValue);
        }
        let on = value == b"true";
        Ok(match key {
            b"connection_buffer_size" => Self::ConnectionBufferSize(bytes(value)?),
            b"stream_buffer_size" => Self::StreamBufferSize,
            b"enable_noop" => Self::Noop(on),
            b"set_noop_interval" => Self::NoopInterval(seconds(value)?),
            b"set_priority" => Self::Priority(priority(value)?),
            b"backfill_order" => Self::BackfillOrder(backfill_order(value)?),
            b"force_value_compression" => Self::ForceValueCompression(on),
            b"supports_cursor_dropping" | b"supports_cursor_dropping_vulcan" => {
                Self::CursorDropping(on)
            }
            b"supports_hifi_MFU" => Self::HifiMfu(on),
            b"send_stream_end_on_client_close_stream" => Self::StreamEndOnClientClose(on),
            b"enable_expiry_opcode" => Self::ExpiryOpcode(on),
            b"enable_stream_id" => only(Feature::StreamIds, on, Self::StreamIds)?,
            b"enable_sync_writes" => only(Feature::SyncWrites, on, Self::SyncWrites)?,
            b"consumer_name" => Self::ConsumerName(name(value)?),
            b"enable_out_of_order_snapshots" => Self::OutOfOrderSnapshots(out_of_order(value)?),
            b"include_deleted_user_xattrs" => {
                only(Feature::DeletedUserXattrs, on, Self::DeletedUserXattrs)?
            }
            b"v7_dcp_status_codes" => only(Feature::V7StatusCodes, on, Self::V7StatusCodes)?,
            b"flatbuffers_system_events" => {
                only(Feature::FlatbuffersSystemEvents, on, Self::FlatbuffersSystemEvents)?
            }
            b"change_streams" => only(Feature::ChangeStreams, on, Self::ChangeStreams)?,
            b"max_marker_version" if value == b"2.2" => Self::MaxMarkerVersion(MarkerVersion::V2_2),
            b"max_marker_version" => return Err(bad(Feature::MaxMarkerVersion, "2.2")),
            b"cache_transfer" => Self::CacheTransfer,
            unknown => return Err(ControlError::UnknownKey(shown(unknown))),
        })
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str("a control needs a key"),
            Self::NoValue => f.write_str("a control needs a value"),
            Self::UnknownKey(key) => write!(f, "there is no control {key:?}"),
            Self::BadValue { key, wants } => write!(f, "the control {key} takes {wants}"),
        }
    }
}

impl std::error::Error for ControlError {}

fn bad(feature: Feature, wants: &'static str) -> ControlError {
    let key = feature.key();
    ControlError::BadValue { key, wants }
}

/// A control that can be switched on, and not off again.
fn only(feature: Feature, on: bool, control: Control) -> Result<Control, ControlError> {
    if on { Ok(control) } else { Err(bad(feature, "true")) }
}

/// Text of digits, and a point if `fraction`; what else the standard library takes for a number is
/// none here.
fn digits(value: &[u8], fraction: bool) -> Option<&str> {
    let good = value.iter().all(|byte| byte.is_ascii_digit() || (fraction && *byte == b'.'));
    if good { core::str::from_utf8(value).ok() } else { None }
}

fn bytes(value: &[u8]) -> Result<u32, ControlError> {
    digits(value, false)
        .and_then(|text| text.parse().ok())
        .ok_or(bad(Feature::ConnectionBufferSize, "a number of bytes from 0 to 4294967295"))
}

fn seconds(value: &[u8]) -> Result<Duration, ControlError> {
    digits(value, true)
        .and_then(|text| text.parse().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|interval| *interval <= NOOP_INTERVAL_MAX)
        .ok_or(bad(Feature::NoopInterval, "a number of seconds up to 4294967295"))
}

fn priority(value: &[u8]) -> Result<Priority, ControlError> {
    match value {
        b"high" => Ok(Priority::High),
        b"medium" => Ok(Priority::Medium),
        b"low" => Ok(Priority::Low),
        _ => Err(bad(Feature::Priority, "high, medium or low")),
    }
}

fn backfill_order(value: &[u8]) -> Result<BackfillOrder, ControlError> {
    match value {
        b"round-robin" => Ok(BackfillOrder::RoundRobin),
        b"sequential" => Ok(BackfillOrder::Sequential),
        _ => Err(bad(Feature::BackfillOrder, "round-robin or sequential")),
    }
}

fn out_of_order(value: &[u8]) -> Result<OutOfOrder, ControlError> {
    match value {
        b"true" => Ok(OutOfOrder::Allowed),
        b"true_with_seqno_advanced" => Ok(OutOfOrder::WithSeqnoAdvanced),
        _ => Err(bad(Feature::OutOfOrderSnapshots, "true or true_with_seqno_advanced")),
    }
}

fn name(value: &[u8]) -> Result<Box<str>, ControlError> {
    core::str::from_utf8(value)
        .ok()
        .filter(|name| name.len() <= CONNECTION_NAME_BYTES_MAX)
        .map(Box::from)
        .ok_or(bad(Feature::ConsumerName, "a name in UTF-8 of at most 200 bytes"))
}

/// The beginning of an unknown key, fit to be shown.
fn shown(key: &[u8]) -> Box<str> {
    String::from_utf8_lossy(&key[..key.len().min(SHOWN_BYTES_MAX)]).into()
}

/// So much of an unknown key is repeated in the answer.
const SHOWN_BYTES_MAX: usize = 64;

// The text in `name` says so.
const _: () = assert!(CONNECTION_NAME_BYTES_MAX == 200);
