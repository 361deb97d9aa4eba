//! I: messages that do not fit.

use super::gate::{Hold, Party, Point};
use super::scene::{Client, FOR_EVER, Got, engine, put, settle, states};
use super::store::SeamStore;
use crate::engine::Engine;
use crate::producer::{Departure, Step};
use crate::stream::StreamState;
use crate::types::{EndReason, VbId, VbState};

const DOCUMENTS: u64 = 20;

fn filled(engine: &Engine) {
    for n in 0..DOCUMENTS {
        put(engine, 0, &format!("k{n}"), b"v");
    }
}

/// A stream's end does not fit: the stream stays until it does, whatever comes meanwhile, and the end is told once,
/// before anything of the stream that follows.
#[test]
fn i1_an_end_that_does_not_fit() {
    for asked_again in [false, true] {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        filled(&engine);
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        client.inbox.room = Some(2);
        client.open(0);
        assert_eq!(client.step(), Step::Full);
        engine.set_vbucket_state(VbId(0), VbState::Replica).expect("exists");
        for _ in 0..3 {
            assert_eq!(client.step(), Step::Full);
            let changed = StreamState::Dead(EndReason::StateChanged);
            assert_eq!(states(&engine, "c"), [changed], "it is there until the end is told");
        }
        assert_eq!((client.producer.streams(), client.inbox.ends(0)), (1, vec![]));
        if asked_again {
            client.open(0);
            assert_eq!(client.step(), Step::Full);
            assert_eq!(client.inbox.ends(0), []);
        }
        client.inbox.room = Some(3);
        let _ = client.step();
        assert_eq!(client.inbox.of(0)[2], Got::End(EndReason::StateChanged), "as soon as it fits");
        client.inbox.room = None;
        let _ = client.step();
        assert_eq!(client.inbox.ends(0), [EndReason::StateChanged], "once");
        assert_eq!(client.producer.streams(), usize::from(asked_again));
        let documents = 1 + if asked_again { DOCUMENTS as usize } else { 0 };
        assert_eq!(client.inbox.docs(0).len(), documents);
        drop(client);
        settle(engine, &[watch]);
    }
}

/// A connection is closed while its owner is in the middle of telling a stream's end.
#[test]
fn i1_a_close_while_the_end_is_told() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let (watch, handle) = (client.watch(), client.handle());
    client.open(0);
    assert_eq!(client.step(), Step::Idle);
    engine.set_vbucket_state(VbId(0), VbState::Replica).expect("exists");
    let telling = client.inbox.hold_at(0);
    let owner = Party::start("owner", &[], move || {
        let _ = client.step();
        client
    });
    telling.arrived();
    assert_eq!(handle.close_all(), 0, "it had ended, for another reason");
    assert!(telling.is_holding());
    telling.release();
    let mut client = owner.finish();
    assert_eq!(client.step(), Step::Gone(Departure::Closed));
    assert_eq!(client.inbox.of(0), [Got::End(EndReason::StateChanged)], "told once");
    assert!(states(&engine, "c").is_empty() && client.producer.streams() == 0);
    drop((client, handle));
    settle(engine, &[watch]);
}

/// Every message of a stream in turn is the one that does not fit: it is sent when there is room, once, and the
/// connection lives.
#[test]
fn i2_each_message_that_does_not_fit_is_sent_later() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    filled(&engine);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    client.open(0);
    for room in 0..=DOCUMENTS as usize {
        client.inbox.room = Some(room);
        assert_eq!(client.step(), Step::Full, "room for {room}");
        assert_eq!((client.inbox.got.len(), client.handle().is_closed()), (room, false));
    }
    client.inbox.room = None;
    assert_eq!(client.step(), Step::Idle);
    assert_eq!(client.inbox.docs(0), (1..=DOCUMENTS).collect::<Vec<_>>());
    drop(client);
    settle(engine, &[watch]);
}

/// The window is shut, and the acknowledgement that opens it comes in each of the gaps of an owner that goes to sleep.
#[test]
fn i2_an_acknowledgement_between_the_look_and_the_sleep() {
    for gap in [Point::PollFoundNothing, Point::PollRegistered, Point::AboutToSleep] {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        filled(&engine);
        let mut client = Client::connect(&engine, "c");
        let (watch, handle) = (client.watch(), client.handle());
        client.control("connection_buffer_size", "100");
        client.open(0);
        assert_eq!(client.step(), Step::Full);
        let sent = client.inbox.docs(0).len();
        let held = Hold::at(gap);
        let owner = Party::start("owner", &[&held], move || {
            assert!(client.producer.wait(FOR_EVER));
            let _ = client.step();
            client
        });
        held.arrived();
        handle.ack(100);
        assert!(held.is_holding());
        held.release();
        let client = owner.finish();
        assert!(client.inbox.docs(0).len() > sent, "{gap:?}: it went on");
        drop((client, handle));
        settle(engine, &[watch]);
    }
}
