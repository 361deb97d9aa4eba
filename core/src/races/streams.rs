//! B: requests, streams and the state of their vbucket against each other.

use super::gate::{Hold, Party, Point};
use super::scene::{Client, Got, engine, put, settle, states};
use super::store::{Call, SeamStore};
use crate::producer::{CloseOutcome, Step};
use crate::stream::{Refusal, StreamRequest, StreamState};
use crate::types::{EndReason, Opaque, Seqno, Sid, VbId, VbState};

const CHANGED: StreamState = StreamState::Dead(EndReason::StateChanged);

/// The vbucket changes its state, and its history branches off, while a request is between its checks and its
/// stream: the request is refused, or its stream is ended; none goes on under a history that it was not checked
/// against.
#[test]
fn b1_a_request_across_a_change_of_state() {
    for point in [Point::RequestChecked, Point::RequestClaimed, Point::RequestValidated] {
        for branches_off in [false, true] {
            let store = SeamStore::empty(1);
            let engine = engine(&store);
            put(&engine, 0, "a", b"1");
            let mut client = Client::connect(&engine, "c");
            let watch = client.watch();
            let held = Hold::at(point);
            let owner = Party::start("request", &[&held], move || {
                let outcome = client.request(0);
                (client, outcome)
            });
            held.arrived();
            engine.set_vbucket_state(VbId(0), VbState::Replica).expect("exists");
            let now = if branches_off { VbState::Active } else { VbState::Replica };
            engine.set_vbucket_state(VbId(0), now).expect("exists");
            let entries = engine.failover_log(VbId(0)).expect("exists").len();
            assert_eq!(entries, if branches_off { 2 } else { 1 });
            assert!(held.is_holding());
            held.release();
            let (mut client, outcome) = owner.finish();
            if point == Point::RequestValidated {
                assert_eq!(outcome.expect("it was in time").len(), 1, "with the log of its checks");
                client.run_until("the end", |inbox| !inbox.ends(0).is_empty());
                assert_eq!(client.inbox.of(0), [Got::End(EndReason::StateChanged)]);
            } else {
                assert_eq!(outcome, Err(Refusal::NotStreamable(now)), "{point:?}");
                let _ = client.step();
                assert!(client.inbox.got.is_empty(), "there is no stream of which to tell");
            }
            assert!(states(&engine, "c").is_empty() && client.producer.streams() == 0);
            assert_eq!(client.request(0).expect("asked anew").len(), entries, "the new history");
            client.run_until("the document", |inbox| inbox.docs(0) == [1]);
            drop(client);
            settle(engine, &[watch]);
        }
    }
}

/// The vbucket goes dead and comes back while a request that resumes is under way: a partition is made once and
/// stays where it is, and its version tells the request that it was overtaken.
#[test]
fn b2_a_vbucket_goes_and_comes_back_under_a_request() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    for n in 0..5 {
        put(&engine, 0, &format!("k{n}"), b"v");
    }
    let uuid = engine.failover_log(VbId(0)).expect("exists")[0].uuid;
    let resumes = StreamRequest {
        start: Seqno(5),
        snap_start: Seqno(5),
        snap_end: Seqno(5),
        uuid,
        ..StreamRequest::from_zero()
    };
    let mut client = Client::connect(&engine, "c");
    let (watch, parts) = (client.watch(), client.producer.engine_parts().clone());
    let before = core::ptr::from_ref(parts.partition(VbId(0)).expect("exists"));
    let held = Hold::at(Point::RequestChecked);
    let owner = Party::start("request", &[&held], {
        let request = resumes.clone();
        move || {
            let outcome = client.producer.stream_request(VbId(0), Opaque(1), &request);
            (client, outcome)
        }
    });
    held.arrived();
    for state in [VbState::Dead, VbState::Active] {
        engine.set_vbucket_state(VbId(0), state).expect("exists");
    }
    let after = core::ptr::from_ref(parts.partition(VbId(0)).expect("exists"));
    assert!(core::ptr::eq(before, after), "it is the same partition");
    assert!(held.is_holding());
    held.release();
    let (mut client, outcome) = owner.finish();
    assert_eq!(outcome, Err(Refusal::NotStreamable(VbState::Active)));
    let anew = client.producer.stream_request(VbId(0), Opaque(2), &resumes);
    assert_eq!(anew.expect("the branch point is its own").len(), 2);
    put(&engine, 0, "new", b"v");
    client.run_until("the next document", |inbox| inbox.docs(0) == [6]);
    drop((client, parts));
    settle(engine, &[watch]);
}

/// The vbucket goes dead when a request has its slot and no stream yet: nothing was scheduled before the stream was
/// there, and nothing is after.
#[test]
fn b3_nothing_is_read_for_a_stream_that_is_not_there_yet() {
    for point in [Point::RequestClaimed, Point::RequestValidated] {
        let store = SeamStore::filled(1, 10);
        let engine = engine(&store);
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        let held = Hold::at(point);
        let owner = Party::start("request", &[&held], move || {
            let outcome = client.request(0);
            (client, outcome)
        });
        held.arrived();
        let [snapshot] = &engine.connections()[..] else { panic!("one connection") };
        let counts = snapshot.backfills.expect("open");
        assert_eq!((counts.initializing, counts.active, counts.pending), (0, 0, 0));
        engine.set_vbucket_state(VbId(0), VbState::Dead).expect("exists");
        assert_eq!(states(&engine, "c"), [CHANGED], "it has an end before it has a beginning");
        held.release();
        let (mut client, outcome) = owner.finish();
        let _ = client.step();
        assert_eq!(outcome.is_ok(), point == Point::RequestValidated);
        assert_eq!(client.inbox.ends(0).len(), usize::from(outcome.is_ok()), "told if accepted");
        assert_eq!((store.count(Call::Scan(0)), client.producer.streams()), (0, 0));
        drop(client);
        settle(engine, &[watch]);
    }
}

/// A second request for a vbucket comes while a worker reads for the first: it is refused before it has done
/// anything, and the living stream has every document once.
#[test]
fn b4_a_refused_request_takes_nothing_from_the_living_stream() {
    let store = SeamStore::filled(1, 100);
    store.slice_items(10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let reading = store.hold(Call::Next(0));
    client.open(0);
    let _ = client.step();
    reading.arrived();
    assert_eq!(client.request(0), Err(Refusal::StreamExists));
    assert_eq!(states(&engine, "c"), [StreamState::Backfilling]);
    assert!(reading.is_holding());
    reading.release();
    client.run_until("every document", |inbox| inbox.docs(0).len() >= 100);
    assert_eq!(client.inbox.docs(0), (1..=100).collect::<Vec<_>>());
    assert_eq!(store.count(Call::Scan(0)), 1, "one scan");
    drop(client);
    settle(engine, &[watch]);
}

/// A change of state comes upon several streams of one vbucket, one of which is closed meanwhile, and a newcomer:
/// each ends once, for what came first; the newcomer finds the new state.
#[test]
fn b5_a_change_of_state_ends_every_stream() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let mut clients: Vec<_> = (0..3).map(|n| Client::connect(&engine, &format!("c{n}"))).collect();
    let mut watches: Vec<_> = clients.iter().map(Client::watch).collect();
    for client in &mut clients {
        client.open(0);
    }
    // One of them has several on it, of which one is closed before.
    let mut by_id = Client::connect(&engine, "by id");
    watches.push(by_id.watch());
    by_id.control("enable_stream_id", "true");
    for sid in 1..=4 {
        let request = StreamRequest { sid: Some(Sid(sid)), ..StreamRequest::from_zero() };
        by_id.producer.stream_request(VbId(0), Opaque(1), &request).expect("accepted");
    }
    assert_eq!(by_id.producer.close_stream(VbId(0), Some(Sid(3))), CloseOutcome::Closed);
    let published = Hold::at(Point::StatePublished);
    let change = Party::start("state change", &[&published], {
        let engine = engine.clone();
        move || engine.set_vbucket_state(VbId(0), VbState::Dead)
    });
    published.arrived();
    let mut newcomer = Client::connect(&engine, "newcomer");
    watches.push(newcomer.watch());
    assert_eq!(newcomer.request(0), Err(Refusal::NotStreamable(VbState::Dead)));
    assert_eq!(clients[1].handle().close_all(), 1, "it ends first");
    assert!(published.is_holding());
    published.release();
    change.finish().expect("exists");
    let disconnected = StreamState::Dead(EndReason::Disconnected);
    for (n, expected) in [CHANGED, disconnected, CHANGED].into_iter().enumerate() {
        assert_eq!(states(&engine, &format!("c{n}")), [expected], "the first reason");
        let _ = clients[n].step();
        let _ = clients[n].step();
        let told = if n == 1 { vec![] } else { vec![EndReason::StateChanged] };
        assert_eq!(clients[n].inbox.ends(0), told, "told once, or gone");
    }
    assert_eq!(states(&engine, "by id"), [CHANGED; 3]);
    let _ = by_id.step();
    assert_eq!(by_id.inbox.ends(0), [EndReason::StateChanged; 3], "each of them");
    drop((clients, newcomer, by_id));
    settle(engine, &watches);
}

/// A stream is ended while its owner is in the middle of sending one of its documents, from the log or from a
/// backfill: that one goes out, then the end, and nothing behind it.
#[test]
fn b12_nothing_is_sent_behind_the_end() {
    for from_store in [false, true] {
        let store = if from_store { SeamStore::filled(1, 100) } else { SeamStore::empty(1) };
        let engine = engine(&store);
        if !from_store {
            for n in 0..100 {
                put(&engine, 0, &format!("k{n}"), b"v");
            }
        }
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        let sending = client.inbox.hold_at(5);
        client.open(0);
        let owner = Party::start("owner", &[], move || {
            client.run_until("the end", |inbox| !inbox.ends(0).is_empty());
            client
        });
        sending.arrived();
        engine.set_vbucket_state(VbId(0), VbState::Replica).expect("exists");
        assert_eq!(states(&engine, "c"), [CHANGED]);
        assert!(sending.is_holding());
        sending.release();
        let mut client = owner.finish();
        let _ = client.step();
        let all = client.inbox.of(0);
        assert_eq!(all.len(), 7, "a marker, five documents, the end: {all:?}");
        assert_eq!(client.inbox.docs(0), [1, 2, 3, 4, 5]);
        assert_eq!(all[6], Got::End(EndReason::StateChanged));
        drop(client);
        settle(engine, &[watch]);
    }
}

/// A vbucket is streamed anew while a worker still reads for the stream before: what the old scan reads goes to
/// nobody, and the new stream has every document once.
#[test]
fn b13_an_old_backfill_and_a_new_stream() {
    let store = SeamStore::filled(1, 100);
    store.slice_items(10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let reading = store.hold(Call::Next(0));
    client.open(0);
    let _ = client.step();
    reading.arrived();
    assert_eq!(client.producer.close_stream(VbId(0), None), CloseOutcome::Closed);
    client.inbox.got.clear();
    client.open(0);
    let _ = client.step();
    assert_eq!(states(&engine, "c"), [StreamState::Backfilling], "the new one");
    assert!(reading.is_holding(), "the old one's worker");
    reading.release();
    client.run_until("every document", |inbox| inbox.docs(0).len() >= 100);
    let _ = client.step();
    assert_eq!(client.inbox.docs(0), (1..=100).collect::<Vec<_>>(), "each once");
    assert_eq!(store.count(Call::Scan(0)), 2);
    assert!(client.inbox.ends(0).is_empty());
    drop(client);
    settle(engine, &[watch]);
}

/// A seqno that came to nothing, in front of a stream that waits for the next one: nothing is announced for it, and the
/// stream goes on behind it.
#[test]
fn what_is_no_item_makes_no_snapshot() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    client.open(0);
    put(&engine, 0, "a", b"1");
    client.run_until("the first", |inbox| inbox.docs(0) == [1]);
    let parts = client.producer.engine_parts().clone();
    {
        let mut reader = parts.domain.reader("writer");
        let (pin, partition) = (reader.pin(), parts.partition(VbId(0)).expect("it exists"));
        let history = partition.history(&pin);
        let reservation = history.log.reserve(&pin).expect("there is room");
        assert_eq!(reservation.seqno(), Seqno(2));
        drop(reservation);
        partition.published();
    }
    let before = client.inbox.got.len();
    while client.step() != Step::Idle {}
    assert_eq!(client.inbox.got.len(), before, "nothing for nothing: {:?}", client.inbox.got);
    put(&engine, 0, "b", b"2");
    client.run_until("the next", |inbox| inbox.docs(0) == [1, 3]);
    let all = client.inbox.of(0);
    assert!(matches!(all[2], Got::Marker(_, 3)), "one marker, up to what there is: {all:?}");
    assert_eq!(all.len(), 4, "{all:?}");
    drop((client, parts));
    settle(engine, &[watch]);
}
