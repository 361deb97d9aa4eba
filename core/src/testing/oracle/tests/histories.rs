//! Random histories of a vbucket, and streams of them as a good server sends them.

use crate::testing::oracle::{Event, Expected, StreamKey};
use crate::types::{Cas, DocKind, EndReason, Seqno, VbId};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One write. Seqnos rise by `gap + 1`.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) seqno: u64,
    pub(super) key: String,
    value: Vec<u8>,
    flags: u32,
    kind: DocKind,
    /// Whether the stream's filter hides it.
    hidden: bool,
}

/// What a server does with one snapshot.
#[derive(Clone, Debug)]
struct Plan {
    /// Writes that it spans.
    writes: usize,
    /// Gives it up after so many, for one that spans more, if there are that many.
    cut_after: Option<usize>,
}

/// A vbucket, and how it is streamed.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) stream: StreamKey,
    pub(super) writes: Vec<Write>,
    plans: Vec<Plan>,
    bounded: bool,
}

pub(super) fn write() -> impl Strategy<Value = (u64, u8, Vec<u8>, u32, u8, bool)> {
    let value = prop::collection::vec(any::<u8>(), 0..4);
    (0u64..3, 0u8..8, value, any::<u32>(), 0u8..6, prop::bool::weighted(0.1))
}

pub(super) fn history(vb: u16) -> impl Strategy<Value = History> {
    let plan = (1usize..8, prop::option::weighted(0.3, 1usize..6))
        .prop_map(|(writes, cut_after)| Plan { writes, cut_after });
    let plans = prop::collection::vec(plan, 1..8);
    (prop::collection::vec(write(), 0..40), plans, any::<bool>()).prop_map(
        move |(writes, plans, bounded)| {
            let mut seqno = 0;
            let writes = writes
                .into_iter()
                .map(|(gap, key, value, flags, kind, hidden)| {
                    seqno += gap + 1;
                    let kind = match kind {
                        0 => DocKind::Deleted,
                        1 => DocKind::Expired,
                        _ => DocKind::Alive,
                    };
                    Write { seqno, key: format!("key-{key}"), value, flags, kind, hidden }
                })
                .collect();
            History { stream: StreamKey::of(VbId(vb)), writes, plans, bounded }
        },
    )
}

impl History {
    /// The events of a stream from the beginning to what was written last.
    pub(super) fn events(&self) -> Vec<Event<'_>> {
        let high = self.writes.last().map_or(0, |write| write.seqno);
        let stream_end = if self.bounded { Seqno(high) } else { Seqno::MAX };
        let mut events = vec![Event::Accepted { start: Seqno(0), end: stream_end, inside: None }];
        let mut plans = self.plans.iter().cycle();
        let (mut at, mut sent) = (0, 0);
        while at < self.writes.len() {
            let plan = plans.next().expect("a cycle does not end");
            let upto = (at + plan.writes).min(self.writes.len());
            let span = &self.writes[at..upto];
            let end = span[span.len() - 1].seqno;
            events.push(Event::Marker { start: Seqno(sent + 1), end: Seqno(end), flags: 1 });
            match plan.cut_after.filter(|_| upto < self.writes.len()) {
                // What it has sent of it stays sent; the next plan starts behind that, and has to
                // span more.
                Some(count) if count < span.len() => {
                    send(span, count, &mut events);
                    at += count;
                    sent = span[count - 1].seqno.max(sent);
                    let rest = (upto - at).max(plan.writes) + 1;
                    let upto = (at + rest).min(self.writes.len());
                    let span = &self.writes[at..upto];
                    let end = span[span.len() - 1].seqno;
                    events.push(Event::Marker {
                        start: Seqno(sent + 1),
                        end: Seqno(end),
                        flags: 2,
                    });
                    send(span, span.len(), &mut events);
                    (at, sent) = (upto, end);
                }
                _ => {
                    send(span, span.len(), &mut events);
                    (at, sent) = (upto, end);
                }
            }
        }
        if self.bounded {
            events.push(Event::End { reason: EndReason::Ok });
        }
        events
    }

    /// The newest version of each key that the filter shows.
    pub(super) fn expected(&self) -> BTreeMap<&str, Expected<'_>> {
        let shown = self.writes.iter().filter(|write| !write.hidden);
        shown.map(|write| (write.key.as_str(), write.expected())).collect()
    }
}

impl Write {
    fn expected(&self) -> Expected<'_> {
        Expected {
            value: &self.value,
            cas: Cas(self.seqno + 1_000_000),
            flags: self.flags,
            deleted: !self.kind.is_alive(),
        }
    }

    fn event(&self) -> Event<'_> {
        Event::Document {
            seqno: Seqno(self.seqno),
            key: self.key.as_bytes(),
            value: &self.value,
            cas: Cas(self.seqno + 1_000_000),
            flags: self.flags,
            kind: self.kind,
        }
    }
}

/// Sends the first `count` writes of a snapshot: of each key the newest in the snapshot, nothing
/// that is hidden, and a seqno-advanced for the last one if that was not sent itself.
fn send<'a>(span: &'a [Write], count: usize, events: &mut Vec<Event<'a>>) {
    let mut sent = 0;
    for (n, write) in span[..count].iter().enumerate() {
        let replaced = span[n + 1..].iter().any(|later| later.key == write.key && !later.hidden);
        if !write.hidden && !replaced {
            events.push(write.event());
            sent = write.seqno;
        }
    }
    let last = span[count - 1].seqno;
    if sent < last {
        events.push(Event::SeqnoAdvanced { seqno: Seqno(last) });
    }
}
