//! A request, and everything that is looked at to grant or refuse it.

use super::{FilterFault, FilterKind, RawFilter, StreamFlags};
use crate::failover::FailoverLog;
use crate::types::{Seqno, Sid, VbState, VbUuid};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRequest {
    /// How.
    pub flags: StreamFlags,
    /// The last seqno that the client has.
    pub start: Seqno,
    /// The last seqno that it wants; [`Seqno::MAX`] for a stream without end.
    pub end: Seqno,
    /// The branch of history that it saw last; 0 if it names none.
    pub uuid: VbUuid,
    /// Where the snapshot began that it was in.
    pub snap_start: Seqno,
    /// Where that snapshot ends.
    pub snap_end: Seqno,
    /// Its name for the stream, if it wants several on one vbucket.
    pub sid: Option<Sid>,
    /// What it wants to see; `None` if the request came without a value.
    pub filter: Option<RawFilter>,
    /// The purge seqno that it knows of already.
    pub purge_seqno: Option<Seqno>,
}

/// What is the case when a request is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What this build can do.
    pub built: Built,
    /// Of the connection.
    pub connection: ConnectionFacts,
    /// Of the vbucket; `None` if there is no such vbucket.
    pub vb: Option<VbFacts<'a>>,
    /// What the request's filter came to.
    pub filter: Result<FilterKind, FilterFault>,
    /// The highest seqno that the filter shows.
    pub filter_high: FilterHigh,
    /// How much room there is for another stream.
    pub memory: Memory,
}

/// What this build can do; what it cannot is refused, never ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// The flags that have an effect.
    pub flags: StreamFlags,
}

/// The facts of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionFacts {
    /// Whether it is closed, or about to be.
    pub closed: bool,
    /// Whether collections were negotiated, so that a request may have a value.
    pub collections: bool,
    /// Whether extended attributes were asked for when it was opened.
    pub xattrs: bool,
    /// Whether noop is on.
    pub noop: bool,
    /// Whether streams with extended attributes or a value need noop.
    pub noop_mandatory: bool,
    /// Whether stream ids were turned on.
    pub stream_ids: bool,
    /// Whether it replicates synchronously.
    pub sync_replication: bool,
}

/// The facts of a vbucket.
#[derive(Clone, Copy, Debug)]
pub struct VbFacts<'a> {
    /// Its state.
    pub state: VbState,
    /// Its high seqno.
    pub high: Seqno,
    /// The highest seqno that is durable.
    pub persisted: Seqno,
    /// The highest seqno of a tombstone that is gone.
    pub purge: Seqno,
    /// The branches of its history.
    pub failover: &'a FailoverLog,
    /// Whether it is a replica that has not yet received its first snapshot from disk as a whole.
    pub in_first_disk_snapshot: bool,
    /// Whether the connection has a live stream on it, with the request's stream id if there is
    /// one.
    pub live_stream: bool,
}

/// The highest seqno that a filter shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterHigh {
    /// The vbucket's own.
    Vbucket,
    /// The highest of the filter's collections.
    Collections(Seqno),
    /// The filter's collections are gone since it was looked up.
    Gone,
}

/// How much room there is for another stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Enough, or the client is one that is never refused for it.
    Enough,
    /// Too little now; it is being freed.
    Short,
    /// Too little, and nothing that could be freed.
    Exhausted,
}

impl Built {
    /// Every flag of the protocol but the one that it withdrew.
    pub const EVERYTHING: Self = Self { flags: StreamFlags::ALL.without(StreamFlags::NO_VALUE) };
}

impl StreamRequest {
    /// Everything from the beginning, without end.
    #[must_use]
    pub fn from_zero() -> Self {
        Self {
            flags: StreamFlags::NONE,
            start: Seqno::ZERO,
            end: Seqno::MAX,
            uuid: VbUuid::ZERO,
            snap_start: Seqno::ZERO,
            snap_end: Seqno::ZERO,
            sid: None,
            filter: None,
            purge_seqno: None,
        }
    }
}
