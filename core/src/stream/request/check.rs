//! The checks, in their order.

use super::{ConnectionFacts, Facts, FilterHigh, FilterKind, Memory, Refusal, StreamFlags};
use super::{FilterFault, RawFilter, StreamRequest, VbFacts};
use crate::failover::{RollbackQuery, Verdict, decide, exempt_by_filter};
use crate::types::{Seqno, Sid, VbState, VbUuid};

/// The stream to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The flags, as they came.
    pub flags: StreamFlags,
    /// The last seqno that the client has; the stream begins behind it.
    pub start: Seqno,
    /// The last seqno of the stream.
    pub end: Seqno,
    /// The branch that the client goes on from; 0 if it named none.
    pub uuid: VbUuid,
    /// Where the snapshot begins that the client is in.
    pub snap_start: Seqno,
    /// Where that snapshot ends.
    pub snap_end: Seqno,
    /// The stream's name, if the connection uses such.
    pub sid: Option<Sid>,
    /// What the stream shows.
    pub filter: FilterKind,
    /// The purge seqno that the client knows of already.
    pub client_purge: Option<Seqno>,
    /// Whether there is nothing to send: the stream is granted, and ends at once with
    /// [`EndReason::Ok`](crate::types::EndReason::Ok).
    pub born_dead: bool,
}

/// Grants or refuses a request; the first thing that is in the way wins.
///
/// # Errors
/// The [`Refusal`], which says what to answer.
pub fn check(request: &StreamRequest, facts: &Facts<'_>) -> Result<Accepted, Refusal> {
    flags(request, facts)?;
    let vb = streamable(request, facts)?;
    let request = &from_latest(request, vb);
    noop(request, &facts.connection)?;
    range(request)?;
    let filter = filter(request, facts)?;
    if vb.live_stream {
        return Err(Refusal::StreamExists);
    }
    let query = rollback_query(request, facts, vb);
    if let Verdict::Rollback { to, rule } = decide(vb.failover, &query) {
        return Err(Refusal::Rollback { to, rule });
    }
    let end = end(request, facts.filter_high, vb)?;
    room(facts, vb)?;
    let unfinished = request.start == request.snap_start && request.snap_end > vb.high;
    Ok(Accepted {
        flags: request.flags,
        start: request.start,
        end,
        uuid: request.uuid,
        snap_start: request.snap_start,
        // A client that has nothing of its snapshot may expect more of it than there is: it lost
        // its end with another branch, and nothing would ever close it.
        snap_end: if unfinished { request.snap_start } else { request.snap_end },
        sid: request.sid,
        filter,
        client_purge: query.client_purge,
        born_dead: request.start >= end,
    })
}

/// Row 0: what the frame alone gives away.
fn flags(request: &StreamRequest, facts: &Facts<'_>) -> Result<(), Refusal> {
    let flags = request.flags;
    let unknown = flags.without(StreamFlags::ALL);
    if !unknown.is_none() {
        return Err(Refusal::UnknownFlags(unknown));
    }
    if flags.contains(StreamFlags::NO_VALUE) {
        return Err(Refusal::NoValueFlag);
    }
    let beside = flags.without(BESIDE_CACHE_TRANSFER);
    if flags.contains(StreamFlags::CACHE_TRANSFER) && !beside.is_none() {
        return Err(Refusal::CacheTransferFlags(beside));
    }
    if request.filter.is_some() && !facts.connection.collections {
        return Err(Refusal::ValueNotNegotiated);
    }
    let not_built = flags.without(facts.built.flags);
    if !not_built.is_none() {
        return Err(Refusal::FlagsNotBuilt(not_built));
    }
    Ok(())
}

/// Rows 1 to 3: is there a vbucket to stream from?
fn streamable<'a>(
    request: &StreamRequest,
    facts: &'a Facts<'_>,
) -> Result<&'a VbFacts<'a>, Refusal> {
    if facts.connection.closed {
        return Err(Refusal::Closed);
    }
    let vb = facts.vb.as_ref().ok_or(Refusal::NoSuchVbucket)?;
    match vb.state {
        VbState::Active => Ok(vb),
        VbState::Replica if !request.flags.contains(StreamFlags::ACTIVE_VB_ONLY) => Ok(vb),
        state => Err(Refusal::NotStreamable(state)),
    }
}

/// Row 4: a client that wants only what comes from now on.
fn from_latest(request: &StreamRequest, vb: &VbFacts<'_>) -> StreamRequest {
    let mut request = request.clone();
    if request.flags.contains(StreamFlags::FROM_LATEST) {
        (request.start, request.snap_start, request.snap_end) = (vb.high, vb.high, vb.high);
        if request.uuid == VbUuid::ZERO {
            request.uuid = vb.failover.newest().uuid;
        }
    }
    request
}

/// Row 5: a client that stops reading must be found out.
fn noop(request: &StreamRequest, connection: &ConnectionFacts) -> Result<(), Refusal> {
    let value = !matches!(request.filter, None | Some(RawFilter::Absent));
    let needs = connection.noop_mandatory && (connection.xattrs || value);
    if needs && !connection.noop { Err(Refusal::NoopRequired) } else { Ok(()) }
}

/// Rows 6 and 7.
fn range(request: &StreamRequest) -> Result<(), Refusal> {
    let StreamRequest { start, end, snap_start, snap_end, .. } = *request;
    if start > end {
        return Err(Refusal::StartAboveEnd { start, end });
    }
    if !(snap_start..=snap_end).contains(&start) {
        return Err(Refusal::OutsideSnapshot { start, snap_start, snap_end });
    }
    Ok(())
}

/// Rows 8 to 10.
fn filter(request: &StreamRequest, facts: &Facts<'_>) -> Result<FilterKind, Refusal> {
    let filter = facts.filter.map_err(Refusal::Filter)?;
    if request.sid == Some(Sid::ZERO) {
        return Err(Refusal::Filter(FilterFault::StreamId));
    }
    match (request.sid, facts.connection.stream_ids) {
        (None, true) => return Err(Refusal::StreamIdRequired),
        (Some(_), false) => return Err(Refusal::StreamIdNotEnabled),
        _ => {}
    }
    if filter != FilterKind::Passthrough && facts.connection.sync_replication {
        return Err(Refusal::FilterWithSyncReplication);
    }
    Ok(filter)
}

/// Row 12's question.
fn rollback_query(request: &StreamRequest, facts: &Facts<'_>, vb: &VbFacts<'_>) -> RollbackQuery {
    let ignores = request.flags.contains(StreamFlags::IGNORE_PURGED_TOMBSTONES);
    let purge = if ignores { Seqno::ZERO } else { vb.purge };
    RollbackQuery {
        start: request.start,
        snap_start: request.snap_start,
        snap_end: request.snap_end,
        uuid: request.uuid,
        strict: request.flags.contains(StreamFlags::STRICT_VB_UUID),
        high: vb.high,
        purge,
        client_purge: request.purge_seqno,
        // A scope's collections come and go, so that what was purged may have been one of it.
        exempt_from_purge: match (facts.filter, facts.filter_high) {
            (Ok(FilterKind::Collections), FilterHigh::Collections(high)) => {
                exempt_by_filter(request.start, purge, high)
            }
            _ => false,
        },
    }
}

/// Rows 13 to 15: where the stream ends.
///
/// An end that came from the filter may lie below the start: the client has seen all that the
/// filter shows, and other documents' seqnos beyond it.
fn end(
    request: &StreamRequest,
    filter_high: FilterHigh,
    vb: &VbFacts<'_>,
) -> Result<Seqno, Refusal> {
    let mut end = request.end;
    let mut of_filter = false;
    if request.flags.contains(StreamFlags::TO_LATEST) {
        end = match filter_high {
            FilterHigh::Vbucket => vb.high,
            FilterHigh::Collections(high) => high,
            FilterHigh::Gone => return Err(Refusal::FilterGone),
        };
        of_filter = matches!(filter_high, FilterHigh::Collections(_));
    }
    if request.flags.contains(StreamFlags::DISK_ONLY) {
        end = vb.persisted;
        of_filter = false;
    }
    if request.start > end && !of_filter {
        return Err(Refusal::StartAboveLatest { start: request.start, end });
    }
    debug_assert!(request.start <= vb.high, "whoever is above the high seqno was sent back");
    Ok(end)
}

/// Rows 17 and 18: may the client try again later?
fn room(facts: &Facts<'_>, vb: &VbFacts<'_>) -> Result<(), Refusal> {
    match facts.memory {
        Memory::Enough => {}
        Memory::Short => return Err(Refusal::MemoryShort),
        Memory::Exhausted => return Err(Refusal::MemoryExhausted),
    }
    if vb.in_first_disk_snapshot { Err(Refusal::InFirstDiskSnapshot) } else { Ok(()) }
}

/// What a cache transfer may be combined with, itself included.
const BESIDE_CACHE_TRANSFER: StreamFlags =
    StreamFlags::CACHE_TRANSFER.union(StreamFlags::TAKEOVER).union(StreamFlags::ACTIVE_VB_ONLY);
