use super::server::{Server, bootstrap, reply};
use super::{HOST, connect, settings};
use crate::client::{
    ConnectSettings, DcpClient, DcpSettings, Document, Event, StreamFrom, StreamOptions,
};
use crate::error::ErrorKind;
use crate::types::{
    Cas, Datatype, DocKind, DocMeta, EndReason, FailoverEntry, Opaque, RevSeqno, Seqno, Sid, VbId,
    VbUuid,
};
use crate::wire::dcp::{
    self, BufferAck, CloseStream, FailoverLogAnswer, MarkerExtension, MarkerFlags, Mutation, Noop,
    RollbackAnswer, SnapshotMarker, StreamEnd, StreamTag,
};
use crate::wire::{CollectionId, Feature, FeatureSet, Frame, Opcode, Response, Status};
use bytes::BytesMut;
use core::time::Duration;
use std::sync::mpsc;
use tokio::io::DuplexStream;

pub(super) const LOG: [FailoverEntry; 2] = [
    FailoverEntry { uuid: VbUuid(8), seqno: Seqno(100) },
    FailoverEntry { uuid: VbUuid(7), seqno: Seqno(0) },
];

pub(super) fn mutation<'a>(
    tag: StreamTag,
    seqno: u64,
    key: &'a [u8],
    value: &'a [u8],
) -> Mutation<'a> {
    Mutation {
        tag,
        seqno: Seqno(seqno),
        rev: RevSeqno(2),
        cas: Cas(3),
        flags: 4,
        expiry: 5,
        lock_time: 0,
        nru: 0,
        datatype: Datatype::JSON,
        key,
        value,
    }
}

pub(super) fn marker(tag: StreamTag, start: u64, end: u64) -> SnapshotMarker {
    let (start, end, flags) = (Seqno(start), Seqno(end), MarkerFlags::MEMORY);
    SnapshotMarker { tag, start, end, flags, extension: MarkerExtension::None }
}

/// A server that accepts everything, and lets `f` answer what is left.
pub(super) fn accepting(
    mut f: impl FnMut(&Frame, &mut BytesMut) -> bool + Send + 'static,
) -> impl FnMut(&Frame, &mut BytesMut) -> bool + Send + 'static {
    move |frame, out| {
        if matches!(frame.opcode(), Opcode::DCP_OPEN | Opcode::DCP_CONTROL) {
            reply(frame, Status::SUCCESS, b"", out);
            return true;
        }
        bootstrap(frame, out) || f(frame, out)
    }
}

/// The stream that a request asks for.
pub(super) fn tag_of(frame: &Frame) -> StreamTag {
    StreamTag::new(frame.opaque(), frame.vbucket())
}

pub(super) async fn dcp(
    pipe: usize,
    settings: &ConnectSettings,
    dcp: &DcpSettings,
    server: impl Server,
) -> DcpClient<DuplexStream> {
    DcpClient::open(connect(pipe, settings, server).await.unwrap(), dcp).await.unwrap()
}

async fn plain(server: impl Server) -> DcpClient<DuplexStream> {
    dcp(1 << 16, &settings(), &DcpSettings::new("n"), server).await
}

async fn events(client: &mut DcpClient<DuplexStream>, n: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..n {
        events.push(client.next_event().await.unwrap());
    }
    events
}

/// One of everything.
fn a_whole_stream(frame: &Frame, out: &mut BytesMut) -> bool {
    let tag = tag_of(frame);
    let (seqno, rev, cas, datatype) = (Seqno(2), RevSeqno(3), Cas(4), Datatype::RAW);
    let (key, value) = (b"gone".as_slice(), b"".as_slice());
    FailoverLogAnswer::encode(frame.header(), &LOG, out);
    marker(tag, 0, 9).encode(out);
    mutation(tag, 1, b"key", b"{}").encode(out);
    dcp::Deletion { tag, seqno, rev, cas, delete_time: Some(99), datatype, key, value }.encode(out);
    let seqno = Seqno(3);
    dcp::Expiration { tag, seqno, rev, cas, delete_time: 98, datatype, key, value }.encode(out);
    dcp::SystemEvent {
        tag,
        seqno: Seqno(4),
        kind: dcp::SystemEventKind::CREATE_SCOPE,
        version: 0,
        cas: Cas::ZERO,
        datatype,
        name: b"scope",
        value: b"ids",
    }
    .encode(out);
    dcp::SeqnoAdvanced { tag, seqno: Seqno(9) }.encode(out);
    dcp::OsoSnapshot { tag, begins: true }.encode(out);
    StreamEnd::new(tag, EndReason::Ok).encode(out);
    true
}

#[tokio::test]
async fn events_come_in_order_and_whole() {
    let mut client = plain(accepting(a_whole_stream)).await;
    let tag = client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
    assert_eq!(client.streams(), 1);
    let events = events(&mut client, 9).await;
    assert!(events.iter().all(|event| event.tag() == tag));
    assert_eq!(events[0], Event::StreamOpened { tag, failover: LOG.to_vec() });
    assert_eq!(events[1], Event::SnapshotMarker(marker(tag, 0, 9)));
    let meta = DocMeta {
        seqno: Seqno(1),
        cas: Cas(3),
        rev: RevSeqno(2),
        flags: 4,
        expiry: 5,
        datatype: Datatype::JSON,
        kind: DocKind::Alive,
    };
    let (key, value) = ("key".into(), "{}".into());
    assert_eq!(events[2], Event::Mutation(Document { tag, meta, collection: None, key, value }));
    check_the_rest(tag, &events[3..]);
    let seqnos: Vec<_> = events.iter().filter_map(Event::seqno).map(Seqno::get).collect();
    assert_eq!(seqnos, [1, 2, 3, 4, 9]);
    assert_eq!(client.streams(), 0);
}

/// What follows the mutation.
fn check_the_rest(tag: StreamTag, events: &[Event]) {
    let Event::Deletion(deletion) = &events[0] else { panic!("{:?}", events[0]) };
    assert_eq!((deletion.meta.kind, deletion.meta.expiry), (DocKind::Deleted, 99));
    let Event::Expiration(expiration) = &events[1] else { panic!("{:?}", events[1]) };
    assert_eq!((expiration.meta.kind, expiration.meta.expiry), (DocKind::Expired, 98));
    let Event::SystemChange(change) = &events[2] else { panic!("{:?}", events[2]) };
    assert_eq!((&change.name[..], &change.value[..]), (b"scope".as_slice(), b"ids".as_slice()));
    assert_eq!(events[3], Event::SeqnoAdvanced { tag, seqno: Seqno(9) });
    assert_eq!(events[4], Event::OsoSnapshot { tag, begins: true });
    assert_eq!(events[5], Event::StreamEnd { tag, code: 0, reason: Some(EndReason::Ok) });
    assert!(events[5].is_last() && !events[4].is_last());
}

#[tokio::test]
async fn refusals_and_rollbacks_end_a_stream() {
    let server = accepting(|frame: &Frame, out: &mut BytesMut| {
        match frame.vbucket().get() {
            0 => RollbackAnswer { to: Seqno(42) }.encode(frame.header(), out),
            _ => reply(frame, Status::NOT_MY_VBUCKET, b"", out),
        }
        true
    });
    let mut client = plain(server).await;
    let first = client.stream(VbId(0), StreamFrom::BEGINNING, &StreamOptions::default());
    let second = client.stream(VbId(1), StreamFrom::BEGINNING, &StreamOptions::default());
    let events = events(&mut client, 2).await;
    assert_eq!(events[0], Event::Rollback { tag: first, to: Seqno(42) });
    assert_eq!(events[1], Event::StreamRefused { tag: second, status: Status::NOT_MY_VBUCKET });
    assert!(events.iter().all(Event::is_last));
    assert_eq!(client.streams(), 0);
}

#[tokio::test]
async fn keys_lose_their_collection_id_and_streams_keep_their_own() {
    let server = accepting(|frame: &Frame, out: &mut BytesMut| {
        let tag = StreamTag { sid: Some(Sid(5)), ..tag_of(frame) };
        FailoverLogAnswer::encode(frame.header(), &LOG, out);
        mutation(tag, 1, b"\x85\x01key", b"").encode(out);
        true
    });
    let features = ConnectSettings::FEATURES.with(Feature::COLLECTIONS);
    let settings = settings().features(features);
    let mut client = dcp(1 << 16, &settings, &DcpSettings::new("n").stream_ids(true), server).await;
    let options = StreamOptions { sid: Some(Sid(5)), ..StreamOptions::default() };
    let tag = client.stream(VbId(2), StreamFrom::BEGINNING, &options);
    let events = events(&mut client, 2).await;
    let Event::Mutation(document) = &events[1] else { panic!("{:?}", events[1]) };
    assert_eq!((document.tag, document.collection), (tag, Some(CollectionId(0x85))));
    assert_eq!(document.key, "key");
}

#[tokio::test]
async fn a_key_without_a_collection_id_is_the_servers_fault() {
    let server = accepting(|frame: &Frame, out: &mut BytesMut| {
        FailoverLogAnswer::encode(frame.header(), &LOG, out);
        mutation(tag_of(frame), 1, b"\xff", b"").encode(out);
        true
    });
    let settings = settings().features(FeatureSet::of(&[Feature::COLLECTIONS]));
    let mut client = dcp(1 << 16, &settings, &DcpSettings::new("n"), server).await;
    client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
    client.next_event().await.unwrap();
    let error = client.next_event().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Peer);
    assert!(error.to_string().starts_with(HOST), "{error}");
}

/// Sends mutations within a window, and more as it is acknowledged.
struct Windowed {
    left: u64,
    window: usize,
    outstanding: usize,
    worst: usize,
    tag: Option<StreamTag>,
    tell: mpsc::Sender<(u64, usize)>,
    acknowledged: u64,
}

impl Windowed {
    fn send(&mut self, out: &mut BytesMut) {
        let Some(tag) = self.tag else { return };
        while self.left > 0 && self.outstanding < self.window {
            let mutation = mutation(tag, self.left, b"key", &[b'v'; 500]);
            mutation.encode(out);
            // Answers and signs of life in between are not counted.
            Noop.encode(Opaque(self.left as u32), out);
            self.outstanding += mutation.counted_bytes();
            self.worst = self.worst.max(self.outstanding);
            self.left -= 1;
        }
        if self.left == 0 {
            self.tag = None;
            StreamEnd::new(tag, EndReason::Ok).encode(out);
        }
    }
}

impl Server for Windowed {
    fn answer(&mut self, frame: &Frame, out: &mut BytesMut) -> bool {
        match frame.opcode() {
            Opcode::DCP_STREAM_REQ => {
                FailoverLogAnswer::encode(frame.header(), &LOG, out);
                self.tag = Some(tag_of(frame));
                self.send(out);
            }
            Opcode::DCP_BUFFER_ACK => {
                let ack = BufferAck::parse(frame).unwrap().bytes as usize;
                assert!(ack >= self.window / 2, "an acknowledgement of {ack}");
                assert!(ack <= self.outstanding, "more was acknowledged than sent");
                self.outstanding -= ack;
                self.acknowledged += ack as u64;
                self.tell.send((self.acknowledged, self.worst)).unwrap();
                self.send(out);
            }
            Opcode::DCP_NOOP => assert!(frame.header().magic.is_response()),
            _ => return accepting(|_: &Frame, _: &mut BytesMut| true)(frame, out),
        }
        true
    }
}

#[tokio::test]
async fn what_was_dealt_with_is_acknowledged_at_half_the_window() {
    let counted =
        mutation(StreamTag::new(Opaque(0), VbId(0)), 1, b"key", &[0; 500]).counted_bytes();
    for (pipe, window) in [(1 << 16, 8192), (64, 4096), (1 << 16, 1), (1 << 16, 1 << 20)] {
        let (tell, told) = mpsc::channel();
        let (left, outstanding, worst, tag, acknowledged) = (1000, 0, 0, None, 0);
        let server = Windowed { left, window, outstanding, worst, tag, tell, acknowledged };
        let settings_dcp = DcpSettings::new("n").buffer_bytes(window as u32);
        let mut client = dcp(pipe, &settings(), &settings_dcp, server).await;
        client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
        let events = events(&mut client, 1002).await;
        assert!(events[1001].is_last());
        // The last event is not dealt with yet.
        let (acknowledged, worst) = told.try_iter().last().unwrap_or((0, 0));
        let counting = u64::from(client.unacknowledged_bytes());
        assert!(counting < (window as u64).div_ceil(2).max(1));
        assert!(acknowledged + counting <= 1000 * counted as u64);
        if window > 1 << 16 {
            continue;
        }
        assert!(worst < window + counted, "{worst} of {window}");
        assert!(acknowledged + window as u64 + counted as u64 >= 1000 * counted as u64);
    }
}

#[tokio::test]
async fn a_message_of_no_open_stream_is_dropped_but_counted() {
    let (tell, told) = mpsc::channel();
    let server = accepting(move |frame: &Frame, out: &mut BytesMut| {
        match frame.opcode() {
            Opcode::DCP_BUFFER_ACK => tell.send(BufferAck::parse(frame).unwrap().bytes).unwrap(),
            Opcode::DCP_STREAM_REQ => {
                let tag = tag_of(frame);
                let other = StreamTag { opaque: Opaque(4711), ..tag };
                let vb = StreamTag { vb: VbId(3), ..tag };
                let sid = StreamTag { sid: Some(Sid(1)), ..tag };
                for tag in [other, vb, sid, tag] {
                    // Before the answer, the right tag is not open either.
                    mutation(tag, 1, b"key", &[0; 100]).encode(out);
                }
                FailoverLogAnswer::encode(frame.header(), &LOG, out);
                StreamEnd::new(tag, EndReason::Closed).encode(out);
                mutation(tag, 1, b"key", &[0; 100]).encode(out);
            }
            Opcode::DCP_GET_FAILOVER_LOG => FailoverLogAnswer::encode(frame.header(), &LOG, out),
            other => panic!("{other}"),
        }
        true
    });
    let settings_dcp = DcpSettings::new("n").buffer_bytes(200);
    let mut client = dcp(1 << 16, &settings(), &settings_dcp, server).await;
    let tag = client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
    let events = events(&mut client, 2).await;
    assert_eq!(events[0], Event::StreamOpened { tag, failover: LOG.to_vec() });
    assert_eq!(events[1], Event::StreamEnd { tag, code: 1, reason: Some(EndReason::Closed) });
    client.failover_log(VbId(2)).await.unwrap();
    // 55 + 3 + 100 each, and 3 more with a stream id.
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [158, 158, 161, 158]);
}

#[tokio::test]
async fn noops_are_answered_with_their_opaque() {
    let (tell, told) = mpsc::channel();
    let server = accepting(move |frame: &Frame, out: &mut BytesMut| {
        match frame.opcode() {
            Opcode::DCP_STREAM_REQ => {
                Noop.encode(Opaque(10_000_001), out);
                FailoverLogAnswer::encode(frame.header(), &LOG, out);
                Noop.encode(Opaque(10_000_002), out);
            }
            Opcode::DCP_NOOP => {
                tell.send((frame.header().magic.0, frame.status(), frame.opaque().get())).unwrap();
                if frame.opaque() == Opaque(10_000_002) {
                    StreamEnd::new(StreamTag::new(Opaque(0), VbId(0)), EndReason::Ok).encode(out);
                    return false;
                }
            }
            other => panic!("{other}"),
        }
        true
    });
    let mut client = plain(server).await;
    client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
    client.next_event().await.unwrap();
    let error = client.next_event().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    let answers = [10_000_001, 10_000_002].map(|opaque| (0x81, Status::SUCCESS, opaque));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), answers);
}

#[tokio::test]
async fn a_silent_server_is_given_up_on() {
    let server = accepting(|_: &Frame, _: &mut BytesMut| true);
    let settings_dcp = DcpSettings::new("n").noop_interval(Some(Duration::ZERO));
    let mut client = dcp(1 << 16, &settings(), &settings_dcp, server).await;
    let error = client.next_event().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.to_string(), format!("{HOST} is silent: timed out"));
}

/// Closes streams with an end or without one.
fn closing(end: bool) -> impl Server {
    move |frame: &Frame, out: &mut BytesMut| {
        let success = |out: &mut BytesMut| reply(frame, Status::SUCCESS, b"", out);
        match frame.opcode() {
            Opcode::DCP_CONTROL if frame.key().starts_with(b"send_stream_end") && !end => {
                reply(frame, Status::EINVAL, b"", out);
            }
            Opcode::DCP_OPEN | Opcode::DCP_CONTROL => success(out),
            Opcode::DCP_STREAM_REQ => FailoverLogAnswer::encode(frame.header(), &LOG, out),
            Opcode::DCP_CLOSE_STREAM => {
                let CloseStream { vb, .. } = CloseStream::parse(frame).unwrap();
                if vb == VbId(9) {
                    reply(frame, Status::KEY_ENOENT, b"", out);
                    return true;
                }
                success(out);
                // The stream's request was the one before.
                let tag = StreamTag::new(Opaque(frame.opaque().get() - 1), vb);
                if end {
                    StreamEnd::new(tag, EndReason::Closed).encode(out);
                }
            }
            _ => return bootstrap(frame, out),
        }
        true
    }
}

#[tokio::test]
async fn closing_a_stream_is_answered_and_ended() {
    for end in [true, false] {
        let mut client = plain(closing(end)).await;
        let tag = client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
        client.close_stream(tag);
        let n = if end { 3 } else { 2 };
        let events = events(&mut client, n).await;
        let status = Status::SUCCESS;
        assert_eq!(events[1], Event::CloseAnswered { tag, status, end_follows: end });
        assert!(events[n - 1].is_last());
        assert_eq!(client.streams(), 0);
        // One that the server does not know any more.
        let gone = StreamTag::new(Opaque(1), VbId(9));
        client.close_stream(gone);
        let event = client.next_event().await.unwrap();
        let status = Status::KEY_ENOENT;
        assert_eq!(event, Event::CloseAnswered { tag: gone, status, end_follows: false });
    }
}

#[tokio::test]
async fn a_question_between_events_keeps_their_order() {
    let server = accepting(|frame: &Frame, out: &mut BytesMut| {
        match frame.opcode() {
            Opcode::DCP_STREAM_REQ => {
                FailoverLogAnswer::encode(frame.header(), &LOG, out);
                (1..=50).for_each(|n| mutation(tag_of(frame), n, b"key", b"").encode(out));
            }
            Opcode::DCP_GET_FAILOVER_LOG => FailoverLogAnswer::encode(frame.header(), &LOG, out),
            Opcode::GET_ALL_VB_SEQNOS => {
                let entries = [(VbId(2), Seqno(50))].into_iter();
                crate::wire::kv::AllVbSeqnosAnswer::encode(frame.header(), entries, out);
            }
            other => panic!("{other}"),
        }
        true
    });
    let mut client = plain(server).await;
    let tag = client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
    assert_eq!(client.failover_log(VbId(2)).await.unwrap(), LOG);
    assert_eq!(client.all_vb_seqnos().await.unwrap(), [(VbId(2), Seqno(50))]);
    let events = events(&mut client, 51).await;
    assert_eq!(events[0], Event::StreamOpened { tag, failover: LOG.to_vec() });
    let seqnos: Vec<_> = events.iter().filter_map(Event::seqno).map(Seqno::get).collect();
    assert_eq!(seqnos, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refused_acknowledgement_is_an_error() {
    let server = accepting(|frame: &Frame, out: &mut BytesMut| {
        match frame.opcode() {
            Opcode::DCP_STREAM_REQ => {
                FailoverLogAnswer::encode(frame.header(), &LOG, out);
                mutation(tag_of(frame), 1, b"key", b"").encode(out);
            }
            _ => Response::to(frame.header(), Status::EINVAL).encode(out),
        }
        true
    });
    let settings_dcp = DcpSettings::new("n").buffer_bytes(10);
    let mut client = dcp(1 << 16, &settings(), &settings_dcp, server).await;
    client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
    events(&mut client, 2).await;
    let error = client.next_event().await.unwrap_err();
    let expected = "DCP_BUFFER_ACK was refused with 0x04 (invalid request)";
    assert_eq!(error.to_string(), format!("{HOST}: {expected}"));
}
