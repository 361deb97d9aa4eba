//! Writes, streams and their flow.

use super::*;

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
