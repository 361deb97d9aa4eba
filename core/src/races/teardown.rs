//! A: teardown against everything else.

use super::gate::{Hold, Party, Point, until};
use super::scene::{Client, FOR_EVER, engine, engine_with, has_manager, put, settle, states};
use super::store::{Call, SeamStore};
use crate::engine::Engine;
use crate::error::ErrorKind;
use crate::producer::{ConnectionHandle, Departure, OpenOptions, Step};
use crate::stream::{Refusal, StreamState};
use crate::types::{EndReason, VbId, VbState};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Wake, Waker};

const DISCONNECTED: StreamState = StreamState::Dead(EndReason::Disconnected);

/// Two closers, the shutdown's and the connection's own, are both in the middle of closing while the owner is inside
/// the manager and a worker reads the store for another stream. Whichever closer comes first takes the manager; the
/// owner goes on with it.
#[test]
fn a1_two_closers_and_a_stream_in_flight() {
    for shutdown_is_first in [true, false] {
        let store = SeamStore::filled(2, 100);
        let engine = engine(&store);
        let mut client = Client::connect(&engine, "c");
        let (watch, handle) = (client.watch(), client.handle());

        // One stream is being read for by a worker; the other is handed in, and the owner is inside the manager.
        let reading = store.hold(Call::Next(0));
        client.open(0);
        assert_eq!(client.step(), Step::Idle);
        reading.arrived();
        client.open(1);
        let inside = Hold::at(Point::HoldsManager);
        let owner = Party::start("owner", &[&inside], move || {
            let step = client.step();
            (client, step)
        });
        inside.arrived();
        let living = [StreamState::Backfilling; 2];
        assert_eq!(states(&engine, "c"), living);

        // The first closer has ended the streams and not yet taken the manager.
        let ended = Hold::at(Point::CloserEndedStreams);
        let closers: [Box<dyn FnOnce() -> usize + Send>; 2] = {
            let (engine, handle) = (engine.clone(), handle.clone());
            [
                Box::new(move || {
                    engine.shutdown();
                    0
                }),
                Box::new(move || handle.close_all()),
            ]
        };
        let [shutdown, disconnect] = closers;
        let (first, second) =
            if shutdown_is_first { (shutdown, disconnect) } else { (disconnect, shutdown) };
        let first = Party::start("first closer", &[&ended], first);
        ended.arrived();
        assert_eq!(states(&engine, "c"), [DISCONNECTED; 2], "both have ended");
        assert!(has_manager(&engine, "c"), "and the manager is still there");

        // The second goes right through, takes the manager, and ends nothing again.
        assert_eq!(Party::start("second closer", &[], second).finish(), 0);
        assert!(!has_manager(&engine, "c"), "the second closer took it");
        assert!(ended.is_holding() && inside.is_holding() && reading.is_holding());
        assert!(!watch.is_destroyed(), "the owner is inside");

        ended.release();
        let by_first = first.finish();
        assert!(by_first == if shutdown_is_first { 0 } else { 2 }, "{by_first}");
        assert!(!watch.is_destroyed(), "the owner is inside still");
        inside.release();
        let (mut client, _) = owner.finish();
        assert_eq!(client.step(), Step::Gone(Departure::Closed));
        assert_eq!(handle.close_all(), 0, "nothing ends twice");
        for vb in [0, 1] {
            let (docs, ends) = (client.inbox.docs(vb), client.inbox.ends(vb));
            assert!(docs.is_empty() && ends.is_empty(), "a disconnected stream tells no end");
        }
        reading.release();
        drop((client, handle));
        settle(engine, &[watch]);
    }
}

/// Everybody who looks at the manager does so across a whole close, and has it until it is done with it.
#[test]
fn a2_readers_of_the_manager_across_a_close() {
    type Reader = fn(&Engine, Client) -> Option<Client>;
    let stats: Reader = |engine, client| {
        let [snapshot] = &engine.connections()[..] else { panic!("one connection") };
        assert!(snapshot.backfills.is_some(), "it had looked before");
        Some(client)
    };
    let control: Reader = |_, mut client| {
        client.control("backfill_order", "sequential");
        Some(client)
    };
    let step: Reader = |_, mut client| {
        let _ = client.step();
        Some(client)
    };
    for (name, reader) in [("stats", stats), ("control", control), ("step", step)] {
        let store = SeamStore::filled(1, 10);
        let engine = engine(&store);
        let mut client = Client::connect(&engine, "c");
        let (watch, handle) = (client.watch(), client.handle());
        client.open(0);
        let inside = Hold::at(Point::HoldsManager);
        let reading = Party::start(name, &[&inside], {
            let engine = engine.clone();
            move || reader(&engine, client)
        });
        inside.arrived();
        assert_eq!(handle.close_all(), 1);
        assert!(!has_manager(&engine, "c") && inside.is_holding() && !watch.is_destroyed());
        inside.release();
        drop((reading.finish(), handle));
        settle(engine, &[watch]);
    }
}

/// The same with the worker, which gives a backfill back to a manager that was taken away meanwhile.
#[test]
fn a2_the_worker_across_a_close() {
    let store = SeamStore::filled(1, 10);
    store.slice_items(1);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let (watch, handle) = (client.watch(), client.handle());
    let inside = Hold::at(Point::HoldsManager);
    store.hold_worker(&inside);
    client.open(0);
    assert_eq!(client.step(), Step::Idle);
    inside.arrived();
    assert_eq!(store.count(Call::Next(0)), 1, "it has read a slice, and gives the backfill back");
    assert_eq!(handle.close_all(), 1);
    drop(client);
    assert!(inside.is_holding() && !watch.is_destroyed());
    inside.release();
    drop(handle);
    settle(engine, &[watch]);
    assert_eq!(store.count(Call::Next(0)), 1, "nothing more was read");
}

/// A request that was found in order is overtaken by a whole shutdown at each of its steps: it is refused, or its
/// stream is ended by the closer; it never lives behind the closer.
#[test]
fn a3_a_request_across_a_shutdown() {
    for point in [Point::RequestChecked, Point::RequestClaimed, Point::RequestValidated] {
        for block_is_there in [false, true] {
            let store = SeamStore::filled(2, 10);
            let engine = engine(&store);
            let mut client = Client::connect(&engine, "c");
            let (watch, handle) = (client.watch(), client.handle());
            if block_is_there {
                client.open(1);
            }
            let held = Hold::at(point);
            let owner = Party::start("request", &[&held], move || {
                let outcome = client.request(0);
                (client, outcome)
            });
            held.arrived();
            let ended = handle.close_all();
            let claimed = point != Point::RequestChecked;
            assert_eq!(ended, usize::from(claimed) + usize::from(block_is_there), "{point:?}");
            engine.shutdown();
            assert!(held.is_holding());
            held.release();
            let (mut client, outcome) = owner.finish();
            if claimed {
                assert!(outcome.is_ok(), "accepted, and ended already: {outcome:?}");
            } else {
                assert_eq!(outcome, Err(Refusal::Closed));
            }
            assert!(states(&engine, "c").iter().all(|state| *state == DISCONNECTED));
            assert_eq!(handle.close_all(), 0, "a second close meets no living stream");
            assert_eq!(client.step(), Step::Gone(Departure::Closed));
            assert_eq!(store.count(Call::Scan(0)), 0, "nothing is read for it");
            drop((client, handle));
            settle(engine, &[watch]);
        }
    }
}

/// A shutdown has begun and not come to this connection: a request is still accepted, and its stream is ended when
/// it comes. After that, requests are refused.
#[test]
fn a4_a_request_after_a_shutdown_began() {
    let store = SeamStore::filled(2, 10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let sweeping = Hold::at(Point::HoldsRoster);
    let shutdown = Party::start("shutdown", &[&sweeping], {
        let engine = engine.clone();
        move || engine.shutdown()
    });
    sweeping.arrived();
    let late = engine.connect("late", OpenOptions::default());
    assert!(late.is_err_and(|e| e.kind() == ErrorKind::Closed), "it has begun");
    client.open(0);
    assert_eq!(states(&engine, "c"), [StreamState::Pending]);
    sweeping.release();
    shutdown.finish();
    assert_eq!(states(&engine, "c"), [DISCONNECTED], "the sweep ended it");
    assert_eq!(client.request(1), Err(Refusal::Closed));
    assert_eq!(client.handle().close_all(), 0);
    assert_eq!(client.step(), Step::Gone(Departure::Closed));
    drop(client);
    settle(engine, &[watch]);
}

/// Others hold a stream's slot, or the connection, while it is closed, its owner leaves, and it is out of the roster.
#[test]
fn a5_a_stream_in_hand_across_its_end() {
    let store = SeamStore::filled(1, 10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    client.open(0);
    let in_hand = Hold::at(Point::HoldsSlot);
    let change = Party::start("state change", &[&in_hand], {
        let engine = engine.clone();
        move || engine.set_vbucket_state(VbId(0), VbState::Replica)
    });
    in_hand.arrived();
    assert_eq!(client.handle().close_all(), 1);
    drop(client);
    assert!(engine.connections().is_empty(), "it has left");
    assert!(in_hand.is_holding() && !watch.is_freed(), "but whoever is inside has it");
    in_hand.release();
    change.finish().expect("the vbucket changes");
    settle(engine, &[watch]);
}

#[test]
fn a5_an_acknowledgement_across_the_end() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let (watch, handle) = (client.watch(), client.handle());
    client.control("connection_buffer_size", "50");
    for n in 0..9 {
        put(&engine, 0, &format!("k{n}"), b"value");
    }
    client.open(0);
    assert_eq!(client.step(), Step::Full);
    let acknowledged = Hold::at(Point::AckOpenedWindow);
    let acking = Party::start("ack", &[&acknowledged], move || handle.ack(100));
    acknowledged.arrived();
    assert_eq!(client.handle().close_all(), 1);
    drop(client);
    assert!(engine.connections().is_empty() && acknowledged.is_holding());
    acknowledged.release();
    acking.finish();
    settle(engine, &[watch]);
}

/// Streams are closed while their backfills wait and none of them can run, first because the worker is busy, then
/// because the buffer is full and nobody drains it: the backfills go as soon as a worker comes by, unread. And a close
/// with a backfill in every hand waits for none of them.
#[test]
fn a6_closed_streams_leave_no_backfill_behind() {
    const CLOSED: usize = 50;
    let store = SeamStore::filled(2, 10);
    store.slice_items(1);
    let engine = engine_with(&store, |settings| {
        settings.backfill_workers = 1;
        settings.backfill_buffer_bytes = 1;
    });
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let reading = store.hold(Call::Next(0));
    client.open(0);
    assert_eq!(client.step(), Step::Idle);
    reading.arrived();
    // Each outbox names the ready set, and so does each backfill by its outbox.
    let ready = Arc::clone(&client.producer.connection().ready);
    let before = Arc::strong_count(&ready);
    for _ in 0..CLOSED {
        client.open(1);
        let _ = client.step();
        client.producer.close_stream(VbId(1), None);
    }
    assert!(reading.is_holding(), "nothing ran meanwhile");
    assert_eq!(Arc::strong_count(&ready), before + CLOSED, "their backfills are there");
    reading.release();
    let counts = || engine.connections()[0].backfills.expect("it is open");
    until("the buffer is full", || counts().buffer_full);
    until("what was closed is gone", || Arc::strong_count(&ready) == before);
    assert_eq!((counts().initializing, counts().pending), (0, 0));
    assert!(counts().buffer_full, "still nothing can run");
    assert_eq!(store.count(Call::Scan(1)), 0, "and none was read");

    let reading = store.hold(Call::Next(0));
    client.run_until("some documents", |inbox| inbox.docs(0).len() == 1);
    reading.arrived();
    assert_eq!(client.handle().close_all(), 1, "while a worker reads");
    drop((client, ready));
    reading.release();
    settle(engine, &[watch]);
}

/// Statistics have the roster in hand while a connection of it is closed and leaves: it is told as it is now.
#[test]
fn a9_stats_across_a_close() {
    let store = SeamStore::filled(1, 10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    client.open(0);
    let looking = Hold::at(Point::HoldsRoster);
    let stats = Party::start("stats", &[&looking], {
        let engine = engine.clone();
        move || engine.connections()
    });
    looking.arrived();
    assert_eq!(client.handle().close_all(), 1);
    drop(client);
    assert!(engine.connections().is_empty() && looking.is_holding());
    looking.release();
    let [snapshot] = &stats.finish()[..] else { panic!("the connection of the roster in hand") };
    assert!(snapshot.pending_disconnect && snapshot.backfills.is_none(), "{snapshot:?}");
    assert!(snapshot.streams.iter().all(|stream| stream.state == DISCONNECTED));
    settle(engine, &[watch]);
}

/// A worker is in the middle of a run when the last stream, the connection and the manager itself go. The manager is
/// destroyed meanwhile, by the reaper; the run ends with what is its own.
#[test]
fn a11_the_manager_goes_during_its_own_run() {
    let store = SeamStore::filled(2, 100);
    store.slice_items(10);
    let engine = engine_with(&store, |settings| settings.backfill_workers = 1);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    // A turn begins behind the cursor, so that vbucket 1 is first.
    let (first, second) = (store.hold(Call::Next(1)), store.hold(Call::Next(0)));
    client.open(0);
    client.open(1);
    assert_eq!(client.step(), Step::Idle);
    first.arrived();
    first.release();
    second.arrived();
    // The backfill of vbucket 1 is in the manager's list, that of vbucket 0 with the worker.
    assert!(store.dropped_on().is_empty());
    assert_eq!(client.handle().close_all(), 2);
    drop(client);
    until("the manager is destroyed", || !store.dropped_on().is_empty());
    assert!(second.is_holding(), "in the middle of the run");
    assert_eq!(store.dropped_on(), ["millstream-housekeeper"], "and not by a closer");
    second.release();
    until("the run ends", || store.dropped_on().len() == 2);
    assert_eq!(store.dropped_on()[1], "millstream-backfill-0");
    settle(engine, &[watch]);
}

/// A shutdown comes between an owner's decision to sleep and its sleep, with a stream and without.
#[test]
fn a15_an_idle_owner_across_a_shutdown() {
    for point in [Point::PollFoundNothing, Point::PollRegistered, Point::AboutToSleep] {
        for streams in [1, 0] {
            let store = SeamStore::empty(1);
            let engine = engine(&store);
            let mut client = Client::connect(&engine, "c");
            let watch = client.watch();
            (0..streams).for_each(|vb| client.open(vb));
            assert_eq!(client.step(), Step::Idle);
            let held = Hold::at(point);
            let owner = Party::start("owner", &[&held], move || {
                let woken = client.producer.wait(FOR_EVER);
                (client, woken)
            });
            held.arrived();
            engine.shutdown();
            assert!(held.is_holding());
            held.release();
            let (mut client, woken) = owner.finish();
            assert!(woken, "{point:?}");
            assert_eq!(client.step(), Step::Gone(Departure::Closed));
            drop(client);
            settle(engine, &[watch]);
        }
    }
}

/// While a shutdown goes through the connections, one of them leaves, others look, and a newcomer is refused: nobody
/// waits for the shutdown, nor it for them.
#[test]
fn a16_a_shutdown_and_a_disconnect_cross() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let (leaves, stays) = (Client::connect(&engine, "leaves"), Client::connect(&engine, "stays"));
    let watches = [leaves.watch(), stays.watch()];
    let sweeping = Hold::at(Point::HoldsRoster);
    let shutdown = Party::start("shutdown", &[&sweeping], {
        let engine = engine.clone();
        move || engine.shutdown()
    });
    sweeping.arrived();
    Party::start("disconnect", &[], move || drop(leaves)).finish();
    assert_eq!(engine.connections().len(), 1);
    let late = engine.connect("late", OpenOptions::default());
    assert!(late.is_err_and(|e| e.kind() == ErrorKind::Closed));
    assert!(sweeping.is_holding());
    sweeping.release();
    shutdown.finish();
    assert!(stays.handle().is_closed());
    drop(stays);
    settle(engine, &watches);
}

/// Goes back into the engine from inside the wake.
struct Reentrant {
    engine: Engine,
    handle: ConnectionHandle,
    woken: Sender<usize>,
}

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        let refused = self.engine.connect("late", OpenOptions::default());
        assert!(refused.is_err_and(|e| e.kind() == ErrorKind::Closed));
        self.engine.shutdown();
        let _ = self.woken.send(self.handle.close_all());
    }
}

/// Whom a closer wakes may close, look and connect itself, on the closer's own thread.
#[test]
fn a16_who_is_woken_goes_back_into_the_engine() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    client.open(0);
    assert_eq!(client.step(), Step::Idle);
    let (sender, woken) = channel();
    let (inner, handle) = (engine.clone(), client.handle());
    let waker = Waker::from(Arc::new(Reentrant { engine: inner, handle, woken: sender }));
    assert!(client.producer.poll_ready(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    let shutdown = engine.clone();
    Party::start("shutdown", &[], move || shutdown.shutdown()).finish();
    assert_eq!(woken.try_iter().collect::<Vec<_>>(), [0], "woken once, nothing was left to end");
    assert_eq!(states(&engine, "c"), [DISCONNECTED]);
    drop(client);
    settle(engine, &[watch]);
}

/// A read waits for the store while the connection for which it was made is closed, the engine shut down and all of
/// it reclaimed: the read owns what it needs and comes to its end afterwards.
#[test]
fn a21_a_read_of_the_store_across_the_end() {
    let store = SeamStore::filled(1, 10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    client.open(0);
    let reading = store.hold(Call::Get);
    let reader = Party::start("reader", &[], {
        let engine = engine.clone();
        move || engine.session("reader").get(b"key0000001")
    });
    reading.arrived();
    assert_eq!(client.handle().close_all(), 1);
    drop(client);
    settle(engine, &[watch]);
    assert!(reading.is_holding(), "nobody waited for it");
    reading.release();
    let found = reader.finish().expect("the store answers");
    assert_eq!(found.expect("it is stored").key.as_ref(), b"key0000001");
}

/// An owner leaves when the engine has been shut down, and its reaper has ended: what it leaves behind goes with the
/// engine's last handle. (It stayed for ever: a roster in the domain's garbage owned a connection, which owned a cell,
/// which owned the garbage.)
#[test]
fn an_owner_that_leaves_after_the_reaper_leaves_nothing_behind() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    client.open(0);
    engine.shutdown();
    engine.quiesce_blocking(super::gate::DEADLINE).expect("nobody is stalled");
    assert!(watch.is_destroyed() && !watch.is_freed());
    drop(client);
    settle(engine, &[watch]);
}
