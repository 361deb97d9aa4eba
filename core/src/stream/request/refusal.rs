//! Why a stream request is refused.

use super::{FilterFault, StreamFlags};
use crate::failover::Rule;
use crate::types::{Seqno, VbState};
use core::fmt;

/// The first thing that is in the way of a stream request, in the order of looking.
///
/// | refusal | status on the wire |
/// |---|---|
/// | `UnknownFlags`, `NoValueFlag`, `CacheTransferFlags`, `ValueNotNegotiated` | Einval 0x04 |
/// | `FlagsNotBuilt` | NotSupported 0x83 |
/// | `Closed` | none: the connection closes |
/// | `NoSuchVbucket`, `NotStreamable` | NotMyVbucket 0x07 |
/// | `NoopRequired` | NotSupported 0x83 |
/// | `StartAboveEnd`, `OutsideSnapshot` | Erange 0x22 |
/// | `Filter` of `UnknownCollection` | UnknownCollection 0x88 |
/// | `Filter` of `UnknownScope` | UnknownScope 0x8c |
/// | `Filter` of `Access` | Eaccess 0x24 |
/// | `Filter` of `Invalid`, `Unreadable` | Einval 0x04 |
/// | `Filter` of `StreamId`, `StreamIdRequired`, `StreamIdNotEnabled` | DcpStreamIdInvalid 0x8d |
/// | `FilterWithSyncReplication` | NotSupported 0x83 |
/// | `StreamExists` | KeyEexists 0x02 |
/// | `Rollback` | Rollback 0x23, with the 8 bytes of `to` as its value |
/// | `FilterGone` | UnknownCollection 0x88 |
/// | `StartAboveLatest` | Erange 0x22 |
/// | `MemoryShort` | Etmpfail 0x86 |
/// | `MemoryExhausted`, `TooManyStreams` | Enomem 0x82 |
/// | `EndsUntold` | Etmpfail 0x86 |
/// | `InFirstDiskSnapshot` | Etmpfail 0x86 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Flags that the protocol does not have.
    UnknownFlags(StreamFlags),
    /// The flag for keys without values, which belongs to the opening of a connection.
    NoValueFlag,
    /// A cache transfer with flags (given here) that do not go with it.
    CacheTransferFlags(StreamFlags),
    /// A value on a connection that did not negotiate collections.
    ValueNotNegotiated,
    /// Flags that this build does not have.
    FlagsNotBuilt(StreamFlags),
    /// The connection is closed or about to be.
    Closed,
    /// There is no such vbucket.
    NoSuchVbucket,
    /// The vbucket's state does not let it be streamed, or not for this request.
    NotStreamable(VbState),
    /// Streams with a value or extended attributes need noop to be on.
    NoopRequired,
    /// The client has more than it asks for.
    StartAboveEnd {
        /// What it has.
        start: Seqno,
        /// What it asks for.
        end: Seqno,
    },
    /// The client's seqno is not in the snapshot that it says it is in.
    OutsideSnapshot {
        /// The seqno.
        start: Seqno,
        /// Where the snapshot begins.
        snap_start: Seqno,
        /// Where the snapshot ends.
        snap_end: Seqno,
    },
    /// The filter cannot be.
    Filter(FilterFault),
    /// No stream id, on a connection that turned them on.
    StreamIdRequired,
    /// A stream id, on a connection that did not turn them on.
    StreamIdNotEnabled,
    /// Synchronous replication needs every document.
    FilterWithSyncReplication,
    /// There is such a stream already, and it lives.
    StreamExists,
    /// The client has to go back first.
    Rollback {
        /// To where.
        to: Seqno,
        /// Why.
        rule: Rule,
    },
    /// The collections of the filter are gone.
    FilterGone,
    /// The client has more than the end that its flags come to.
    StartAboveLatest {
        /// What it has.
        start: Seqno,
        /// What its flags come to.
        end: Seqno,
    },
    /// Too little memory now.
    MemoryShort,
    /// Too little memory.
    MemoryExhausted,
    /// The vbucket is a replica that has not yet received its first snapshot as a whole.
    InFirstDiskSnapshot,
    /// The connection has all the streams that one can have.
    TooManyStreams,
    /// So many ends of earlier streams wait for the client that they have to be told first.
    EndsUntold,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFlags(flags) => write!(f, "no such stream flags: {flags}"),
            Self::NoValueFlag => {
                f.write_str("the no-value flag belongs to the opening of a connection")
            }
            Self::CacheTransferFlags(flags) => {
                write!(f, "a cache transfer does not go with the flags {flags}")
            }
            Self::ValueNotNegotiated => {
                f.write_str("a stream request has no value unless collections were negotiated")
            }
            Self::FlagsNotBuilt(flags) => write!(f, "stream flags not supported here: {flags}"),
            Self::Closed => f.write_str("the connection is closed"),
            Self::NoSuchVbucket => f.write_str("there is no such vbucket"),
            Self::NotStreamable(state) => {
                write!(f, "the vbucket is {}, which the request does not allow", state.as_str())
            }
            Self::NoopRequired => f.write_str("such a stream needs noop to be on"),
            Self::StartAboveEnd { start, end } => write!(f, "start {start} is above end {end}"),
            Self::OutsideSnapshot { start, snap_start, snap_end } => {
                write!(f, "start {start} is not in the snapshot {snap_start} to {snap_end}")
            }
            Self::Filter(fault) => fault.fmt(f),
            Self::StreamIdRequired => f.write_str("the connection's streams need a stream id"),
            Self::StreamIdNotEnabled => f.write_str("the connection did not turn on stream ids"),
            Self::FilterWithSyncReplication => {
                f.write_str("synchronous replication does not go with a filter")
            }
            Self::StreamExists => f.write_str("there is such a stream already"),
            Self::Rollback { to, rule } => write!(f, "rollback to {to}: {rule}"),
            Self::FilterGone => f.write_str("the collections of the filter are gone"),
            Self::StartAboveLatest { start, end } => {
                write!(f, "start {start} is above {end}, the end that the flags come to")
            }
            Self::MemoryShort => f.write_str("too little memory now for another stream"),
            Self::MemoryExhausted => f.write_str("too little memory for another stream"),
            Self::InFirstDiskSnapshot => {
                f.write_str("the replica has not yet received its first snapshot as a whole")
            }
            Self::TooManyStreams => {
                f.write_str("the connection has as many streams as it can have")
            }
            Self::EndsUntold => {
                f.write_str("the ends of earlier streams have to be received first")
            }
        }
    }
}

impl std::error::Error for Refusal {}
