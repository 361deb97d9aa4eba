//! Ends of streams, connections and engines, and what the next branch or start finds.

use super::*;

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
