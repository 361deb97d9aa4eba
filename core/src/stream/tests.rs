//! The stream word, each transition, and closers at once; what messages count.

use super::{
    Advanced, Claimed, Event, Killed, Layout, SnapshotFlags, StreamName, StreamState, StreamWord,
};
use crate::types::{
    Cas, Datatype, DocKind, DocMeta, EndReason, Opaque, RevSeqno, Seqno, Sid, VbId,
};
use std::sync::Barrier;

#[test]
fn a_life_from_claim_to_release() {
    let word = StreamWord::new();
    assert_eq!(word.load(), StreamState::Free);
    assert_eq!(word.kill(EndReason::Closed), Killed::None, "there is nothing to kill");
    assert_eq!(word.claim(), Claimed::Opened(1));
    assert_eq!(word.claim(), Claimed::Busy);
    assert_eq!(word.advance(StreamState::Backfilling), Advanced::Done);
    assert_eq!(word.advance(StreamState::InMemory), Advanced::Done);
    assert_eq!(word.release(), None, "a living stream is not released");
    assert_eq!(word.kill(EndReason::StateChanged), Killed::First);
    assert_eq!(word.kill(EndReason::Closed), Killed::Already(EndReason::StateChanged));
    let dead = Advanced::Dead(EndReason::StateChanged);
    assert_eq!(word.advance(StreamState::InMemory), dead, "the dead stay dead");
    assert_eq!(word.claim(), Claimed::Busy, "until they are released");
    assert_eq!(word.release(), Some(EndReason::StateChanged));
    assert_eq!(word.claim(), Claimed::Opened(2));
}

#[test]
fn nothing_is_opened_after_a_close() {
    let word = StreamWord::new();
    assert_eq!(word.close(), Killed::None);
    assert_eq!(word.claim(), Claimed::Closed);
    let word = StreamWord::new();
    assert_eq!(word.claim(), Claimed::Opened(1));
    assert_eq!(word.kill(EndReason::Ok), Killed::First);
    assert_eq!(word.close(), Killed::Already(EndReason::Ok), "the first reason stays");
    assert_eq!(word.release(), Some(EndReason::Ok));
    assert!(word.is_closed());
    assert_eq!(word.claim(), Claimed::Closed, "the mark outlives the stream");
}

#[test]
fn of_many_closers_one_is_first() {
    const ROUNDS: usize = if cfg!(miri) { 10 } else { 5_000 };
    const CLOSERS: usize = 3;
    let words: Vec<StreamWord> = (0..ROUNDS).map(|_| StreamWord::new()).collect();
    for word in &words {
        assert_eq!(word.claim(), Claimed::Opened(1));
    }
    let barrier = Barrier::new(CLOSERS + 1);
    let first: usize = std::thread::scope(|scope| {
        let closers: Vec<_> = [EndReason::Closed, EndReason::StateChanged, EndReason::Slow]
            .into_iter()
            .map(|reason| {
                let (words, barrier) = (&words, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    words.iter().filter(|word| word.kill(reason) == Killed::First).count()
                })
            })
            .collect();
        barrier.wait();
        for word in &words {
            // The owner at the end of a backfill: it goes on, or learns why not.
            let _: Advanced = word.advance(StreamState::InMemory);
        }
        closers.into_iter().map(|closer| closer.join().expect("a closer")).sum()
    });
    assert_eq!(first, ROUNDS, "each stream was ended once");
    assert!(words.iter().all(|word| matches!(word.load(), StreamState::Dead(_))));
    println!("stream word: {ROUNDS} streams, {CLOSERS} closers, each ended once");
}

#[test]
fn messages_count_what_they_take_on_the_wire() {
    let plain = StreamName { vb: VbId(1), sid: None, opaque: Opaque(1) };
    let named = StreamName { sid: Some(Sid(9)), ..plain };
    let meta = |kind| DocMeta {
        seqno: Seqno(1),
        cas: Cas(1),
        rev: RevSeqno(1),
        flags: 0,
        expiry: 0,
        datatype: Datatype::RAW,
        kind,
    };
    let v1 = Layout::default();
    let v2 = Layout { delete_times: true, ..v1 };
    let expirations = Layout { expirations: true, ..v2 };
    let only_control = Layout { expirations: true, ..v1 };
    let rows = [
        (DocKind::Alive, v1, 55),
        (DocKind::Deleted, v1, 42),
        (DocKind::Deleted, v2, 45),
        (DocKind::Expired, v1, 42),
        (DocKind::Expired, v2, 45),
        (DocKind::Expired, expirations, 44),
        (DocKind::Expired, only_control, 42),
        (DocKind::Deleted, expirations, 45),
    ];
    for (kind, layout, bytes) in rows {
        let meta = meta(kind);
        for (stream, more) in [(plain, 0), (named, 3)] {
            let event = Event::Document { stream, meta: &meta, key: b"key", value: b"value" };
            assert_eq!(event.counted_bytes(layout), bytes + 8 + more, "{kind:?} {layout:?}");
        }
    }
    let (start, end, flags) = (Seqno(0), Seqno(1), SnapshotFlags::MEMORY);
    for (purge, bytes) in [(None, 44), (Some(Seqno(0)), 77)] {
        let marker = Event::SnapshotMarker { stream: plain, start, end, flags, purge };
        assert_eq!(marker.counted_bytes(v1), bytes);
    }
    let end = Event::StreamEnd { stream: plain, reason: EndReason::Ok };
    assert_eq!(end.counted_bytes(v1), 28);
    assert_eq!(Event::Noop { opaque: Opaque(1) }.counted_bytes(v1), 0);
}
