//! A vbucket's change of state against whatever could hold it up, undo it, or be undone by it.

use super::gate::{Hold, Party, Point, until};
use super::scene::{Client, block_on, engine, engine_with, put, settle};
use super::store::SeamStore;
use crate::collections::Key;
use crate::engine::Engine;
use crate::error::ErrorKind;
use crate::partition::{Change, Decision, UpdateError, Written};
use crate::producer::OpenOptions;
use crate::types::{CollectionId, VbId, VbState};
use std::time::Duration;

const VB: VbId = VbId(0);

fn set(engine: &Engine, key: &str) -> Result<Written, UpdateError<()>> {
    set_in(engine, CollectionId::ZERO, key)
}

fn set_in(
    engine: &Engine,
    collection: CollectionId,
    key: &str,
) -> Result<Written, UpdateError<()>> {
    let decide = |_: Option<crate::partition::Found<'_>>| Decision::Write(Change::set(&b"v"[..]));
    engine.session("test").update(VB, Key::new(collection, key.as_bytes()), None, decide)
}

fn state(engine: &Engine) -> VbState {
    engine.vbucket(VB).expect("it exists").state
}

/// A change of state was refused when too much waited for reclamation, after it had sealed the log: the vbucket stayed
/// active and took no writes, for ever. What holds: it is never refused for that, and the log follows the state.
#[test]
fn a_change_of_state_is_not_refused_at_the_garbage_limit() {
    let store = SeamStore::empty(1);
    let engine = engine_with(&store, |settings| settings.garbage_max = 2);
    let client = Client::connect(&engine, "c");
    let watch = client.watch();
    let parts = client.producer.engine_parts().clone();
    let mut reader = parts.domain.reader("stalled");
    let pin = reader.pin();
    drop(client);
    let refused = engine.connect("refused", OpenOptions::default());
    assert!(refused.is_err_and(|e| e.kind() == ErrorKind::Retry), "the limit is reached");

    engine.set_vbucket_state(VB, VbState::Replica).expect("it gets through");
    assert_eq!(state(&engine), VbState::Replica);
    assert_eq!(set(&engine, "a"), Err(UpdateError::NotActive));
    engine.set_vbucket_state(VB, VbState::Active).expect("it gets through");
    assert_eq!(state(&engine), VbState::Active);
    put(&engine, VB.0, "a", b"1");
    drop(pin);
    drop((reader, parts));
    settle(engine, &[watch]);
}

/// Changes of state beside a reader that stays left one former state each, without end. What holds: there is a limit,
/// and who is told to come again has changed nothing.
#[test]
fn changes_of_state_leave_no_more_than_may_wait() {
    let store = SeamStore::empty(1);
    let engine = engine_with(&store, |settings| settings.garbage_max = 10);
    let client = Client::connect(&engine, "c");
    let parts = client.producer.engine_parts().clone();
    let mut reader = parts.domain.reader("stalled");
    let pin = reader.pin();
    let mut changes = [VbState::Replica, VbState::Active].into_iter().cycle();
    let refused = (0..1_000).find_map(|_| {
        let (before, next) = (state(&engine), changes.next()?);
        engine.set_vbucket_state(VB, next).err().map(|error| (before, error))
    });
    let (before, error) = refused.expect("there is a limit");
    assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
    assert!(engine.stats().garbage <= 10 + 64 + 4 + 2, "{:?}", engine.stats());
    assert_eq!(state(&engine), before);
    assert_eq!(set(&engine, "a").is_ok(), before == VbState::Active, "the log follows the state");
    drop(pin);
    drop((reader, parts, client));
    until("there is room", || engine.set_vbucket_state(VB, VbState::Active).is_ok());
    put(&engine, VB.0, "b", b"1");
    settle(engine, &[]);
}

/// Writes to documents out of memory left what the index had kept of them, without end while a reader stayed. What
/// holds: they are told to come again at the limit, and when; others go on.
#[test]
fn writes_to_stored_documents_leave_no_more_than_may_wait() {
    let store = SeamStore::filled(1, 1_000);
    let engine = engine_with(&store, |settings| settings.garbage_max = 100);
    let client = Client::connect(&engine, "c");
    let parts = client.producer.engine_parts().clone();
    let mut reader = parts.domain.reader("stalled");
    let pin = reader.pin();
    let written = (1..=1_000).take_while(|n| set(&engine, &format!("key{n:07}")).is_ok()).count();
    assert!((100 - 32..200).contains(&written), "{written}");
    let put_off = format!("key{:07}", written + 1);
    assert_eq!(set(&engine, &put_off), Err(UpdateError::Busy));
    assert!(engine.stats().garbage <= 100 + 32, "{:?}", engine.stats());
    put(&engine, VB.0, "new", b"1");
    let last = put(&engine, VB.0, "key0000001", b"1");
    assert!(block_on(engine.persisted(VB, last)), "so that no commit tells of room");
    let room = engine.flushed();
    assert_eq!(set(&engine, &put_off), Err(UpdateError::Busy), "once more before it waits");
    drop(pin);
    block_on(room);
    put(&engine, VB.0, &put_off, b"1");
    drop((reader, parts, client));
    settle(engine, &[]);
}

/// A change of state that an engine's shutdown overtook opened the log again behind it, so that a write was accepted
/// which nobody persisted. What holds: a log that the shutdown closed stays closed, and later changes are refused.
#[test]
fn a_change_of_state_across_a_shutdown_opens_no_log() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    engine.set_vbucket_state(VB, VbState::Replica).expect("it exists");
    let published = Hold::at(Point::StatePublished);
    let change = Party::start("state change", &[&published], {
        let engine = engine.clone();
        move || engine.set_vbucket_state(VB, VbState::Active)
    });
    published.arrived();
    engine.shutdown();
    assert!(published.is_holding(), "nobody waited for it");
    published.release();
    change.finish().expect("it had begun before");
    assert_eq!(set(&engine, "late"), Err(UpdateError::NotActive));
    for state in [VbState::Replica, VbState::Active] {
        let refused = engine.set_vbucket_state(VB, state);
        assert!(refused.is_err_and(|e| e.kind() == ErrorKind::Closed), "{state:?}");
    }
    assert_eq!(set(&engine, "late"), Err(UpdateError::NotActive));
    settle(engine, &[]);
}

/// A change to active took the turn of whoever changes the manifest, and waited for memory, pinned all the while. What
/// holds: it is made at once; what the vbucket missed is told by the housekeeper, and until then a document of a
/// collection that it has yet to hear of is told to come again.
#[test]
fn a_change_of_state_waits_for_no_change_of_the_manifest() {
    let store = SeamStore::empty(2);
    let engine = engine(&store);
    let make = |name: &str| {
        let made = engine.create_collection("_default", name, 0).expect("made");
        made.collection_named("_default", name).expect("it is there").id
    };
    let old = make("old");
    engine.set_vbucket_state(VB, VbState::Replica).expect("it exists");
    let (new, unknown) = (make("new"), CollectionId(99));
    engine.drop_collection("_default", "old").expect("it was there");
    assert_eq!(set_in(&engine, new, "k"), Err(UpdateError::NotActive));
    let waiting = engine.caught_up(VB);
    assert!(!block_on(waiting), "it is no active vbucket's to catch up");

    let turn = Hold::at(Point::HasManifestTurn);
    let changing = Party::start("manifest", &[&turn], {
        let engine = engine.clone();
        move || engine.create_collection("_default", "later", 0).expect("made")
    });
    turn.arrived();
    let change = Party::start("state change", &[], {
        let engine = engine.clone();
        move || engine.set_vbucket_state(VB, VbState::Active)
    });
    change.finish().expect("it exists");
    assert!(turn.is_holding(), "nobody waited for it");
    assert!(engine.stalled(Duration::ZERO).is_empty(), "and nobody stayed inside");
    let first = set(&engine, "k").expect("it is active");
    assert_eq!(set_in(&engine, new, "k"), Err(UpdateError::Busy), "the manifest has it");
    assert_eq!(set_in(&engine, unknown, "k"), Err(UpdateError::UnknownCollection));
    let before = set_in(&engine, old, "k").expect("its drop event is to come");

    turn.release();
    let later = changing.finish().collection_named("_default", "later").expect("made").id;
    assert!(block_on(engine.caught_up(VB)));
    let after = set_in(&engine, new, "k").expect("it has heard of it");
    assert_eq!(set_in(&engine, old, "k"), Err(UpdateError::UnknownCollection));
    set_in(&engine, later, "k").expect("of this one too");
    assert!(first.seqno < before.seqno);
    assert!(after.seqno.0 > before.seqno.0 + 2, "both events lie between");
    settle(engine, &[]);
}
