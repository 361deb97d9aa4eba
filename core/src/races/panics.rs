//! What the embedder brings along panics on a thread of the engine's, or polls when it likes.

use super::gate::{DEADLINE, Hold, Party, Point};
use super::scene::{Client, block_on, engine, put, settle};
use super::store::{Call, SeamStore};
use crate::engine::EngineBuilder;
use crate::error::ErrorKind;
use crate::producer::{Departure, Step};
use crate::types::{Seqno, VbId};
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
