//! A request and facts that are in nobody's way, to be changed.

use crate::failover::FailoverLog;
use crate::stream::request::{
    Accepted, Built, ConnectionFacts, Facts, FilterHigh, FilterKind, Memory, Refusal, StreamFlags,
    StreamRequest, VbFacts, check,
};
use crate::types::{Seqno, VbState, VbUuid};

pub(super) const UUID: u64 = 0xA;
pub(super) const HIGH: u64 = 300;

/// A branch up to 100, then another up to 300.
pub(super) fn log() -> FailoverLog {
    let mut log = FailoverLog::new(VbUuid(0x9), Seqno(0));
    log.push(VbUuid(UUID), Seqno(100));
    log
}

/// An active vbucket and a connection that is in nobody's way.
pub(super) fn facts(log: &FailoverLog) -> Facts<'_> {
    Facts {
        built: Built::EVERYTHING,
        connection: ConnectionFacts {
            closed: false,
            collections: true,
            xattrs: false,
            noop: true,
            noop_mandatory: true,
            stream_ids: false,
            sync_replication: false,
        },
        vb: Some(VbFacts {
            state: VbState::Active,
            high: Seqno(HIGH),
            persisted: Seqno(250),
            purge: Seqno(0),
            failover: log,
            in_first_disk_snapshot: false,
            live_stream: false,
        }),
        filter: Ok(FilterKind::Legacy),
        filter_high: FilterHigh::Vbucket,
        memory: Memory::Enough,
    }
}

pub(super) fn vb<'a, 'b>(facts: &'b mut Facts<'a>) -> &'b mut VbFacts<'a> {
    facts.vb.as_mut().expect("the vbucket was not taken away")
}

/// A client between snapshots at `start`.
pub(super) fn at(start: u64) -> StreamRequest {
    let start = Seqno(start);
    StreamRequest { start, snap_start: start, snap_end: start, uuid: VbUuid(UUID), ..from_zero() }
}

pub(super) fn from_zero() -> StreamRequest {
    StreamRequest::from_zero()
}

pub(super) fn with(flags: StreamFlags) -> StreamRequest {
    StreamRequest { flags, ..at(200) }
}

pub(super) fn granted(request: &StreamRequest, change: impl FnOnce(&mut Facts<'_>)) -> Accepted {
    let log = log();
    let mut facts = facts(&log);
    change(&mut facts);
    check(request, &facts).unwrap_or_else(|refusal| panic!("{request:?} refused: {refusal}"))
}

pub(super) fn refused(request: &StreamRequest, change: impl FnOnce(&mut Facts<'_>)) -> Refusal {
    let log = log();
    let mut facts = facts(&log);
    change(&mut facts);
    check(request, &facts).expect_err("refused")
}

pub(super) fn unchanged(_: &mut Facts<'_>) {}
