//! E: cursors, and memory that is given up under them. A stream's place is a seqno of its own: nothing is registered
//! for it, so that nothing can be lost, stolen or left behind; it finds out by itself that memory has moved on.

use super::gate::{Hold, Party, Point, until};
use super::scene::{Client, Inbox, engine, engine_with, put, settle, states};
use super::store::{Call, SeamStore};
use crate::engine::Engine;
use crate::producer::{CloseOutcome, Step};
use crate::stream::StreamState;
use crate::types::{EndReason, VbId};
use std::sync::{Arc, OnceLock};

/// Memory for a few hundred of the documents that `write` writes, and for the index of all of them.
const LITTLE: u64 = 600_000;

/// Writes documents under new keys, up to that seqno.
fn write(engine: &Engine, upto: u64) {
    loop {
        let next = engine.vbucket(VbId(0)).expect("exists").high.0 + 1;
        if next > upto {
            return;
        }
        put(engine, 0, &format!("key{next:07}"), &[b'v'; 2_000]);
    }
}

/// Writes until nothing up to that seqno is in memory. The last seqno.
fn push_out(engine: &Engine, upto: u64) -> u64 {
    let floor = || engine.vbucket(VbId(0)).expect("exists").log_floor.0;
    let mut last = upto;
    while floor() <= upto + 1 {
        last += 300;
        write(engine, last);
        until("it is persisted", || engine.vbucket(VbId(0)).expect("exists").persisted.0 == last);
    }
    last
}

/// Runs a client until it has the document that the test tells, which is before the client can have it.
fn run_until_told(mut client: Client, holds: &[&Hold]) -> (Party<Client>, Arc<OnceLock<u64>>) {
    let told = Arc::new(OnceLock::new());
    let last = Arc::clone(&told);
    let owner = Party::start("owner", holds, move || {
        let is_last = |inbox: &Inbox| last.get().is_some() && inbox.docs(0).last() == last.get();
        client.run_until("every document", is_last);
        client
    });
    (owner, told)
}

/// What a stream was about to read leaves memory between its decision to read there and its first look: it reads the
/// store instead, and misses nothing.
#[test]
fn e1_memory_moves_on_under_a_stream_that_chose_it() {
    let store = SeamStore::empty(1);
    let engine = engine_with(&store, |settings| settings.memory_bytes = LITTLE);
    write(&engine, 50);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    client.open(0);
    let chose = Hold::at(Point::ChoseLog);
    let (owner, told) = run_until_told(client, &[&chose]);
    chose.arrived();
    let upto = push_out(&engine, 50);
    assert!(chose.is_holding());
    told.set(upto).expect("told once");
    chose.release();
    let client = owner.finish();
    assert_eq!(client.inbox.docs(0), (1..=upto).collect::<Vec<_>>(), "each seqno once");
    assert!(store.count(Call::Scan(0)) >= 1, "the store was read");
    drop(client);
    settle(engine, &[watch]);
}

/// Memory moves on beyond the end of a backfill while it runs, and again while the next one does: each time the stream
/// reads the store from where it is, and it comes to an end.
#[test]
fn e2_memory_moves_on_during_each_backfill() {
    const ROUNDS: usize = 3;
    let store = SeamStore::empty(1);
    let engine = engine_with(&store, |settings| settings.memory_bytes = LITTLE);
    let mut upto = push_out(&engine, 50);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let mut scanned = store.hold(Call::Scanned(0));
    client.open(0);
    let (owner, told) = run_until_told(client, &[]);
    for round in 1..=ROUNDS {
        scanned.arrived();
        assert_eq!(store.count(Call::Scanned(0)), round, "the end of the scan is fixed");
        upto = push_out(&engine, upto);
        assert!(scanned.is_holding());
        if round == ROUNDS {
            told.set(upto).expect("told once");
            scanned.release();
        } else {
            // The hold of this round is dropped, and lets go.
            scanned = store.hold(Call::Scanned(0));
        }
    }
    let client = owner.finish();
    assert!(store.count(Call::Scanned(0)) > ROUNDS);
    assert_eq!(client.inbox.docs(0), (1..=upto).collect::<Vec<_>>(), "each seqno once");
    drop(client);
    settle(engine, &[watch]);
}

/// The store panics under a backfill that has the only place for a scan, while another waits for it: the place is
/// given back, the waiting one runs, and the failed stream is told.
#[test]
fn e3_a_panic_gives_everything_back() {
    let store = SeamStore::filled(2, 10);
    let engine = engine_with(&store, |settings| settings.backfills_max = 1);
    let (mut fails, mut waits) =
        (Client::connect(&engine, "fails"), Client::connect(&engine, "waits"));
    let watches = [fails.watch(), waits.watch()];
    let opening = store.hold(Call::Scan(0));
    store.panic_at(Call::Scan(0));
    fails.open(0);
    let _ = fails.step();
    opening.arrived();
    waits.open(1);
    let _ = waits.step();
    let pending = || engine.connections()[1].backfills.is_some_and(|counts| counts.pending == 1);
    until("the other waits", pending);
    assert!(opening.is_holding() && engine.stats().backfills == 1);
    opening.release();
    fails.run_until("the end", |inbox| !inbox.ends(0).is_empty());
    assert_eq!(fails.inbox.ends(0), [EndReason::BackfillFailed]);
    waits.run_until("every document", |inbox| inbox.docs(1).len() == 10);
    assert!(!fails.handle().is_closed(), "nothing else ends");
    drop((fails, waits));
    settle(engine, &watches);
}

/// A stream ends while its scan is being opened: the scan is dropped unread, and nothing remembers the stream.
#[test]
fn e4_a_scan_for_a_stream_that_died_meanwhile() {
    let store = SeamStore::filled(1, 10);
    let engine = engine(&store);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let opening = store.hold(Call::Scanned(0));
    client.open(0);
    let _ = client.step();
    opening.arrived();
    assert_eq!(client.producer.close_stream(VbId(0), None), CloseOutcome::Closed);
    assert!(opening.is_holding() && states(&engine, "c").is_empty());
    opening.release();
    until("the scan is dropped", || !store.dropped_on().is_empty());
    until("its place is free", || engine.stats().backfills == 0);
    assert_eq!(store.count(Call::Next(0)), 0, "unread");
    assert_eq!(watch.bytes(), 0);
    drop(client);
    settle(engine, &[watch]);
}

/// A stream of the log has fallen behind it and reads the store; a wake that was meant for the log comes late, and
/// then a write: nothing of the log is sent before the backfill is over.
#[test]
fn e13_a_late_wake_for_a_stream_that_reads_the_store_again() {
    let store = SeamStore::empty(1);
    let engine = engine_with(&store, |settings| settings.memory_bytes = LITTLE);
    write(&engine, 50);
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    client.inbox.room = Some(6);
    client.open(0);
    assert_eq!(client.step(), Step::Full);
    assert_eq!(states(&engine, "c"), [StreamState::InMemory]);
    let upto = push_out(&engine, 50);
    client.inbox.room = None;
    let opening = store.hold(Call::Scan(0));
    let _ = client.step();
    opening.arrived();
    assert_eq!(states(&engine, "c"), [StreamState::Backfilling]);
    let before = client.inbox.got.len();
    client.producer.connection().ready.mark(0);
    write(&engine, upto + 1);
    for _ in 0..3 {
        assert_eq!(client.step(), Step::Idle);
    }
    assert_eq!(client.inbox.got.len(), before, "nothing is sent meanwhile");
    assert!(opening.is_holding());
    opening.release();
    client.run_until("every document", |inbox| inbox.docs(0).last() == Some(&(upto + 1)));
    assert_eq!(client.inbox.docs(0), (1..=upto + 1).collect::<Vec<_>>(), "each seqno once");
    drop(client);
    settle(engine, &[watch]);
}
