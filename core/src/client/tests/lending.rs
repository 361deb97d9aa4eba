//! Events that are lent where they lie: the same as those that are owned, and held against what was announced.

use super::server::Server;
use super::settings;
use super::streaming::{LOG, accepting, dcp, marker, mutation, tag_of};
use crate::client::{
    Checkpoint, ConnectSettings, DcpClient, DcpSettings, Event, LentEvent, StreamFrom,
    StreamOptions,
};
use crate::error::{ErrorKind, Result};
use crate::types::{Cas, Datatype, EndReason, Opaque, RevSeqno, Seqno, Sid, VbId};
use crate::wire::dcp::{
    BufferAck, Deletion, Expiration, FailoverLogAnswer, Noop, OsoSnapshot, SeqnoAdvanced,
    StreamEnd, StreamTag,
};
use crate::wire::{Feature, Frame, Opcode};
use bytes::BytesMut;
use std::sync::mpsc;
use tokio::io::DuplexStream;

/// Answers a request for a stream with the answer and what `f` adds.
fn streaming(
    mut f: impl FnMut(StreamTag, &mut BytesMut) + Send + 'static,
) -> impl FnMut(&Frame, &mut BytesMut) -> bool + Send + 'static {
    accepting(move |frame: &Frame, out: &mut BytesMut| {
        match frame.opcode() {
            Opcode::DCP_STREAM_REQ => {
                FailoverLogAnswer::encode(frame.header(), &LOG, out);
                f(tag_of(frame), out);
            }
            Opcode::DCP_GET_FAILOVER_LOG => FailoverLogAnswer::encode(frame.header(), &LOG, out),
            Opcode::DCP_BUFFER_ACK | Opcode::DCP_NOOP => {}
            other => panic!("{other}"),
        }
        true
    })
}

async fn client(pipe: usize, window: u32, server: impl Server) -> DcpClient<DuplexStream> {
    let settings_dcp = DcpSettings::new("n").buffer_bytes(window);
    let mut client = dcp(pipe, &settings(), &settings_dcp, server).await;
    client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
    client
}

/// What is lent until there are no more streams.
async fn lent(client: &mut DcpClient<DuplexStream>) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    while client.streams() > 0 {
        client.receive().await?;
        while let Some(event) = client.lent_event()? {
            assert_eq!(event.tag(), event.to_event().tag());
            assert_eq!(event.seqno(), event.to_event().seqno());
            events.push(event.to_event());
        }
    }
    Ok(events)
}

async fn owned(client: &mut DcpClient<DuplexStream>) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    while client.streams() > 0 {
        events.push(client.next_event().await?);
    }
    Ok(events)
}

fn of_every_kind(tag: StreamTag, out: &mut BytesMut) {
    let (rev, cas, datatype) = (RevSeqno(3), Cas(4), Datatype::RAW);
    let (key, value) = (b"gone".as_slice(), b"".as_slice());
    // Larger than what is read at once.
    let large = vec![b'v'; 300_000];
    marker(tag, 0, 9).encode(out);
    mutation(tag, 1, b"key", b"{}").encode(out);
    Noop.encode(Opaque(7), out);
    mutation(tag, 2, b"large", &large).encode(out);
    for (seqno, delete_time) in [(3, Some(99)), (4, None)] {
        let seqno = Seqno(seqno);
        Deletion { tag, seqno, rev, cas, delete_time, datatype, key, value }.encode(out);
    }
    // Of a stream that there is none of.
    mutation(StreamTag { opaque: Opaque(4711), ..tag }, 1, b"key", b"").encode(out);
    let seqno = Seqno(5);
    Expiration { tag, seqno, rev, cas, delete_time: 98, datatype, key, value }.encode(out);
    SeqnoAdvanced { tag, seqno: Seqno(9) }.encode(out);
    marker(tag, 10, 12).encode(out);
    mutation(tag, 12, b"key", &large[..70_000]).encode(out);
    StreamEnd::new(tag, EndReason::Ok).encode(out);
}

#[tokio::test]
async fn what_is_lent_is_what_would_be_owned() {
    for pipe in [64, 1 << 12, 1 << 20] {
        let mut first = client(pipe, 1 << 20, streaming(of_every_kind)).await;
        let mut second = client(pipe, 1 << 20, streaming(of_every_kind)).await;
        let events = lent(&mut first).await.unwrap();
        assert_eq!(events.len(), 11);
        assert_eq!(events, owned(&mut second).await.unwrap());
        // Whoever looked whether there is more is done with the end of the stream too.
        assert_eq!(first.unacknowledged_bytes(), second.unacknowledged_bytes() + 28);
    }
}

#[tokio::test]
async fn a_checkpoint_follows_what_is_lent() {
    let mut first = client(1 << 12, 1 << 20, streaming(of_every_kind)).await;
    let mut second = client(1 << 12, 1 << 20, streaming(of_every_kind)).await;
    let (mut lent, mut owned) = (Checkpoint::default(), Checkpoint::default());
    while first.streams() > 0 {
        first.receive().await.unwrap();
        while let Some(event) = first.lent_event().unwrap() {
            lent.update(event);
            owned.update(&second.next_event().await.unwrap());
            assert_eq!(lent, owned);
        }
    }
    assert_eq!(lent.token(VbId(2)).seqno, Seqno(12));
}

#[tokio::test]
async fn what_is_lent_and_what_is_owned_may_be_mixed() {
    let mut all = client(1 << 12, 1 << 20, streaming(of_every_kind)).await;
    let all = owned(&mut all).await.unwrap();
    let mut client = client(1 << 12, 1 << 20, streaming(of_every_kind)).await;
    let mut mixed = Vec::new();
    while client.streams() > 0 {
        // Events that came before an answer are lent too.
        client.failover_log(VbId(2)).await.unwrap();
        client.receive().await.unwrap();
        mixed.extend(client.lent_event().unwrap().map(|event| event.to_event()));
        if client.streams() > 0 {
            mixed.push(client.next_event().await.unwrap());
        }
    }
    assert_eq!(mixed, all);
}

#[tokio::test]
async fn what_was_lent_is_acknowledged_once_the_next_is_asked_for() {
    let (tell, told) = mpsc::channel();
    let server = accepting(move |frame: &Frame, out: &mut BytesMut| {
        match frame.opcode() {
            Opcode::DCP_STREAM_REQ => {
                let tag = tag_of(frame);
                FailoverLogAnswer::encode(frame.header(), &LOG, out);
                marker(tag, 0, 100).encode(out);
                (1..=100).for_each(|n| mutation(tag, n, b"key", &[0; 442]).encode(out));
            }
            Opcode::DCP_BUFFER_ACK => tell.send(BufferAck::parse(frame).unwrap().bytes).unwrap(),
            _ => FailoverLogAnswer::encode(frame.header(), &LOG, out),
        }
        true
    });
    let mut client = client(1 << 16, 10_000, server).await;
    let mut documents = 0;
    while documents < 100 {
        client.receive().await.unwrap();
        while let Some(event) = client.lent_event().unwrap() {
            documents += u32::from(matches!(event, LentEvent::Mutation(_)));
        }
    }
    // A question is answered after the acknowledgements in front of it were heard.
    client.failover_log(VbId(2)).await.unwrap();
    // A marker of 44 bytes and nine documents of 500; then ten at a time.
    let acknowledged: Vec<u32> = told.try_iter().collect();
    assert_eq!(acknowledged[0], 5044);
    assert!(acknowledged[1..].iter().all(|bytes| *bytes == 5000), "{acknowledged:?}");
    assert_eq!(acknowledged.iter().sum::<u32>() + client.unacknowledged_bytes(), 50_044);
}

#[tokio::test]
async fn keys_lose_their_collection_id_where_they_lie() {
    let server = accepting(|frame: &Frame, out: &mut BytesMut| {
        let tag = StreamTag { sid: Some(Sid(5)), ..tag_of(frame) };
        FailoverLogAnswer::encode(frame.header(), &LOG, out);
        marker(tag, 0, 1).encode(out);
        mutation(tag, 1, b"\x85\x01key", b"").encode(out);
        StreamEnd::new(tag, EndReason::Ok).encode(out);
        true
    });
    let features = ConnectSettings::FEATURES.with(Feature::COLLECTIONS);
    let settings = settings().features(features);
    let mut client = dcp(1 << 16, &settings, &DcpSettings::new("n").stream_ids(true), server).await;
    let options = StreamOptions { sid: Some(Sid(5)), ..StreamOptions::default() };
    let tag = client.stream(VbId(2), StreamFrom::BEGINNING, &options);
    let events = lent(&mut client).await.unwrap();
    let Event::Mutation(document) = &events[2] else { panic!("{:?}", events[2]) };
    assert_eq!((document.tag, &document.key[..]), (tag, b"key".as_slice()));
    assert_eq!(document.collection.map(|id| id.0), Some(0x85));
}

#[tokio::test]
async fn a_seqno_that_goes_astray_is_the_servers_fault() {
    type Send = fn(StreamTag, &mut BytesMut);
    let astray: [(Send, &str); 3] = [
        (
            |tag, out| mutation(tag, 1, b"key", b"").encode(out),
            "a seqno of vb 2 is above 0, where its snapshot ends",
        ),
        (
            |tag, out| {
                marker(tag, 0, 5).encode(out);
                mutation(tag, 6, b"key", b"").encode(out);
            },
            "a seqno of vb 2 is above 5, where its snapshot ends",
        ),
        (
            |tag, out| {
                marker(tag, 0, 5).encode(out);
                for n in [4, 4] {
                    mutation(tag, n, b"key", b"").encode(out);
                }
            },
            "a seqno of vb 2 is not above 4",
        ),
    ];
    for (send, what) in astray {
        let mut client = client(1 << 16, 0, streaming(send)).await;
        let error = lent(&mut client).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Peer);
        assert_eq!(error.to_string(), format!("{}: {what}", super::HOST));
    }
}

#[tokio::test]
async fn in_key_order_seqnos_come_as_they_come() {
    let server = streaming(|tag, out| {
        OsoSnapshot { tag, begins: true }.encode(out);
        for n in [7, 2, 5] {
            mutation(tag, n, b"key", b"").encode(out);
        }
        OsoSnapshot { tag, begins: false }.encode(out);
        StreamEnd::new(tag, EndReason::Ok).encode(out);
    });
    let mut client = client(1 << 16, 0, server).await;
    let events = lent(&mut client).await.unwrap();
    let seqnos: Vec<_> = events.iter().filter_map(Event::seqno).map(Seqno::get).collect();
    assert_eq!(seqnos, [7, 2, 5]);
}
