//! Futures that are dropped at any point lose nothing.

use super::server::{Documents, bootstrap, reply};
use super::streaming::{LOG, accepting, dcp, marker, mutation, tag_of};
use super::{kv, settings};
use crate::client::{DcpSettings, Event, StreamFrom, StreamOptions, WriteOptions};
use crate::types::{EndReason, Seqno, VbId};
use crate::wire::dcp::{BufferAck, FailoverLogAnswer, StreamEnd};
use crate::wire::{Frame, Opcode, Status};
use bytes::BytesMut;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

/// Polls a future so many times and drops it, unless it is done before.
async fn poll_times<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test]
async fn next_event_may_be_dropped_at_any_point() {
    for pipe in [1, 7, 100, 1 << 16] {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&acknowledged);
        let server = accepting(move |frame: &Frame, out: &mut BytesMut| {
            match frame.opcode() {
                Opcode::DCP_STREAM_REQ => {
                    let tag = tag_of(frame);
                    FailoverLogAnswer::encode(frame.header(), &LOG, out);
                    marker(tag, 0, 100).encode(out);
                    (1..=100).for_each(|n| mutation(tag, n, b"key", &[b'v'; 40]).encode(out));
                    StreamEnd::new(tag, EndReason::Ok).encode(out);
                }
                Opcode::DCP_BUFFER_ACK => {
                    let bytes = BufferAck::parse(frame).unwrap().bytes;
                    seen.fetch_add(bytes.into(), SeqCst);
                }
                other => panic!("{other}"),
            }
            true
        });
        let settings_dcp = DcpSettings::new("n").buffer_bytes(500);
        let mut client = dcp(pipe, &settings(), &settings_dcp, server).await;
        client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
        let (mut events, mut dropped) = (Vec::new(), 0);
        while !events.last().is_some_and(Event::is_last) {
            match poll_times(1 + events.len() % 3, client.next_event()).await {
                Some(event) => events.push(event.unwrap()),
                None => dropped += 1,
            }
            tokio::task::yield_now().await;
        }
        assert!(dropped > 0, "nothing was dropped with a pipe of {pipe}");
        assert_eq!(events.len(), 103);
        let seqnos: Vec<_> = events.iter().filter_map(Event::seqno).map(Seqno::get).collect();
        assert_eq!(seqnos, (1..=100).collect::<Vec<_>>());
        // The last event is dealt with by the next call; then all of it is acknowledged once or still counted.
        let dealt_with = 44 + 100 * (55 + 3 + 40) + 28;
        let known = |counting: u32| acknowledged.load(SeqCst) + u64::from(counting);
        for _ in 0..10_000 {
            assert!(poll_times(1, client.next_event()).await.is_none());
            assert!(known(client.unacknowledged_bytes()) <= dealt_with);
            if known(client.unacknowledged_bytes()) == dealt_with {
                break;
            }
        }
        assert_eq!(known(client.unacknowledged_bytes()), dealt_with);
    }
}

#[tokio::test]
async fn a_late_answer_is_not_taken_for_another() {
    let mut client = kv(1 << 16, Documents::default()).await;
    client.set(b"a", b"1", WriteOptions::default()).await.unwrap();
    client.set(b"b", b"2", WriteOptions::default()).await.unwrap();
    for times in 1..4 {
        let _ = poll_times(times, client.get(b"a")).await;
        assert_eq!(client.get(b"b").await.unwrap().unwrap().value, "2");
    }
}

#[tokio::test]
async fn a_question_may_be_dropped_too() {
    let (tell, told) = mpsc::channel();
    let server = accepting(move |frame: &Frame, out: &mut BytesMut| {
        match frame.opcode() {
            Opcode::DCP_STREAM_REQ => {
                FailoverLogAnswer::encode(frame.header(), &LOG, out);
                mutation(tag_of(frame), 1, b"key", b"").encode(out);
            }
            Opcode::DCP_GET_FAILOVER_LOG => {
                tell.send(()).unwrap();
                FailoverLogAnswer::encode(frame.header(), &LOG, out);
                if frame.vbucket() == VbId(9) {
                    return bootstrap(frame, out);
                }
            }
            _ => reply(frame, Status::EINVAL, b"", out),
        }
        true
    });
    let mut client = dcp(1 << 16, &settings(), &DcpSettings::new("n"), server).await;
    client.stream(VbId(2), StreamFrom::BEGINNING, &StreamOptions::default());
    assert!(poll_times(1, client.failover_log(VbId(2))).await.is_none());
    let first = client.next_event().await.unwrap();
    assert!(matches!(first, Event::StreamOpened { .. }));
    let second = client.next_event().await.unwrap();
    assert_eq!(second.seqno(), Some(Seqno(1)));
    assert_eq!(client.failover_log(VbId(2)).await.unwrap(), LOG);
    assert_eq!(told.try_iter().count(), 2);
}
