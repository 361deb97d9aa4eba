//! A DCP client whose streams have ids. What its streams send is judged by the stream oracle.

use super::client::Client;
use super::running::Running;
use bytes::BytesMut;
use millstream::testing::oracle::{Event, StreamKey, StreamOracle};
use millstream::types::{CollectionId, DocKind, EndReason, Opaque, Seqno, Sid, VbId};
use millstream::wire::dcp::{
    BufferAck, CloseStream, Control, FailoverLogAnswer, NoopAnswer, Open, OpenFlags, StreamMessage,
    StreamReq,
};
use millstream::wire::kv::Hello;
use millstream::wire::{Feature, FeatureSet, Frame, Magic, Opcode, Status};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

/// A connection that agreed on collections and was opened for DCP.
pub(super) struct Sids {
    client: Client,
    oracle: StreamOracle,
    /// Streams that were asked for, by the opaque of their request.
    asked: HashMap<Opaque, (StreamKey, Seqno, Seqno)>,
    /// Counted bytes that were received.
    pub(super) counted: u64,
}

/// What a stream sent, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Saw {
    Marker(u64, u64),
    Doc(u64, Vec<u8>),
    Delete(u64, Vec<u8>),
    Event(u64),
    Advanced(u64),
    End(EndReason),
}

impl Deref for Sids {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Sids {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// A client that agreed on collections and on framing extras.
pub(super) fn aware(server: &Running) -> Client {
    let mut client = server.client();
    let features = [Feature::COLLECTIONS, Feature::JSON, Feature::ALT_REQUEST];
    let hello = Hello { agent: b"test", features: FeatureSet::of(&features) };
    assert_eq!(client.status(|opaque, out| hello.encode(opaque, out)), Status::SUCCESS);
    client
}

/// The key of a document on the wire.
pub(super) fn key(collection: u32, name: &str) -> Vec<u8> {
    let mut key = BytesMut::new();
    CollectionId(collection).encode(&mut key);
    key.extend_from_slice(name.as_bytes());
    key.to_vec()
}

impl Sids {
    /// Opens a connection without ids.
    pub(super) fn without(server: &Running, name: &str, flags: OpenFlags) -> Self {
        let mut client = aware(server);
        let open = Open { flags: flags | OpenFlags::PRODUCER, name: name.as_bytes(), value: b"" };
        assert_eq!(client.status(|opaque, out| open.encode(opaque, out)), Status::SUCCESS);
        let oracle = StreamOracle::new();
        let mut sids = Self { client, oracle, asked: HashMap::new(), counted: 0 };
        sids.control("enable_noop", "true");
        sids
    }

    /// Opens a connection whose streams have ids.
    pub(super) fn open(server: &Running, name: &str) -> Self {
        let mut sids = Self::without(server, name, OpenFlags::NONE);
        sids.control("enable_stream_id", "true");
        sids
    }

    /// Sets a control, which has to be granted.
    pub(super) fn control(&mut self, key: &str, value: &str) {
        assert_eq!(self.try_control(key, value), Status::SUCCESS, "{key} = {value}");
    }

    pub(super) fn try_control(&mut self, key: &str, value: &str) -> Status {
        let control = Control { key: key.as_bytes(), value: value.as_bytes() };
        self.status(|opaque, out| control.encode(opaque, out))
    }

    /// Asks for a stream with that id and value; does not wait for the answer.
    pub(super) fn request_stream(&mut self, sid: Option<u16>, request: &StreamReq<'_>) -> Opaque {
        let opaque = self.request(|opaque, out| request.encode(opaque, out));
        let key = StreamKey { vb: request.vb, sid: sid.map(Sid) };
        self.asked.insert(opaque, (key, request.start, request.end));
        opaque
    }

    /// The answer to a request for a stream, which has to be the next message.
    pub(super) fn try_stream(&mut self, sid: Option<u16>, request: &StreamReq<'_>) -> Frame {
        let opaque = self.request_stream(sid, request);
        let frame = self.message();
        assert_eq!((frame.opcode(), frame.opaque()), (Opcode::DCP_STREAM_REQ, opaque));
        frame
    }

    /// Asks for a stream that has to be granted; its opaque.
    pub(super) fn stream(&mut self, sid: Option<u16>, request: &StreamReq<'_>) -> Opaque {
        let frame = self.try_stream(sid, request);
        FailoverLogAnswer::parse(&frame).expect("it is granted");
        frame.opaque()
    }

    /// A stream of everything in a vbucket, with that id.
    pub(super) fn stream_of(&mut self, vb: u16, sid: u16) -> Opaque {
        let value = format!(r#"{{"sid":{sid}}}"#);
        let request = StreamReq { value: value.as_bytes(), ..super::dcp::from_zero(vb) };
        self.stream(Some(sid), &request)
    }

    pub(super) fn try_close(&mut self, vb: u16, sid: Option<u16>) -> Status {
        let close = CloseStream { vb: VbId(vb), sid: sid.map(Sid) };
        let opaque = self.request(|opaque, out| close.encode(opaque, out));
        let frame = self.message();
        assert_eq!((frame.opcode(), frame.opaque()), (Opcode::DCP_CLOSE_STREAM, opaque));
        frame.status()
    }

    /// Closes a stream whose end is not told.
    pub(super) fn close_silently(&mut self, vb: u16, sid: u16) {
        assert_eq!(self.try_close(vb, Some(sid)), Status::SUCCESS);
        let key = StreamKey::with_sid(VbId(vb), Sid(sid));
        self.oracle.observe(key, Event::End { reason: EndReason::Closed });
    }

    pub(super) fn ack(&mut self, bytes: u64) {
        let mut out = BytesMut::new();
        BufferAck { bytes: bytes as u32 }.encode(Opaque(0), &mut out);
        self.send(&out);
    }

    /// The next message but for no-ops, which are answered.
    pub(super) fn message(&mut self) -> Frame {
        loop {
            let frame = self.client.next();
            if frame.header().magic.is_response() {
                let asked = self.asked.remove(&frame.opaque());
                if let Some((key, start, end)) = asked
                    && frame.status() == Status::SUCCESS
                {
                    self.oracle.observe(key, Event::Accepted { start, end, inside: None });
                }
                return frame;
            }
            if frame.opcode() != Opcode::DCP_NOOP {
                return frame;
            }
            let mut out = BytesMut::new();
            NoopAnswer.encode(frame.opaque(), &mut out);
            self.send(&out);
        }
    }

    /// The next message, which has to be of a stream: its id and opaque, and what it says.
    pub(super) fn event(&mut self) -> (Option<u16>, Opaque, Saw) {
        let frame = self.message();
        self.judge(&frame)
    }

    /// Sets a control while messages of streams may come: those that came before its answer.
    pub(super) fn control_amid_events(
        &mut self,
        key: &str,
        value: &str,
    ) -> Vec<(Option<u16>, Opaque, Saw)> {
        let mut before = Vec::new();
        let control = Control { key: key.as_bytes(), value: value.as_bytes() };
        self.request(|opaque, out| control.encode(opaque, out));
        loop {
            let frame = self.message();
            if frame.header().magic.is_response() {
                assert_eq!(frame.status(), Status::SUCCESS, "{key} = {value}");
                return before;
            }
            before.push(self.judge(&frame));
        }
    }

    fn judge(&mut self, frame: &Frame) -> (Option<u16>, Opaque, Saw) {
        let message = StreamMessage::parse(frame).expect("a message of a stream");
        let tag = message.tag();
        let magic = if tag.sid.is_some() { Magic::FLEX_REQUEST } else { Magic::REQUEST };
        assert_eq!(
            frame.header().magic,
            magic,
            "an id comes with framing extras, nothing else does"
        );
        assert_eq!(message.counted_bytes(), frame.wire_len(), "{message:?}");
        self.counted += frame.wire_len() as u64;
        let saw = see(&message);
        let document = |seqno, key, value, kind, cas| Event::Document {
            seqno,
            key,
            value,
            cas,
            flags: 0,
            kind,
        };
        let event = match message {
            StreamMessage::SnapshotMarker(m) => {
                Event::Marker { start: m.start, end: m.end, flags: m.flags.0 }
            }
            StreamMessage::Mutation(m) => document(m.seqno, m.key, m.value, DocKind::Alive, m.cas),
            StreamMessage::Deletion(m) => {
                document(m.seqno, m.key, m.value, DocKind::Deleted, m.cas)
            }
            StreamMessage::SystemEvent(e) => Event::SystemEvent { seqno: e.seqno },
            StreamMessage::SeqnoAdvanced(a) => Event::SeqnoAdvanced { seqno: a.seqno },
            StreamMessage::StreamEnd(e) => {
                Event::End { reason: EndReason::from_u32(e.reason).expect("a reason") }
            }
            other => panic!("not expected here: {other:?}"),
        };
        self.oracle.observe(StreamKey { vb: tag.vb, sid: tag.sid }, event);
        (tag.sid.map(|sid| sid.0), tag.opaque, saw)
    }

    /// The next events of one stream, which have to come before any other's.
    pub(super) fn events(&mut self, sid: Option<u16>, count: usize) -> Vec<Saw> {
        let one = |_| {
            let (of, _, saw) = self.event();
            assert_eq!(of, sid, "{saw:?}");
            saw
        };
        (0..count).map(one).collect()
    }

    /// The next events of several streams, each stream's in their order.
    pub(super) fn by_stream(&mut self, count: usize) -> HashMap<u16, Vec<Saw>> {
        let mut streams: HashMap<u16, Vec<Saw>> = HashMap::new();
        for _ in 0..count {
            let (sid, _, saw) = self.event();
            streams.entry(sid.expect("streams with ids")).or_default().push(saw);
        }
        streams
    }

    /// The oracle's verdict. A snapshot may be left half way: its stream goes with the connection.
    pub(super) fn verdict(mut self) {
        self.oracle.disconnected();
        if let Err(violations) = self.oracle.finish() {
            panic!("{violations}");
        }
    }

    /// No verdict: the test broke off what its streams were at.
    pub(super) fn forget(&mut self) {
        self.oracle = StreamOracle::new();
    }
}

fn see(message: &StreamMessage<'_>) -> Saw {
    match message {
        StreamMessage::SnapshotMarker(m) => Saw::Marker(m.start.0, m.end.0),
        StreamMessage::Mutation(m) => Saw::Doc(m.seqno.0, m.key.to_vec()),
        StreamMessage::Deletion(m) => Saw::Delete(m.seqno.0, m.key.to_vec()),
        StreamMessage::SystemEvent(e) => Saw::Event(e.seqno.0),
        StreamMessage::SeqnoAdvanced(a) => Saw::Advanced(a.seqno.0),
        StreamMessage::StreamEnd(e) => {
            Saw::End(EndReason::from_u32(e.reason).expect("a reason of the protocol"))
        }
        other => panic!("not expected here: {other:?}"),
    }
}
