//! Events in few words.

use crate::testing::oracle::{Event, Fault, Range, Report, StreamKey, StreamOracle};
use crate::types::{Cas, DocKind, EndReason, Seqno, VbId};

/// The stream of most tests.
pub(super) const STREAM: StreamKey = StreamKey::of(VbId(7));

pub(super) fn accepted(start: u64, end: u64) -> Event<'static> {
    Event::Accepted { start: Seqno(start), end: Seqno(end), inside: None }
}

/// A stream without end for a client that has seen a snapshot up to `start`, and not the rest.
pub(super) fn resumed(snap_start: u64, start: u64, snap_end: u64) -> Event<'static> {
    let inside = Some(Range { start: Seqno(snap_start), end: Seqno(snap_end) });
    Event::Accepted { start: Seqno(start), end: Seqno::MAX, inside }
}

/// A stream from the beginning, without end.
pub(super) fn from_zero() -> Event<'static> {
    accepted(0, u64::MAX)
}

pub(super) fn marker(start: u64, end: u64) -> Event<'static> {
    Event::Marker { start: Seqno(start), end: Seqno(end), flags: 1 }
}

/// A mutation whose cas is 100 times its seqno.
pub(super) fn put(seqno: u64, key: &str) -> Event<'_> {
    Event::Document {
        seqno: Seqno(seqno),
        key: key.as_bytes(),
        value: b"value",
        cas: Cas(seqno * 100),
        flags: 5,
        kind: DocKind::Alive,
    }
}

pub(super) fn remove(seqno: u64, key: &str) -> Event<'_> {
    Event::Document {
        seqno: Seqno(seqno),
        key: key.as_bytes(),
        value: b"",
        cas: Cas(seqno * 100),
        flags: 0,
        kind: DocKind::Deleted,
    }
}

pub(super) fn advanced(seqno: u64) -> Event<'static> {
    Event::SeqnoAdvanced { seqno: Seqno(seqno) }
}

pub(super) fn system(seqno: u64) -> Event<'static> {
    Event::SystemEvent { seqno: Seqno(seqno) }
}

pub(super) fn end(reason: EndReason) -> Event<'static> {
    Event::End { reason }
}

pub(super) fn run(mut oracle: StreamOracle, events: &[Event<'_>]) -> Result<Report, Vec<Fault>> {
    for event in events {
        oracle.observe(STREAM, *event);
    }
    oracle.finish().map_err(|violations| {
        assert_eq!(violations.total, violations.first.len() as u64);
        violations.first.into_iter().map(|violation| violation.fault).collect()
    })
}

/// Judges the events of one stream, which are in order.
pub(super) fn good(events: &[Event<'_>]) -> Report {
    run(StreamOracle::new(), events).unwrap_or_else(|faults| panic!("{events:#?}: {faults:?}"))
}

/// Judges the events of one stream, in which there is one fault.
pub(super) fn bad(events: &[Event<'_>]) -> Fault {
    match run(StreamOracle::new(), events) {
        Ok(report) => panic!("nothing was found in {events:#?}: {report:?}"),
        Err(mut faults) => {
            assert_eq!(faults.len(), 1, "one fault, told once: {faults:?}");
            faults.remove(0)
        }
    }
}
