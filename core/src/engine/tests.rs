//! The engine from the embedder's side, on the memory store.

use super::{Engine, EngineBuilder, EngineSettings};
use crate::error::ErrorKind;
use crate::partition::{Change, Decision, UpdateError};
use crate::producer::{CloseOutcome, Control, Departure, OpenOptions, Producer, Step};
use crate::store::{MemoryStore, Store};
use crate::stream::{Event, Refusal, Sink, SnapshotFlags, StreamRequest};
use crate::types::{DocKind, EndReason, Opaque, Seqno, VbId, VbState};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

/// What a test's connection received.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Got {
    Marker(u64, u64, u32),
    Doc(u64, String, String, DocKind),
    End(EndReason),
    Noop,
    System(u64, String),
    Advanced(u64),
}

/// Keeps what it is sent; full after `room` messages.
struct Inbox {
    got: Vec<(u16, Got)>,
    room: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { got: Vec::new(), room: usize::MAX }
    }
}

impl Sink for Inbox {
    fn has_room(&self) -> bool {
        self.got.len() < self.room
    }

    fn send(&mut self, event: &Event<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let got = match event {
            Event::SnapshotMarker { stream, start, end, flags, .. } => {
                (stream.vb.0, Got::Marker(start.0, end.0, flags.0))
            }
            Event::Document { stream, meta, key, value } => {
                (stream.vb.0, Got::Doc(meta.seqno.0, text(key), text(value), meta.kind))
            }
            Event::StreamEnd { stream, reason } => (stream.vb.0, Got::End(*reason)),
            Event::Noop { .. } => (u16::MAX, Got::Noop),
            Event::System { stream, event, .. } => {
                (stream.vb.0, Got::System(event.seqno.0, format!("{:?}", event.change)))
            }
            Event::SeqnoAdvanced { stream, seqno } => (stream.vb.0, Got::Advanced(seqno.0)),
        };
        self.got.push(got);
    }
}

impl Inbox {
    fn docs(&self) -> Vec<u64> {
        self.got
            .iter()
            .filter_map(|(_, got)| match got {
                Got::Doc(seqno, ..) => Some(*seqno),
                _ => None,
            })
            .collect()
    }

    fn ends(&self) -> Vec<EndReason> {
        self.got
            .iter()
            .filter_map(|(_, got)| match got {
                Got::End(reason) => Some(*reason),
                _ => None,
            })
            .collect()
    }
}

fn engine(vbuckets: u32) -> Engine {
    Engine::open(MemoryStore::new(vbuckets)).expect("a memory store opens")
}

fn put(engine: &Engine, vb: u16, key: &str, value: &str) -> Seqno {
    let mut session = engine.session("test");
    let written = session.update(VbId(vb), key.as_bytes(), None, |_| -> Decision<'_, ()> {
        Decision::Write(Change::set(value.as_bytes()))
    });
    written.expect("a plain set").seqno
}

fn connect(engine: &Engine, name: &str) -> Producer {
    engine.connect(name, OpenOptions::default()).expect("a connection")
}

/// Steps until `done`, waiting as a client would.
fn run_until(producer: &mut Producer, inbox: &mut Inbox, done: impl Fn(&Inbox) -> bool) {
    let deadline = Instant::now() + LONG;
    loop {
        let step = producer.step(Instant::now(), inbox);
        if done(inbox) || matches!(step, Step::Gone(_)) {
            return;
        }
        assert!(Instant::now() < deadline, "nothing more came: {:?}", inbox.got.len());
        let _ = producer.wait(Duration::from_secs(5));
    }
}

fn wait_persisted(engine: &Engine, vb: u16, seqno: Seqno) {
    let waker = crate::ready::thread_waker();
    let mut cx = core::task::Context::from_waker(&waker);
    let mut persisted = core::pin::pin!(engine.persisted(VbId(vb), seqno));
    loop {
        if let core::task::Poll::Ready(done) = persisted.as_mut().poll(&mut cx) {
            return assert!(done, "persisted before the engine stopped");
        }
        std::thread::park_timeout(Duration::from_secs(5));
    }
}

#[test]
fn a_write_is_read_and_streamed() {
    let engine = engine(4);
    let mut producer = connect(&engine, "c");
    let log = producer.stream_request(VbId(1), Opaque(7), &StreamRequest::from_zero());
    assert_eq!(log.expect("accepted").len(), 1, "one branch of history");
    assert_eq!(put(&engine, 1, "a", "1"), Seqno(1));
    assert_eq!(put(&engine, 1, "a", "2"), Seqno(2));
    assert_eq!(put(&engine, 1, "b", "3"), Seqno(3));
    let mut inbox = Inbox::default();
    run_until(&mut producer, &mut inbox, |inbox| inbox.docs().last() == Some(&3));
    assert_eq!(
        inbox.got,
        vec![
            (1, Got::Marker(0, 3, 5)),
            (1, Got::Doc(2, "a".into(), "2".into(), DocKind::Alive)),
            (1, Got::Doc(3, "b".into(), "3".into(), DocKind::Alive)),
        ],
        "the older version of `a` is not in the snapshot"
    );
    put(&engine, 1, "c", "4");
    run_until(&mut producer, &mut inbox, |inbox| inbox.docs().last() == Some(&4));
    assert_eq!(inbox.got[3], (1, Got::Marker(4, 4, 1)), "then the tail, without a checkpoint");
}

#[test]
fn what_left_memory_is_backfilled_and_the_stream_goes_on_in_the_log() {
    let settings = EngineSettings { memory_bytes: 64_000, ..EngineSettings::default() };
    let builder = EngineBuilder::new(MemoryStore::new(1)).settings(settings);
    let engine = builder.open().expect("opens");
    let mut last = Seqno::ZERO;
    for n in 0..1000_u64 {
        let seqno = loop {
            let mut session = engine.session("test");
            let key = format!("k{}", n % 400);
            let written = session.update(VbId(0), key.as_bytes(), None, |_| -> Decision<'_, ()> {
                Decision::Write(Change::set(format!("{n:0200}").into_bytes()))
            });
            match written {
                Ok(written) => break written.seqno,
                Err(UpdateError::Busy) => std::thread::yield_now(),
                Err(other) => panic!("{other:?}"),
            }
        };
        // Seqnos may be left out: where memory is short the rest of a segment is, so that it can go.
        assert!(seqno > last);
        last = seqno;
        if n % 100 == 99 {
            wait_persisted(&engine, 0, seqno);
        }
    }
    let stats = engine.vbucket(VbId(0)).expect("exists");
    assert!(stats.log_floor > Seqno(800), "little memory keeps little: {stats:?}");
    let mut producer = connect(&engine, "c");
    // Refused as long as the flusher is still making room after the last commit.
    let deadline = Instant::now() + LONG;
    while let Err(refused) =
        producer.stream_request(VbId(0), Opaque(1), &StreamRequest::from_zero())
    {
        assert_eq!(refused, Refusal::MemoryShort);
        assert!(Instant::now() < deadline, "no room was made");
        std::thread::yield_now();
    }
    let mut inbox = Inbox::default();
    run_until(&mut producer, &mut inbox, |inbox| inbox.docs().last() == Some(&last.0));
    let Got::Marker(0, _, flags) = inbox.got[0].1 else { panic!("a marker from 0 is first") };
    assert_eq!(flags, SnapshotFlags::DISK.with(SnapshotFlags::CHECKPOINT).0);
    let mut newest = BTreeMap::new();
    for (_, got) in &inbox.got {
        if let Got::Doc(_, key, value, _) = got {
            newest.insert(key.clone(), value.clone());
        }
    }
    assert_eq!(newest.len(), 400);
    assert!((0..400).all(|k| newest[&format!("k{k}")].parse::<u64>().is_ok_and(|n| n >= 600)));
    assert!(engine.session("test").get(b"k5").expect("read").is_some(), "from the store");
    // The worker gives the place back right after it has delivered the last of it.
    let deadline = Instant::now() + LONG;
    while engine.stats().backfills > 0 {
        assert!(Instant::now() < deadline, "its place was not given back");
        std::thread::yield_now();
    }
}

#[test]
fn many_vbuckets_with_a_little_each_do_not_hold_memory_for_ever() {
    let settings = EngineSettings { memory_bytes: 400_000, ..EngineSettings::default() };
    let engine = EngineBuilder::new(MemoryStore::new(64)).settings(settings).open().expect("opens");
    let value = "x".repeat(2_000);
    let mut refused = 0;
    for n in 0..2_000_u64 {
        let (vb, key) = (VbId((n % 64) as u16), format!("k{}", n % 640));
        let deadline = Instant::now() + LONG;
        loop {
            let written =
                engine.session("test").update(vb, key.as_bytes(), None, |_| -> Decision<'_, ()> {
                    Decision::Write(Change::set(value.as_bytes()))
                });
            match written {
                Ok(_) => break,
                Err(UpdateError::Busy) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
            assert!(
                Instant::now() < deadline,
                "refused for ever at write {n}: {:?}",
                engine.stats()
            );
            std::thread::yield_now();
        }
    }
    assert!(refused > 0, "4 MB do not fit in 0.4: somebody had to come again");
}

/// A full window whose documents were all persisted used to refuse writes for ever, as long as the engine as a whole
/// had memory left.
#[test]
fn a_window_that_is_full_makes_room_though_memory_is_left() {
    let settings = EngineSettings { window_items: 256, ..EngineSettings::default() };
    let engine = EngineBuilder::new(MemoryStore::new(2)).settings(settings).open().unwrap();
    let mut session = engine.session("test");
    let give_up = Instant::now() + LONG;
    let mut written = 0;
    while written < 5_000_u64 {
        let key = format!("key-{}", written % 7);
        let change = || Decision::Write(Change::set(&b"value"[..]));
        let update =
            session.update(VbId(1), key.as_bytes(), None, |_| -> Decision<'_, ()> { change() });
        match update {
            Ok(version) => {
                written += 1;
                assert!(version.seqno.0 >= written);
            }
            Err(UpdateError::Busy) => {
                assert!(Instant::now() < give_up, "refused for ever after {written} writes");
                std::thread::yield_now();
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn every_end_is_told_once_and_for_the_first_reason() {
    let engine = engine(8);
    let mut producer = connect(&engine, "c");
    let control = Control::parse(b"send_stream_end_on_client_close_stream", b"true");
    producer.control(control.expect("known")).expect("built");
    put(&engine, 0, "a", "1");
    let ends_at_one = StreamRequest { end: Seqno(1), ..StreamRequest::from_zero() };
    producer.stream_request(VbId(0), Opaque(1), &ends_at_one).expect("accepted");
    let nothing = StreamRequest { end: Seqno(0), ..StreamRequest::from_zero() };
    producer.stream_request(VbId(1), Opaque(1), &nothing).expect("an empty range is accepted");
    for vb in [2, 3] {
        let request = StreamRequest::from_zero();
        producer.stream_request(VbId(vb), Opaque(1), &request).expect("accepted");
    }
    assert_eq!(producer.close_stream(VbId(2), None), CloseOutcome::Closed);
    assert_eq!(
        producer.close_stream(VbId(2), None),
        CloseOutcome::NoSuchStream,
        "it is dead already"
    );
    engine.set_vbucket_state(VbId(2), VbState::Replica).expect("exists");
    engine.set_vbucket_state(VbId(3), VbState::Replica).expect("exists");
    let mut inbox = Inbox::default();
    run_until(&mut producer, &mut inbox, |inbox| inbox.ends().len() == 4);
    let mut ends: Vec<_> = inbox.got.iter().filter(|(_, got)| matches!(got, Got::End(_))).collect();
    ends.sort_by_key(|(vb, _)| *vb);
    let reasons: Vec<_> = ends.iter().map(|(_, got)| got.clone()).collect();
    use EndReason::{Closed, Ok, StateChanged};
    assert_eq!(reasons, [Ok, Ok, Closed, StateChanged].map(Got::End));
    assert_eq!(producer.streams(), 0);
    assert_eq!(producer.step(Instant::now(), &mut inbox), Step::Idle, "and nothing after that");
    assert_eq!(inbox.ends().len(), 4);
}

#[test]
fn a_second_request_is_refused_and_a_closed_stream_may_be_opened_again() {
    let engine = engine(2);
    let mut producer = connect(&engine, "c");
    let request = StreamRequest::from_zero();
    producer.stream_request(VbId(0), Opaque(1), &request).expect("accepted");
    let second = producer.stream_request(VbId(0), Opaque(2), &request);
    assert_eq!(second, Err(Refusal::StreamExists));
    assert_eq!(producer.stream_request(VbId(9), Opaque(2), &request), Err(Refusal::NoSuchVbucket));
    for n in 0..100 {
        assert_eq!(producer.close_stream(VbId(0), None), CloseOutcome::Closed);
        producer.stream_request(VbId(0), Opaque(n), &request).expect("opened again");
    }
    assert_eq!(producer.streams(), 1);
    put(&engine, 0, "a", "1");
    let mut inbox = Inbox::default();
    run_until(&mut producer, &mut inbox, |inbox| !inbox.docs().is_empty());
    assert_eq!(inbox.ends(), vec![], "ends that the client did not ask for are not told");
}

#[test]
fn the_window_holds_back_and_an_acknowledgement_lets_go() {
    let engine = engine(1);
    let mut producer = connect(&engine, "c");
    let control = Control::parse(b"connection_buffer_size", b"100").expect("known");
    producer.control(control).expect("built");
    for n in 0..10 {
        put(&engine, 0, &format!("key{n}"), "value");
    }
    producer.stream_request(VbId(0), Opaque(1), &StreamRequest::from_zero()).expect("accepted");
    let mut inbox = Inbox::default();
    assert_eq!(producer.step(Instant::now(), &mut inbox), Step::Full);
    assert_eq!(inbox.got.len(), 2, "a marker (44) and one mutation (64)");
    assert_eq!(producer.step(Instant::now(), &mut inbox), Step::Full, "and then silence");
    assert_eq!(inbox.got.len(), 2);
    let [connection] = &engine.connections()[..] else { panic!("one connection") };
    assert_eq!((connection.unacked_bytes, connection.max_buffer_bytes), (108, 100));
    producer.handle().ack(9);
    assert_eq!(producer.step(Instant::now(), &mut inbox), Step::Full);
    assert_eq!(inbox.got.len(), 3, "99 outstanding: one more goes out");
    let off = Control::parse(b"connection_buffer_size", b"0").expect("known");
    producer.control(off).expect("built");
    assert_eq!(producer.step(Instant::now(), &mut inbox), Step::Idle);
    assert_eq!(inbox.docs().len(), 10, "a window of 0 is none");
}

#[test]
fn streams_have_their_turns_and_a_full_sink_loses_nothing() {
    let engine = engine(3);
    let mut producer = connect(&engine, "c");
    for vb in 0..3 {
        for n in 0..100 {
            put(&engine, vb, &format!("key{n}"), "value");
        }
        let request = StreamRequest::from_zero();
        producer.stream_request(VbId(vb), Opaque(1), &request).expect("accepted");
    }
    let mut inbox = Inbox { room: 0, ..Inbox::default() };
    let mut steps = 0;
    while inbox.docs().len() < 300 {
        inbox.room += 7;
        let _ = producer.step(Instant::now(), &mut inbox);
        steps += 1;
        assert!(steps < 1000, "it goes on");
    }
    let first_of_last = inbox.got.iter().position(|(vb, _)| *vb == 2).expect("vbucket 2 is there");
    assert!(first_of_last < 60, "vbucket 2 had its turn before the others were done");
    for vb in 0..3 {
        let seqnos: Vec<_> = inbox.got.iter().filter(|(of, _)| *of == vb).collect();
        assert_eq!(seqnos.len(), 101, "a marker and each document once");
    }
}

#[test]
fn a_noop_passes_a_shut_window_and_silence_is_noticed() {
    let engine = engine(1);
    let mut producer = connect(&engine, "c");
    for (key, value) in
        [("enable_noop", "true"), ("set_noop_interval", "1"), ("connection_buffer_size", "1")]
    {
        let control = Control::parse(key.as_bytes(), value.as_bytes()).expect("known");
        producer.control(control).expect("built");
    }
    put(&engine, 0, "a", "1");
    put(&engine, 0, "b", "1");
    producer.stream_request(VbId(0), Opaque(1), &StreamRequest::from_zero()).expect("accepted");
    let (mut inbox, start) = (Inbox::default(), Instant::now());
    assert_eq!(producer.step(start, &mut inbox), Step::Full);
    assert_eq!(inbox.got.len(), 1, "the marker");
    let _ = producer.step(start + Duration::from_millis(1500), &mut inbox);
    let _ = producer.step(start + Duration::from_millis(9000), &mut inbox);
    let noops = inbox.got.iter().filter(|(_, got)| *got == Got::Noop).count();
    assert_eq!(noops, 1, "one at a time");
    assert!(!producer.noop_answered(Opaque(1)), "another number");
    assert!(producer.noop_answered(Opaque(10_000_001)));
    let late = start + Duration::from_secs(361);
    assert_eq!(producer.step(late, &mut inbox), Step::Gone(Departure::Idle));
    producer.received(late);
    assert_ne!(producer.step(late, &mut inbox), Step::Gone(Departure::Idle));
}

#[test]
fn a_namesake_closes_the_older_connection() {
    let engine = engine(2);
    let mut older = connect(&engine, "same");
    older.stream_request(VbId(0), Opaque(1), &StreamRequest::from_zero()).expect("accepted");
    let newer = connect(&engine, "same");
    let mut inbox = Inbox::default();
    assert_eq!(older.step(Instant::now(), &mut inbox), Step::Gone(Departure::Closed));
    assert!(older.handle().is_closed() && !newer.handle().is_closed());
    let refused = older.stream_request(VbId(1), Opaque(1), &StreamRequest::from_zero());
    assert_eq!(refused, Err(Refusal::Closed), "nothing is opened where a closer was");
    assert_eq!(engine.connections().len(), 2, "the older one leaves when its owner does");
    drop(older);
    assert_eq!(engine.connections().len(), 1);
}

#[test]
fn closing_from_many_threads_while_it_streams_ends_each_stream_once() {
    const ROUNDS: usize = if cfg!(miri) { 2 } else { 200 };
    let engine = engine(64);
    let mut ended_in_all = 0;
    for round in 0..ROUNDS {
        let mut producer = connect(&engine, "c");
        let handle = producer.handle();
        for vb in 0..64 {
            put(&engine, vb, &format!("key{round}"), "value");
            let request = StreamRequest::from_zero();
            producer.stream_request(VbId(vb), Opaque(1), &request).expect("accepted");
        }
        let ended: usize = std::thread::scope(|scope| {
            let closers: Vec<_> =
                (0..3).map(|_| scope.spawn(|| handle.close_all() + handle.close_all())).collect();
            let mut inbox = Inbox::default();
            while !matches!(producer.step(Instant::now(), &mut inbox), Step::Gone(_)) {}
            assert_eq!(inbox.ends(), vec![], "a disconnected stream tells no end");
            let _ = engine.connections();
            closers.into_iter().map(|c| c.join().expect("a closer")).sum()
        });
        assert_eq!(ended, 64, "each of the 64 streams was ended by exactly one closer");
        ended_in_all += ended;
    }
    println!("close_all: {ended_in_all} streams ended once each by 3 closers");
    engine.shutdown();
    let report = engine.quiesce_blocking(LONG).expect("nobody is stalled");
    assert!(report.clean, "{report:?}");
    assert_eq!(report.held, 0);
    assert!(report.destroyed >= ROUNDS as u64, "every manager was destroyed: {report:?}");
}

#[test]
fn shutdown_ends_everything_and_what_was_written_is_in_the_store() {
    let store = std::sync::Arc::new(MemoryStore::new(4));
    let engine = Engine::open(std::sync::Arc::clone(&store)).expect("opens");
    let mut producer = connect(&engine, "c");
    producer.stream_request(VbId(0), Opaque(1), &StreamRequest::from_zero()).expect("accepted");
    for n in 0..500 {
        put(&engine, n % 4, &format!("k{n}"), "v");
    }
    engine.shutdown();
    engine.shutdown();
    assert_eq!(producer.step(Instant::now(), &mut Inbox::default()), Step::Gone(Departure::Closed));
    assert!(
        engine
            .connect("late", OpenOptions::default())
            .is_err_and(|e| e.kind() == ErrorKind::Closed)
    );
    let refused = engine.session("test").set(b"late", b"v");
    assert!(refused.is_err_and(|e| e.kind() == ErrorKind::Closed));
    drop(producer);
    let report = engine.quiesce_blocking(LONG).expect("nobody is stalled");
    assert!(report.clean, "{report:?}");
    let kept: u64 = (0..4).map(|vb| store.load(VbId(vb)).expect("loads").items).sum();
    assert_eq!(kept, 500, "nothing is lost in an orderly stop");
}

#[test]
fn a_branch_of_history_begins_where_a_vbucket_becomes_active() {
    let engine = engine(1);
    put(&engine, 0, "a", "1");
    let before = engine.failover_log(VbId(0)).expect("exists");
    engine.set_vbucket_state(VbId(0), VbState::Replica).expect("exists");
    let refused = engine.session("test").set(b"x", b"v");
    assert!(refused.is_err(), "a replica takes no writes");
    engine.set_vbucket_state(VbId(0), VbState::Active).expect("exists");
    let after = engine.failover_log(VbId(0)).expect("exists");
    assert_eq!(after.len(), 2);
    assert_eq!((after[0].seqno, after[1]), (Seqno(1), before[0]));
    assert_eq!(put(&engine, 0, "b", "2"), Seqno(2));
    let mut producer = connect(&engine, "c");
    let request = StreamRequest {
        start: Seqno(2),
        snap_start: Seqno(2),
        snap_end: Seqno(2),
        uuid: before[0].uuid,
        ..StreamRequest::from_zero()
    };
    let refused = producer.stream_request(VbId(0), Opaque(1), &request);
    assert!(matches!(refused, Err(Refusal::Rollback { to: Seqno(1), .. })), "{refused:?}");
}

#[test]
fn so_many_scans_are_open_at_once_as_memory_allows() {
    let scans = |memory_bytes, backfills_max| {
        EngineSettings { memory_bytes, backfills_max, ..EngineSettings::default() }.backfills_max()
    };
    const MIB: u64 = 1024 * 1024;
    assert_eq!(scans(256 * MIB, 0), 262, "one hundredth, at 10 KiB each");
    assert_eq!(scans(100 * 10 * 1024 * 77, 0), 77);
    assert_eq!(scans(0, 0), 2);
    assert_eq!(scans(3 * MIB, 0), 3);
    assert_eq!(scans(4 * 1024 * MIB, 0), 4096, "and no more, however much memory there is");
    assert_eq!(scans(u64::MAX, 0), 4096);
    assert_eq!(scans(MIB, 17), 17, "unless somebody says so");
}

/// A future that was polled again and again, by a select or a join, left a waker behind at each poll.
#[test]
fn a_future_registers_once_however_often_it_is_polled() {
    use core::task::{Context, Waker};
    struct Idle;
    impl std::task::Wake for Idle {
        fn wake(self: std::sync::Arc<Self>) {}
    }
    let engine = engine(1);
    let idle = std::sync::Arc::new(Idle);
    let waker = Waker::from(std::sync::Arc::clone(&idle));
    let mut cx = Context::from_waker(&waker);
    let mut quiesce = core::pin::pin!(engine.quiesce());
    let mut persisted = core::pin::pin!(engine.persisted(VbId(0), Seqno(1)));
    for _ in 0..1_000 {
        assert!(quiesce.as_mut().poll(&mut cx).is_pending());
        assert!(persisted.as_mut().poll(&mut cx).is_pending());
    }
    // Ours, the waker's, and for each future its own and the one it has left.
    assert!(std::sync::Arc::strong_count(&idle) <= 6, "{}", std::sync::Arc::strong_count(&idle));
    put(&engine, 0, "a", "1");
    wait_persisted(&engine, 0, Seqno(1));
    assert!(persisted.as_mut().poll(&mut cx).is_ready());
    engine.shutdown();
    engine.quiesce_blocking(LONG).expect("nobody is stalled");
    assert!(quiesce.as_mut().poll(&mut cx).is_ready());
}

/// What `garbage_max` bounds was told without its plain memory, so that a full limit did not look like one.
#[test]
fn garbage_is_told_as_the_limit_counts_it() {
    let settings = EngineSettings { memory_bytes: 200_000, ..EngineSettings::default() };
    let builder = EngineBuilder::new(MemoryStore::new(1)).settings(settings);
    let engine = builder.open().expect("opens");
    let write = |n: u64, value: &str| loop {
        let mut session = engine.session("test");
        let key = format!("k{n}");
        let written = session.update(VbId(0), key.as_bytes(), None, |_| -> Decision<'_, ()> {
            Decision::Write(Change::set(value.as_bytes()))
        });
        match written {
            Ok(written) => break written.seqno,
            Err(UpdateError::Busy) => std::thread::yield_now(),
            Err(other) => panic!("{other:?}"),
        }
    };
    for n in 0..1_000 {
        let seqno = write(n, &"v".repeat(500));
        if n % 100 == 99 {
            wait_persisted(&engine, 0, seqno);
        }
    }
    let floor = engine.vbucket(VbId(0)).expect("exists").log_floor;
    assert!(floor > Seqno(200), "the first are in the store only: {floor}");
    let producer = connect(&engine, "c");
    let mut reader = producer.engine_parts().domain.reader("stays");
    let pin = reader.pin();
    // Each takes the place of meta data that the index kept of a version in the store.
    for n in 0..100 {
        let _ = write(n, "new");
    }
    let stats = engine.stats();
    assert!(stats.garbage_plain >= 64, "in batches of 32: {stats:?}");
    assert!(stats.garbage >= stats.garbage_plain);
    drop(pin);
}

/// The housekeeper went through every key of a vbucket under one pin, and nothing was reclaimed, named or told
/// meanwhile. What holds: it has its other work between two slices, with nothing pinned.
#[test]
fn the_housekeeper_does_its_other_work_while_it_looks_for_expired_documents() {
    const KEYS: u64 = 5_000;
    let engine = engine(1);
    let producer = connect(&engine, "c");
    let parts = producer.engine_parts();
    let partition = parts.partition(VbId(0)).expect("exists");
    for n in 0..KEYS {
        let change = Change { expiry: u32::from(n % 2 == 0), ..Change::set(&b"v"[..]) };
        let mut session = engine.session("test");
        let written = session.update(VbId(0), &n.to_be_bytes(), None, |_| -> Decision<'_, ()> {
            Decision::Write(change.clone())
        });
        written.expect("written");
    }
    let mut reader = parts.domain.reader("test");
    let mut turns = 0;
    super::housekeeper::expire(parts, partition, &mut reader, |reader| {
        turns += 1;
        let inside = engine.stalled(Duration::ZERO);
        assert!(inside.iter().all(|stalled| stalled.label != reader.label()), "{inside:?}");
    });
    assert!(turns >= KEYS / 1_024, "{turns} turns");
    let stats = engine.stats();
    assert_eq!((stats.items, stats.expired), (KEYS / 2, KEYS / 2));
}

#[test]
fn an_engine_is_who_it_was_after_failovers_and_another_start() {
    let store = std::sync::Arc::new(MemoryStore::new(1));
    let run = || {
        let engine = Engine::open(std::sync::Arc::clone(&store)).expect("opens");
        let before = engine.identity();
        // More than a failover log has entries.
        for _ in 0..30 {
            engine.fail_over(VbId(0)).expect("it is active");
        }
        assert_eq!(engine.identity(), before);
        engine.shutdown();
        engine.quiesce_blocking(Duration::from_secs(60)).expect("nobody stalls");
        before
    };
    let first = run();
    assert_eq!(run(), first);
    let other = Engine::open(MemoryStore::new(1)).expect("opens");
    assert_ne!(other.identity(), first);
}
