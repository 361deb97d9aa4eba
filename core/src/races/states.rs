//! A vbucket's change of state against whatever could hold it up, undo it, or be undone by it.

use super::gate::{Hold, Party, Point};
use super::scene::{Client, engine, engine_with, put, settle};
use super::store::SeamStore;
use crate::engine::Engine;
use crate::error::ErrorKind;
use crate::partition::{Change, Decision, UpdateError, Written};
use crate::producer::OpenOptions;
use crate::types::{VbId, VbState};

const VB: VbId = VbId(0);

fn set(engine: &Engine, key: &str) -> Result<Written, UpdateError<()>> {
    let decide = |_: Option<crate::partition::Found<'_>>| Decision::Write(Change::set(&b"v"[..]));
    engine.session("test").update(VB, key.as_bytes(), None, decide)
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
