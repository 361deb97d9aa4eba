//! A DCP client for tests: opens, asks for streams, and takes what they send. Everything that it takes is judged by
//! the stream oracle.

use super::client::Client;
use super::running::Running;
use bytes::BytesMut;
use millstream::testing::oracle::{Event, Range, Report, Shows, StreamKey, StreamOracle};
use millstream::types::{
    CollectionId, DocKind, EndReason, FailoverEntry, Opaque, Seqno, Sid, VbId, VbUuid,
};
use millstream::wire::dcp::{
    BufferAck, CloseStream, Control, FailoverLogAnswer, NoopAnswer, Open, OpenFlags, StreamFlags,
    StreamMessage, StreamReq, SystemEvent, SystemEventKind,
};
use millstream::wire::{Feature, Frame, Opcode, Status};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

/// A connection that was opened for DCP.
pub(super) struct Dcp {
    client: Client,
    oracle: StreamOracle,
    /// Requests for streams that are not answered yet.
    asked: HashMap<Opaque, StreamReq<'static>>,
    /// Counted bytes that were received.
    pub(super) counted: u64,
}

impl Deref for Dcp {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Dcp {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// The stream id in the value of a request, and what it asks to be shown.
fn asked(value: &[u8]) -> (Option<Sid>, Shows) {
    let value: serde_json::Value = serde_json::from_slice(value).unwrap_or_default();
    let number = |id: &serde_json::Value| {
        u32::from_str_radix(id.as_str().expect("text"), 16).expect("an id in hexadecimal")
    };
    let shows = match (value["collections"].as_array(), &value["scope"]) {
        (Some(ids), _) => Shows::Collections(ids.iter().map(number).map(CollectionId).collect()),
        (None, serde_json::Value::Null) => Shows::All,
        (None, scope) => Shows::Scope(number(scope)),
    };
    (value["sid"].as_u64().map(|sid| Sid(sid as u16)), shows)
}

/// What a system event tells of its collection.
fn told(event: &SystemEvent<'_>) -> Event<'static> {
    let seqno = event.seqno;
    let exists = match event.kind {
        SystemEventKind::CREATE_COLLECTION => true,
        SystemEventKind::DROP_COLLECTION => false,
        _ => return Event::SystemEvent { seqno },
    };
    let id = match event.version {
        2 => super::system_events::Table(event.value).u32(2),
        // Behind the manifest's number and the scope's.
        _ => u32::from_be_bytes(event.value[12..16].try_into().expect("four bytes")),
    };
    Event::Collection { seqno, id: CollectionId(id), exists }
}

/// Everything from the beginning, without end.
pub(super) fn from_zero(vb: u16) -> StreamReq<'static> {
    StreamReq {
        vb: VbId(vb),
        flags: StreamFlags::NONE,
        start: Seqno::ZERO,
        end: Seqno::MAX,
        uuid: VbUuid::ZERO,
        snap_start: Seqno::ZERO,
        snap_end: Seqno::ZERO,
        value: &[],
    }
}

impl Dcp {
    /// Opens a connection of that name.
    pub(super) fn open(server: &Running, name: &str) -> Self {
        Self::open_with(server, name, OpenFlags::PRODUCER)
    }

    pub(super) fn open_with(server: &Running, name: &str, flags: OpenFlags) -> Self {
        let mut client = server.client();
        let open = Open { flags, name: name.as_bytes(), value: &[] };
        assert_eq!(client.status(|opaque, out| open.encode(opaque, out)), Status::SUCCESS);
        Self::adopt(client)
    }

    /// Opens a connection that agreed on these features before.
    pub(super) fn open_as(
        server: &Running,
        name: &str,
        flags: OpenFlags,
        features: &[Feature],
    ) -> Self {
        let mut client = server.client();
        client.agree(features);
        let open = Open { flags, name: name.as_bytes(), value: &[] };
        assert_eq!(client.status(|opaque, out| open.encode(opaque, out)), Status::SUCCESS);
        let dcp = Self::adopt(client);
        if features.contains(&Feature::COLLECTIONS) { dcp.with_collections() } else { dcp }
    }

    /// The same, of a client that agreed on collections.
    pub(super) fn with_collections(mut self) -> Self {
        self.oracle = std::mem::take(&mut self.oracle).with_collections();
        self
    }

    /// A connection that was opened, or whose opening is on its way.
    pub(super) fn adopt(client: Client) -> Self {
        let (oracle, asked) = (StreamOracle::new().track_contents(), HashMap::new());
        Self { client, oracle, asked, counted: 0 }
    }

    /// Sets a control, which has to be granted.
    pub(super) fn control(&mut self, key: &str, value: &str) {
        assert_eq!(self.try_control(key, value), Status::SUCCESS, "{key} = {value}");
    }

    pub(super) fn try_control(&mut self, key: &str, value: &str) -> Status {
        let control = Control { key: key.as_bytes(), value: value.as_bytes() };
        self.status(|opaque, out| control.encode(opaque, out))
    }

    /// Asks for streams, all in one write, and waits for none of the answers.
    pub(super) fn request_streams(&mut self, requests: &[StreamReq<'static>]) -> Vec<Opaque> {
        let mut out = BytesMut::new();
        let mut opaques = Vec::new();
        for request in requests {
            let opaque = self.client.opaque();
            request.encode(opaque, &mut out);
            self.asked.insert(opaque, *request);
            opaques.push(opaque);
        }
        self.client.send(&out);
        opaques
    }

    /// Asks for a stream; the answer, which has to be the next message.
    pub(super) fn try_stream(&mut self, request: &StreamReq<'static>) -> Frame {
        let opaque = self.request_streams(&[*request])[0];
        let frame = self.message();
        assert_eq!((frame.opcode(), frame.opaque()), (Opcode::DCP_STREAM_REQ, opaque));
        frame
    }

    /// Asks for a stream that has to be granted; its opaque and failover log.
    pub(super) fn stream(&mut self, request: &StreamReq<'static>) -> (Opaque, Vec<FailoverEntry>) {
        let frame = self.try_stream(request);
        let log = FailoverLogAnswer::parse(&frame).expect("a failover log");
        (frame.opaque(), log.entries)
    }

    /// The status of the next message, which has to be an answer.
    pub(super) fn client_status(&mut self) -> Status {
        let frame = self.message();
        assert!(frame.header().magic.is_response(), "an answer, not {frame:?}");
        frame.status()
    }

    /// Closes a stream whose end is not told.
    pub(super) fn close_silently(&mut self, vb: u16) {
        let close = CloseStream { vb: VbId(vb), sid: None };
        assert_eq!(self.status(|opaque, out| close.encode(opaque, out)), Status::SUCCESS);
        self.oracle.observe(StreamKey::of(VbId(vb)), Event::End { reason: EndReason::Closed });
    }

    pub(super) fn ack(&mut self, bytes: u32) {
        let mut out = BytesMut::new();
        BufferAck { bytes }.encode(Opaque(0), &mut out);
        self.send(&out);
    }

    pub(super) fn answer_noop(&mut self, opaque: Opaque) {
        let mut out = BytesMut::new();
        NoopAnswer.encode(opaque, &mut out);
        self.send(&out);
    }

    /// The next message, which nobody judges.
    pub(super) fn client_next(&mut self) -> Frame {
        self.client.next()
    }

    /// The next message of any kind.
    pub(super) fn message(&mut self) -> Frame {
        let frame = self.client.next();
        let header = frame.header();
        if header.magic.is_response() {
            if let Some(request) = self.asked.remove(&frame.opaque())
                && frame.status() == Status::SUCCESS
            {
                self.accepted(&request);
            }
        } else if frame.opcode() != Opcode::DCP_NOOP {
            self.judge(&frame);
        }
        frame
    }

    fn accepted(&mut self, request: &StreamReq<'_>) {
        let inside = (request.start > request.snap_start && request.start < request.snap_end)
            .then_some(Range { start: request.snap_start, end: request.snap_end });
        let (start, end) = (request.start, request.end);
        let (sid, shows) = asked(request.value);
        let stream = StreamKey { vb: request.vb, sid };
        self.oracle.asked_for(stream, shows);
        self.oracle.observe(stream, Event::Accepted { start, end, inside });
    }

    fn judge(&mut self, frame: &Frame) {
        let message = StreamMessage::parse(frame).expect("a message of a stream");
        assert_eq!(message.counted_bytes(), frame.wire_len(), "{message:?}");
        self.counted += frame.wire_len() as u64;
        let stream = StreamKey { vb: message.tag().vb, sid: message.tag().sid };
        let document = |seqno, key, value, cas, flags, kind| Event::Document {
            seqno,
            key,
            value,
            cas,
            flags,
            kind,
        };
        let event = match message {
            StreamMessage::SnapshotMarker(m) => {
                Event::Marker { start: m.start, end: m.end, flags: m.flags.0 }
            }
            StreamMessage::Mutation(m) => {
                document(m.seqno, m.key, m.value, m.cas, m.flags, DocKind::Alive)
            }
            StreamMessage::Deletion(m) => {
                document(m.seqno, m.key, m.value, m.cas, 0, DocKind::Deleted)
            }
            StreamMessage::Expiration(m) => {
                document(m.seqno, m.key, m.value, m.cas, 0, DocKind::Expired)
            }
            StreamMessage::StreamEnd(m) => {
                let reason = EndReason::from_u32(m.reason).expect("a reason of the protocol");
                Event::End { reason }
            }
            StreamMessage::SystemEvent(e) => told(&e),
            StreamMessage::SeqnoAdvanced(a) => Event::SeqnoAdvanced { seqno: a.seqno },
            other => panic!("not built: {other:?}"),
        };
        self.oracle.observe(stream, event);
    }

    /// The next message of a stream; no-ops are answered on the way.
    pub(super) fn event(&mut self) -> Frame {
        loop {
            let frame = self.message();
            if frame.opcode() != Opcode::DCP_NOOP {
                assert!(frame.header().magic.is_request(), "a message of a stream, not {frame:?}");
                return frame;
            }
            self.answer_noop(frame.opaque());
        }
    }

    /// The next event, which has to be a marker; its range.
    pub(super) fn marker(&mut self) -> (Seqno, Seqno) {
        let frame = self.event();
        match StreamMessage::parse(&frame) {
            Ok(StreamMessage::SnapshotMarker(m)) => (m.start, m.end),
            other => panic!("a marker, not {other:?}"),
        }
    }

    /// The next event, which has to be the end of a stream; why it ended.
    pub(super) fn end(&mut self) -> EndReason {
        let frame = self.event();
        match StreamMessage::parse(&frame) {
            Ok(StreamMessage::StreamEnd(m)) => EndReason::from_u32(m.reason).expect("a reason"),
            other => panic!("the end of a stream, not {other:?}"),
        }
    }

    /// Takes messages of one stream until it ends, or it has shown `end`; the keys and values of its documents in
    /// their order.
    pub(super) fn documents(&mut self, end: Seqno) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut documents = Vec::new();
        loop {
            let frame = self.event();
            match StreamMessage::parse(&frame).expect("a message of a stream") {
                StreamMessage::Mutation(m) => {
                    documents.push((m.key.to_vec(), m.value.to_vec()));
                    if m.seqno == end {
                        return documents;
                    }
                }
                StreamMessage::SnapshotMarker(_) => {}
                StreamMessage::StreamEnd(e) => {
                    assert_eq!(e.reason, EndReason::Ok as u32);
                    return documents;
                }
                other => panic!("not expected here: {other:?}"),
            }
        }
    }

    /// The oracle's verdict, which also finds fault with a snapshot that is left half way.
    pub(super) fn verdict(mut self) -> Report {
        let oracle = std::mem::take(&mut self.oracle);
        oracle.finish().unwrap_or_else(|violations| panic!("{violations}"))
    }
}

impl Drop for Dcp {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let mut oracle = std::mem::take(&mut self.oracle);
            oracle.disconnected();
            if let Err(violations) = oracle.finish() {
                panic!("{violations}");
            }
        }
    }
}
