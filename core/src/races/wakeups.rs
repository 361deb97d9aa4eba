//! C: lost wake-ups. Each test puts what wakes into the gap between a look and the sleep that follows it; nothing
//! else comes afterwards, so that who misses it sleeps for ever and fails the test.

use super::gate::{Hold, Party, Point, until};
use super::scene::{Client, FOR_EVER, engine, put, settle, states};
use super::store::{Call, SeamStore};
use crate::producer::{Departure, OpenOptions, Step};
use crate::ready::ReadySet;
use crate::stream::{Refusal, StreamRequest, StreamState};
use crate::types::{EndReason, Opaque, VbId};
use std::sync::Arc;

/// The gaps of an owner that goes to sleep.
const GAPS: [Point; 3] = [Point::PollFoundNothing, Point::PollRegistered, Point::AboutToSleep];

/// A write comes when a stream has found nothing to send and has not said so yet.
#[test]
fn c1_a_write_between_the_look_and_the_parking() {
    for gap in [Point::FoundLogEmpty, Point::LookedAgain] {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        client.open(0);
        let held = Hold::at(gap);
        let owner = Party::start("owner", &[&held], move || {
            client.run_until("the document", |inbox| !inbox.docs(0).is_empty());
            client
        });
        held.arrived();
        put(&engine, 0, "a", b"1");
        assert!(held.is_holding());
        held.release();
        let client = owner.finish();
        assert_eq!(client.inbox.docs(0), [1], "{gap:?}");
        drop(client);
        settle(engine, &[watch]);
    }
}

/// A write comes during a backfill, when nobody is parked for it: the stream looks at the log as soon as the backfill
/// is over.
#[test]
fn c2_a_write_during_a_backfill() {
    for last_slice_is_out in [false, true] {
        let store = SeamStore::filled(1, 10);
        let engine = engine(&store);
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        let delivered = Hold::at(Point::DeliveredLastSlice);
        let held = if last_slice_is_out {
            store.hold_worker(&delivered);
            delivered
        } else {
            store.hold(Call::Next(0))
        };
        client.open(0);
        let _ = client.step();
        held.arrived();
        assert_eq!(states(&engine, "c"), [StreamState::Backfilling]);
        assert_eq!(put(&engine, 0, "new", b"1").0, 11);
        assert!(held.is_holding());
        held.release();
        client.run_until("the write", |inbox| inbox.docs(0).contains(&11));
        assert_eq!(client.inbox.docs(0), (1..=11).collect::<Vec<_>>());
        drop(client);
        settle(engine, &[watch]);
    }
}

/// A backfill comes to its end when its stream has found nothing delivered and is about to say so.
#[test]
fn c3_a_backfill_ends_between_the_look_and_the_pause() {
    let store = SeamStore::filled(1, 10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let (opening, reading) = (store.hold(Call::Scan(0)), store.hold(Call::Next(0)));
    client.open(0);
    let _ = client.step();
    opening.arrived();
    let held = Hold::at(Point::FoundOutboxEmpty);
    let owner = Party::start("owner", &[&held], move || {
        client.run_until("every document", |inbox| inbox.docs(0).len() >= 10);
        client
    });
    opening.release();
    reading.arrived();
    held.arrived();
    reading.release();
    until("the backfill is over", || engine.stats().backfills == 0);
    assert!(held.is_holding());
    held.release();
    let client = owner.finish();
    assert_eq!(client.inbox.docs(0), (1..=10).collect::<Vec<_>>());
    drop(client);
    settle(engine, &[watch]);
}

/// A write comes in each of the gaps of an owner that goes to sleep.
#[test]
fn c4_a_write_between_the_look_and_the_sleep() {
    for gap in GAPS {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        client.open(0);
        assert_eq!(client.step(), Step::Idle);
        let held = Hold::at(gap);
        let owner = Party::start("owner", &[&held], move || {
            assert!(client.producer.wait(FOR_EVER));
            let _ = client.step();
            client
        });
        held.arrived();
        put(&engine, 0, "a", b"1");
        assert!(held.is_holding());
        held.release();
        let client = owner.finish();
        assert_eq!(client.inbox.docs(0), [1], "{gap:?}");
        drop(client);
        settle(engine, &[watch]);
    }
}

/// Members are marked while the taker takes the last one out: the set is not left empty-looking with a member in it.
#[test]
fn c5_a_mark_while_the_last_is_taken() {
    for gap in [Point::TookBit, Point::ClearedSummary] {
        let set = Arc::new(ReadySet::new(200));
        set.mark(3);
        let held = Hold::at(gap);
        let taking = Party::start("taker", &[&held], {
            let set = Arc::clone(&set);
            move || set.take(&mut 0)
        });
        held.arrived();
        set.mark(3);
        set.mark(5);
        assert!(held.is_holding());
        held.release();
        assert_eq!(taking.finish(), Some(3));
        assert!(set.any(), "{gap:?}: the marks are seen");
        let mut cursor = 0;
        let left: Vec<_> = core::iter::from_fn(|| set.take(&mut cursor)).collect();
        assert_eq!(left, [3, 5], "marked again after it was taken, and newly marked");
        assert!(!set.any());
    }
}

/// A stream of what the store has ends while its owner goes to sleep; no write ever comes.
#[test]
fn c7_the_end_of_a_disk_only_stream_wakes_its_owner() {
    for gap in GAPS {
        let store = SeamStore::filled(1, 10);
        let engine = engine(&store);
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        let reading = store.hold(Call::Next(0));
        client.open_disk_only(0);
        let held = Hold::at(gap);
        let owner = Party::start("owner", &[&held], move || {
            client.run_until("the end", |inbox| !inbox.ends(0).is_empty());
            client
        });
        reading.arrived();
        held.arrived();
        reading.release();
        until("the backfill is over", || engine.stats().backfills == 0);
        assert!(held.is_holding());
        held.release();
        let client = owner.finish();
        assert_eq!(client.inbox.docs(0), (1..=10).collect::<Vec<_>>(), "{gap:?}");
        assert_eq!(client.inbox.ends(0), [EndReason::Ok]);
        drop(client);
        settle(engine, &[watch]);
    }
}

/// A connection is closed when it is in the roster and its owner does not have it yet: the owner finds out at its
/// first look, for what woke nobody is written down.
#[test]
fn c14_a_close_before_the_owner_has_its_connection() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let added = Hold::at(Point::ConnectionAdded);
    let opening = Party::start("connect", &[&added], {
        let engine = engine.clone();
        move || engine.connect("c", OpenOptions::default())
    });
    added.arrived();
    assert_eq!(engine.connections().len(), 1, "others see it");
    engine.shutdown();
    assert!(added.is_holding());
    added.release();
    let mut producer = opening.finish().expect("it was in time");
    let request = StreamRequest::from_zero();
    assert_eq!(producer.stream_request(VbId(0), Opaque(1), &request), Err(Refusal::Closed));
    assert!(producer.wait(FOR_EVER));
    let mut client = Client { producer, inbox: Default::default() };
    assert_eq!(client.step(), Step::Gone(Departure::Closed));
    drop(client);
    settle(engine, &[]);
}
