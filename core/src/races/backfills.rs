//! G: the queue of backfills, the places for scans, what is read and when.

use super::gate::{Hold, Party, Point, until};
use super::scene::{Client, Got, engine, engine_with, has_manager, put, settle, states};
use super::store::{Call, SeamStore};
use crate::engine::{BackfillSnapshot, Engine};
use crate::producer::Step;
use crate::stream::StreamState;
use crate::types::{EndReason, VbId, VbState};

fn counts(engine: &Engine, name: &str) -> BackfillSnapshot {
    let all = engine.connections();
    let found = all.iter().find(|connection| connection.name == name);
    found.and_then(|found| found.backfills).expect("it is open")
}

/// A connection is closed with a backfill in each of its manager's lists and one with a worker: the places of the
/// first come back with the manager, that of the other when its worker is done; the next connection finds them free.
#[test]
fn g1_a_manager_goes_with_a_backfill_in_every_list() {
    let store = SeamStore::filled(5, 100);
    store.slice_items(10);
    let engine = engine_with(&store, |settings| {
        settings.backfill_workers = 1;
        settings.backfills_max = 3;
    });
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let (first, second) = (store.hold(Call::Next(0)), store.hold(Call::Scan(1)));
    client.open(0);
    let _ = client.step();
    first.arrived();
    (1..5).for_each(|vb| client.open(vb));
    let _ = client.step();
    first.release();
    second.arrived();
    let now = counts(&engine, "c");
    let lists = (now.initializing, now.active, now.pending);
    assert_eq!(lists, (1, 2, 2), "admitted; open, or with the worker; over the limit");
    assert_eq!(engine.stats().backfills, 3);
    assert_eq!(client.handle().close_all(), 5);
    drop(client);
    until("the manager's places come back", || engine.stats().backfills == 1);
    assert!(second.is_holding(), "the worker's is with the worker");
    second.release();
    until("the worker's comes back", || engine.stats().backfills == 0);
    let mut next = Client::connect(&engine, "next");
    let next_watch = next.watch();
    (0..5).for_each(|vb| next.open(vb));
    next.run_until("every document", |inbox| (0..5).all(|vb| inbox.docs(vb).len() == 100));
    drop(next);
    settle(engine, &[watch, next_watch]);
}

/// A manager goes while it waits for a place, in the middle of putting itself into the queue: it is passed over, and
/// who waits behind it gets the place.
#[test]
fn g2_a_manager_goes_while_it_waits_for_a_place() {
    let store = SeamStore::filled(3, 100);
    store.slice_items(10);
    let engine = engine_with(&store, |settings| {
        settings.backfill_workers = 1;
        settings.backfills_max = 1;
        settings.backfill_buffer_bytes = 1;
    });
    let mut clients = ["has it", "goes", "waits"].map(|name| Client::connect(&engine, name));
    let watches = [0, 1, 2].map(|n: usize| clients[n].watch());
    let queued = Hold::at(Point::WaitsForPlace);
    store.hold_worker(&queued);
    clients[0].open(0);
    let _ = clients[0].step();
    until("its buffer is full", || counts(&engine, "has it").buffer_full);
    clients[1].open(1);
    let _ = clients[1].step();
    queued.arrived();
    clients[2].open(2);
    let _ = clients[2].step();
    let [has_it, goes, mut waits] = clients;
    assert_eq!(goes.handle().close_all(), 1);
    drop(goes);
    assert!(!has_manager(&engine, "goes"));
    drop(has_it);
    until("the place is free", || engine.stats().backfills == 0);
    assert!(queued.is_holding());
    queued.release();
    waits.run_until("every document", |inbox| inbox.docs(2).len() == 100);
    assert_eq!((store.count(Call::Scan(0)), store.count(Call::Scan(1))), (1, 0));
    drop(waits);
    settle(engine, &watches);
}

/// A backfill is paused, for its client takes nothing: it holds its place, and no worker, so that with one worker for
/// both another backfill runs to its end meanwhile.
#[test]
fn g5_a_paused_backfill_holds_no_worker() {
    let store = SeamStore::filled(2, 100);
    store.slice_items(10);
    let engine = engine_with(&store, |settings| {
        settings.backfill_workers = 1;
        settings.backfill_buffer_bytes = 1;
    });
    let (mut slow, mut quick) =
        (Client::connect(&engine, "slow"), Client::connect(&engine, "quick"));
    let watches = [slow.watch(), quick.watch()];
    slow.open(0);
    let _ = slow.step();
    until("its buffer is full", || counts(&engine, "slow").buffer_full);
    quick.open(1);
    quick.run_until("every document", |inbox| inbox.docs(1).len() == 100);
    let paused = counts(&engine, "slow");
    assert!(paused.buffer_full && paused.active == 1 && paused.buffer_bytes > 0, "{paused:?}");
    slow.run_until("every document", |inbox| inbox.docs(0).len() == 100);
    assert_eq!(slow.inbox.docs(0), (1..=100).collect::<Vec<_>>());
    drop((slow, quick));
    settle(engine, &watches);
}

/// A vbucket goes dead while a worker is in the store for one of its streams: the change waits for nobody, the worker
/// asks nothing but the store, and what it brings is not sent.
#[test]
fn g9_a_vbucket_goes_under_a_worker() {
    let store = SeamStore::filled(1, 100);
    store.slice_items(10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let reading = store.hold(Call::Next(0));
    client.open(0);
    let _ = client.step();
    reading.arrived();
    let change = Party::start("state change", &[], {
        let engine = engine.clone();
        move || engine.set_vbucket_state(VbId(0), VbState::Dead)
    });
    change.finish().expect("exists");
    assert_eq!(states(&engine, "c"), [StreamState::Dead(EndReason::StateChanged)]);
    assert!(reading.is_holding());
    reading.release();
    client.run_until("the end", |inbox| !inbox.ends(0).is_empty());
    until("the backfill is swept out", || engine.stats().backfills == 0);
    assert_eq!(client.step(), Step::Idle);
    assert!(client.inbox.docs(0).is_empty());
    assert_eq!(client.inbox.ends(0), [EndReason::StateChanged]);
    drop(client);
    settle(engine, &[watch]);
}

/// What runs a backfill names nothing of a vbucket but the store: there is nothing that it could hold or miss.
#[test]
fn g9_a_backfill_knows_the_store_alone() {
    let sources = [
        include_str!("../backfill/manager.rs"),
        include_str!("../backfill/outbox.rs"),
        include_str!("../backfill/pool.rs"),
        include_str!("../backfill/scan.rs"),
        include_str!("../backfill/turns.rs"),
    ];
    for source in sources {
        let named: Vec<_> = source.lines().filter(|line| line.starts_with("use crate::")).collect();
        assert!(!named.is_empty());
        for room in ["partition", "index", "log", "stream", "producer", "conn", "engine"] {
            let used = format!("use crate::{room}");
            assert!(!named.iter().any(|line| line.starts_with(&used)), "{used}");
        }
    }
}

/// A write comes between a backfill's last slice and its end: it is sent behind all of the backfill, under a marker
/// of its own.
#[test]
fn g10_nothing_overtakes_the_end_of_a_backfill() {
    let store = SeamStore::filled(1, 10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let delivered = Hold::at(Point::DeliveredLastSlice);
    store.hold_worker(&delivered);
    client.open(0);
    let _ = client.step();
    delivered.arrived();
    assert_eq!(put(&engine, 0, "new", b"1").0, 11);
    client.run_until("the slice", |inbox| inbox.docs(0).len() >= 10);
    assert_eq!(client.step(), Step::Idle);
    assert_eq!(client.inbox.docs(0), (1..=10).collect::<Vec<_>>(), "not the write");
    assert!(delivered.is_holding());
    delivered.release();
    client.run_until("the write", |inbox| inbox.docs(0).contains(&11));
    assert_eq!(client.inbox.of(0)[11..], [Got::Marker(11, 11), Got::Doc(11)]);
    drop(client);
    settle(engine, &[watch]);
}

/// One connection's backfills are read by as many workers as there are, at the same time; all that was read goes with
/// it when it closes in the middle.
#[test]
fn workers_read_for_one_connection_at_once() {
    let store = SeamStore::filled(4, 100);
    store.slice_items(10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let both = [0, 1].map(|vb| store.hold(Call::Next(vb)));
    (0..4).for_each(|vb| client.open(vb));
    let _ = client.step();
    for reading in &both {
        reading.arrived();
    }
    assert!(both.iter().all(Hold::is_holding), "both are in the store");
    both.iter().for_each(Hold::release);
    client.run_until("every document", |inbox| (0..4).all(|vb| inbox.docs(vb).len() == 100));
    assert!((0..4).all(|vb| client.inbox.docs(vb) == (1..=100).collect::<Vec<_>>()));
    drop(client);
    settle(engine, &[watch]);
}

/// A connection that wants its backfills one after the other has one worker, however many there are.
#[test]
fn backfills_in_order_have_one_worker() {
    let store = SeamStore::filled(2, 100);
    store.slice_items(10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    client.control("backfill_order", "sequential");
    let watch = client.watch();
    let [zero, one] = [0, 1].map(|vb| store.hold(Call::Next(vb)));
    (0..2).for_each(|vb| client.open(vb));
    let _ = client.step();
    until("one is read", || zero.is_holding() || one.is_holding());
    assert!(counts(&engine, "c").sequential);
    let (first, held, other) = if zero.is_holding() { (0, zero, one) } else { (1, one, zero) };
    held.release();
    other.arrived();
    assert_eq!(store.count(Call::Next(first)), 10, "all of the first is read by then");
    other.release();
    client.run_until("every document", |inbox| (0..2).all(|vb| inbox.docs(vb).len() == 100));
    drop(client);
    settle(engine, &[watch]);
}
