//! What the embedder brings along panics on a thread of the engine's, or polls when it likes.

use super::gate::{DEADLINE, Hold, Party, Point};
use super::scene::{Client, block_on, engine, put, settle, states};
use super::store::{Call, SeamStore};
use crate::engine::EngineBuilder;
use crate::error::ErrorKind;
use crate::producer::{Departure, Step};
use crate::stream::StreamState;
use crate::types::{EndReason, Seqno, VbId, VbState};
use core::task::{Context, Waker};
use millstream_reclaim::sync::Tally;
use std::sync::Arc;
use std::task::Wake;

/// The flusher's thread was gone, and everybody who waited for a commit or for the end slept for ever; writers went on
/// writing what nobody persisted. What holds: the engine is shut down, nobody waits, and the report says why; also if
/// the observer of errors panics as well.
#[test]
fn a_commit_that_panics_ends_the_engine_and_nobody_waits() {
    for observer_panics in [false, true] {
        let store = SeamStore::empty(1);
        let builder = EngineBuilder::new(Arc::clone(&store));
        let engine = builder.on_error(move |error| {
            assert!(!observer_panics, "an observer with a bug: {error}");
        });
        let engine = engine.open().expect("a memory store opens");
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        client.open(0);
        store.panic_at(Call::Commit);
        let seqno = put(&engine, 0, "a", b"1");
        assert!(!block_on(engine.persisted(VbId(0), seqno)), "it is not");
        let report = engine.quiesce_blocking(DEADLINE).expect("nobody is inside");
        let failure = report.failure.expect("it says why");
        assert!(!report.clean && failure.contains("a store with a bug"), "{failure}");
        let refused = engine.session("test").set(b"b", b"2");
        assert!(refused.is_err_and(|e| e.kind() == ErrorKind::Closed), "nobody would persist it");
        assert_eq!(client.step(), Step::Gone(Departure::Closed));
        drop(client);
        assert!(watch.is_destroyed());
    }
}

struct Faulty;

impl Wake for Faulty {
    fn wake(self: Arc<Self>) {
        panic!("a waker with a bug");
    }
}

/// A waker that panics took the flusher with it, and the wakers behind it.
#[test]
fn a_waker_that_panics_keeps_nobody_from_being_woken() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let faulty = Waker::from(Arc::new(Faulty));
    let mut first = core::pin::pin!(engine.persisted(VbId(0), Seqno(1)));
    assert!(first.as_mut().poll(&mut Context::from_waker(&faulty)).is_pending());
    let committing = store.hold(Call::Commit);
    assert_eq!(put(&engine, 0, "a", b"1"), Seqno(1));
    committing.arrived();
    let second = engine.persisted(VbId(0), Seqno(1));
    let waiting = Party::start("second", &[], move || block_on(second));
    committing.release();
    assert!(waiting.finish(), "it is persisted");
    let seqno = put(&engine, 0, "b", b"2");
    assert!(block_on(engine.persisted(VbId(0), seqno)), "and the engine goes on");
    settle(engine, &[]);
}

struct Counted(Tally);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

/// A future that registered between the telling and the taking of the list was woken, found nothing, and took it that
/// it was still registered: nobody woke it again.
#[test]
fn a_registration_between_telling_and_waking() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let client = Client::connect(&engine, "c");
    let watch = client.watch();
    let parts = client.producer.engine_parts().clone();
    let woken = Arc::new(Counted(Tally::new()));
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let mut waiting = core::pin::pin!(engine.persisted(VbId(0), Seqno(1)));
    let told = Hold::at(Point::SignalTold);
    let telling = Party::start("flusher", &[&told], {
        let parts = parts.clone();
        move || parts.commits.notify()
    });
    told.arrived();
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    told.release();
    telling.finish();
    let count = || woken.0.count();
    assert_eq!(count(), 1, "it was taken");
    assert!(waiting.as_mut().poll(&mut cx).is_pending(), "and nothing was committed");
    parts.commits.notify();
    assert_eq!(count(), 2, "it is there again");
    drop((client, parts));
    settle(engine, &[watch]);
}

/// Steps a client until nothing is ready, and lets it be woken by this waker.
fn sleep(client: &mut Client, waker: &Waker) {
    while client.step() != Step::Idle {}
    assert!(client.producer.poll_ready(&mut Context::from_waker(waker)).is_pending());
}

/// A waker that panicked in a closer's hands took the closer out of its share of the streams: 448 of 1,024 streams of a
/// closed connection went on living, and no later closer looked at them.
#[test]
fn a_waker_that_panics_keeps_no_stream_from_being_closed() {
    const VBUCKETS: u16 = 1_024;
    let store = SeamStore::empty(u32::from(VBUCKETS));
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    (0..VBUCKETS).for_each(|vb| client.open(vb));
    sleep(&mut client, &Waker::from(Arc::new(Faulty)));
    assert_eq!(client.handle().close_all(), usize::from(VBUCKETS));
    assert!(states(&engine, "c").iter().all(|state| matches!(state, StreamState::Dead(_))));
    assert_eq!(client.step(), Step::Gone(Departure::Closed));
    drop(client);
    settle(engine, &[watch]);
}

/// The same waker in the hands of who changes a vbucket's state: other clients' streams went on under the new one.
#[test]
fn a_waker_that_panics_keeps_no_state_from_being_told() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let mut clients = ["a", "b"].map(|name| Client::connect(&engine, name));
    let watches = clients.each_ref().map(Client::watch);
    for client in &mut clients {
        client.open(0);
        sleep(client, &Waker::from(Arc::new(Faulty)));
    }
    engine.set_vbucket_state(VbId(0), VbState::Replica).expect("it exists");
    for client in &mut clients {
        client.run_until("the end", |inbox| inbox.ends(0) == [EndReason::StateChanged]);
    }
    drop(clients);
    settle(engine, &watches);
}

/// The same waker in the hands of a writer: who had parked behind that client was never woken again.
#[test]
fn a_waker_that_panics_keeps_no_reader_asleep() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let mut clients = ["a", "b", "c"].map(|name| Client::connect(&engine, name));
    let watches = clients.each_ref().map(Client::watch);
    let woken = Arc::new(Counted(Tally::new()));
    let wakers = [
        Waker::from(Arc::clone(&woken)),
        Waker::from(Arc::new(Faulty)),
        Waker::from(Arc::clone(&woken)),
    ];
    for (client, waker) in clients.iter_mut().zip(&wakers) {
        client.open(0);
        sleep(client, waker);
    }
    put(&engine, 0, "a", b"1");
    assert_eq!(woken.0.count(), 2, "the first and the last");
    for client in &mut clients {
        client.run_until("the document", |inbox| inbox.docs(0) == [1]);
    }
    drop(clients);
    settle(engine, &watches);
}
