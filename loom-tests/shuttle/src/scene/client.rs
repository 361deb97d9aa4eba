//! A client: it owns a connection, steps it, acknowledges, closes streams and opens them again, until it is closed.

use super::dice::{below, one_in};
use super::store::VBUCKETS;
use millstream::producer::{CloseOutcome, Control, Departure, Producer, Step};
use millstream::stream::{Event, Layout, Sink, StreamRequest};
use millstream::testing::oracle::{self, Range, StreamKey, StreamOracle};
use millstream::types::{EndReason, Opaque, Seqno, Sid, VbId, VbUuid};
use millstream_reclaim::sync::workers;
use std::collections::BTreeSet;
use std::time::Duration;

/// No schedule has that much time: who still waits then was not woken.
const FOR_EVER: Duration = Duration::from_secs(1 << 30);
/// Streams that one client closes itself at most.
const CLOSES_MAX: u32 = 2;

/// A client and what it was sent.
pub(crate) struct Client {
    producer: Producer,
    inbox: Inbox,
    closes: u32,
}

/// What came of a client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Served {
    pub(crate) documents: u64,
    pub(crate) ends: u64,
}

/// Where a client is in one vbucket.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    seqno: Seqno,
    snapshot: (Seqno, Seqno),
    uuid: VbUuid,
}

struct Inbox {
    oracle: StreamOracle,
    positions: [Position; VBUCKETS as usize],
    layout: Layout,
    room: u64,
    unacknowledged: u64,
    opened: u32,
    ended: BTreeSet<Opaque>,
    served: Served,
}

impl Client {
    /// A client of a new connection, with its streams requested.
    pub(crate) fn new(mut producer: Producer) -> Self {
        let window = ["0", "100", "400"][below(3) as usize];
        for (key, value) in [
            ("connection_buffer_size", window),
            ("send_stream_end_on_client_close_stream", "true"),
        ] {
            let control = Control::parse(key.as_bytes(), value.as_bytes()).expect("known");
            producer.control(control).expect("built");
        }
        let inbox = Inbox {
            oracle: StreamOracle::new(),
            positions: Default::default(),
            layout: producer.layout(),
            room: 0,
            unacknowledged: 0,
            opened: 0,
            ended: BTreeSet::new(),
            served: Served::default(),
        };
        Self { producer, inbox, closes: 0 }
    }

    /// Streams until somebody closes the connection.
    pub(crate) fn run(mut self) -> Served {
        for vb in 0..VBUCKETS {
            self.open(VbId(vb));
        }
        loop {
            self.inbox.room = 1 + below(6);
            match self.producer.step(workers::now(), &mut self.inbox) {
                Step::Gone(Departure::Closed) => break,
                Step::Gone(Departure::Idle) => panic!("time stands still"),
                Step::Idle | Step::Full => {}
            }
            self.producer.ack(std::mem::take(&mut self.inbox.unacknowledged));
            if self.closes < CLOSES_MAX && one_in(4) {
                self.closes += 1;
                let vb = VbId(below(u64::from(VBUCKETS)) as u16);
                if self.producer.close_stream(vb) == CloseOutcome::Closed && one_in(2) {
                    self.open(vb);
                }
            }
            assert!(self.producer.wait(FOR_EVER), "a client slept for ever");
        }
        drop(self.producer);
        self.inbox.oracle.disconnected();
        match self.inbox.oracle.finish() {
            Ok(_) => self.inbox.served,
            Err(violations) => panic!("the oracle objects: {violations}"),
        }
    }

    /// Opens a stream where the client is; a refusal is an answer as well.
    fn open(&mut self, vb: VbId) {
        let position = &mut self.inbox.positions[usize::from(vb.0)];
        let (mut start, mut end) = position.snapshot;
        if position.seqno >= end || position.seqno < start {
            (start, end) = (position.seqno, position.seqno);
        }
        let request = StreamRequest {
            start: position.seqno,
            snap_start: start,
            snap_end: end,
            uuid: position.uuid,
            ..StreamRequest::from_zero()
        };
        self.inbox.opened += 1;
        let opaque = Opaque(self.inbox.opened);
        let Ok(log) = self.producer.stream_request(vb, opaque, &request) else { return };
        position.uuid = log[0].uuid;
        let inside =
            (position.seqno > start && position.seqno < end).then_some(Range { start, end });
        let accepted = oracle::Event::Accepted { start: position.seqno, end: Seqno::MAX, inside };
        self.inbox.oracle.observe(key(vb, opaque), accepted);
    }
}

impl Sink for Inbox {
    fn has_room(&self) -> bool {
        self.room > 0
    }

    fn send(&mut self, event: &Event<'_>) {
        self.room -= 1;
        self.unacknowledged += event.counted_bytes(self.layout);
        match *event {
            Event::SnapshotMarker { stream, start, end, flags } => {
                self.positions[usize::from(stream.vb.0)].snapshot = (start, end);
                let marker = oracle::Event::Marker { start, end, flags: flags.0 };
                self.oracle.observe(key(stream.vb, stream.opaque), marker);
            }
            Event::Document { stream, meta, key: name, value } => {
                self.positions[usize::from(stream.vb.0)].seqno = meta.seqno;
                self.served.documents += 1;
                let document = oracle::Event::Document {
                    seqno: meta.seqno,
                    key: name,
                    value,
                    cas: meta.cas,
                    flags: meta.flags,
                    kind: meta.kind,
                };
                self.oracle.observe(key(stream.vb, stream.opaque), document);
            }
            Event::StreamEnd { stream, reason } => {
                assert!(self.ended.insert(stream.opaque), "{stream:?} ended twice: {reason:?}");
                assert_ne!(reason, EndReason::Disconnected, "nobody is left to be told");
                self.served.ends += 1;
                self.oracle.observe(key(stream.vb, stream.opaque), oracle::Event::End { reason });
            }
            _ => {}
        }
    }
}

/// Each stream is judged by itself: the end of one that was replaced is told after the next was accepted.
fn key(vb: VbId, opaque: Opaque) -> StreamKey {
    StreamKey::with_sid(vb, Sid(opaque.0 as u16))
}
