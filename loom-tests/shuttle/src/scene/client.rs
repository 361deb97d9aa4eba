//! A client: it owns a connection, steps it, acknowledges, closes streams and opens them again, until it is closed.

use super::dice::{below, one_in};
use super::seen::{self, add};
use super::store::{GOAL, VBUCKETS};
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
    closes_left: u32,
    /// Calm: it leaves when it has everything.
    goal: Option<Goal>,
    /// Its streams were requested before anybody could close them.
    opened: bool,
}

/// What came of a client.
#[derive(Clone, Copy, Debug, Default)]
struct Served {
    documents: u64,
    ends: u64,
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

/// What a calm client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// Its streams go up to the last document, and each has told its end.
    Ends,
    /// Its streams have no end, and every document is there.
    Documents,
}

impl Goal {
    fn is_reached(self, served: &Served) -> bool {
        match self {
            Self::Ends => served.ends == u64::from(VBUCKETS),
            Self::Documents => served.documents == GOAL.0 * u64::from(VBUCKETS),
        }
    }
}

impl Served {
    fn count(self, calm: bool) {
        add(&seen::DOCUMENTS, self.documents);
        add(&seen::ENDS, self.ends);
        if calm {
            // Every key was written once.
            assert_eq!(self.documents, GOAL.0 * u64::from(VBUCKETS), "something was not streamed");
        }
    }
}

impl Client {
    /// A client of a new connection. A calm one closes nothing, and leaves when it has everything.
    pub(crate) fn new(mut producer: Producer, calm: bool) -> Self {
        let window = ["0", "100", "400"][below(3) as usize];
        for (key, value) in
            [("connection_buffer_size", window), ("send_stream_end_on_client_close_stream", "true")]
        {
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
        let closes_left = if calm { 0 } else { CLOSES_MAX };
        let goal = calm.then(|| if one_in(2) { Goal::Ends } else { Goal::Documents });
        let mut client = Self { producer, inbox, closes_left, goal, opened: one_in(2) };
        if client.opened {
            client.open_all();
        }
        client
    }

    /// Streams until somebody closes the connection, or all that it wants is there.
    pub(crate) fn run(mut self) {
        if !self.opened {
            self.open_all();
        }
        loop {
            self.inbox.room = 1 + below(6);
            match self.producer.step(workers::now(), &mut self.inbox) {
                Step::Gone(Departure::Closed) => break,
                Step::Gone(Departure::Idle | Departure::Stuck) => panic!("time stands still"),
                Step::Idle | Step::Full => {}
            }
            self.producer.ack(std::mem::take(&mut self.inbox.unacknowledged));
            if self.goal.is_some_and(|goal| goal.is_reached(&self.inbox.served)) {
                break;
            }
            if self.closes_left > 0 && one_in(4) {
                self.closes_left -= 1;
                let vb = VbId(below(u64::from(VBUCKETS)) as u16);
                if self.producer.close_stream(vb, None) == CloseOutcome::Closed && one_in(2) {
                    self.open(vb);
                }
            }
            assert!(self.producer.wait(FOR_EVER), "a client slept for ever");
        }
        drop(self.producer);
        self.inbox.oracle.disconnected();
        match self.inbox.oracle.finish() {
            Ok(_) => self.inbox.served.count(self.goal.is_some()),
            Err(violations) => panic!("the oracle objects: {violations}"),
        }
    }

    fn open_all(&mut self) {
        (0..VBUCKETS).for_each(|vb| self.open(VbId(vb)));
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
            end: if self.goal == Some(Goal::Ends) { GOAL } else { Seqno::MAX },
            ..StreamRequest::from_zero()
        };
        self.inbox.opened += 1;
        let opaque = Opaque(self.inbox.opened);
        let Ok(log) = self.producer.stream_request(vb, opaque, &request) else {
            assert!(self.goal.is_none(), "nothing was in the way");
            return seen::REFUSED.add();
        };
        position.uuid = log[0].uuid;
        let inside =
            (position.seqno > start && position.seqno < end).then_some(Range { start, end });
        let accepted = oracle::Event::Accepted { start: position.seqno, end: request.end, inside };
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
            Event::SnapshotMarker { stream, start, end, flags, .. } => {
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
