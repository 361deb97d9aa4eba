//! Scopes and collections survive a restart, and a vbucket that missed a change catches up.

use millstream::Engine;
use millstream::collections::Key;
use millstream::partition::{Change, Decision, UpdateError};
use millstream::store::{EmbeddedOptions, EmbeddedStore};
use millstream::types::{CollectionId, ManifestUid, VbId, VbState};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const VBUCKETS: u16 = 4;

fn open(folder: &Path) -> Engine {
    let options = EmbeddedOptions::new(u32::from(VBUCKETS));
    Engine::open(EmbeddedStore::open(folder, options).expect("a store")).expect("an engine")
}

fn close(engine: Engine) {
    engine.shutdown();
    let report = engine.quiesce_blocking(Duration::from_secs(30)).expect("it ends");
    assert!(report.clean, "{report:?}");
}

fn write(engine: &Engine, vb: u16, collection: u32, name: &[u8]) -> Result<(), UpdateError<()>> {
    let key = Key::new(CollectionId(collection), name);
    let mut session = engine.session("test");
    let written = session.update(VbId(vb), key, None, |_| -> Decision<'_, ()> {
        Decision::Write(Change::set(&b"value"[..]))
    });
    written.map(drop)
}

fn reads(engine: &Engine, vb: u16, collection: u32, name: &[u8]) -> bool {
    let key = Key::new(CollectionId(collection), name);
    let stored = engine.session("test").fetch(VbId(vb), key).expect("the store answers");
    let known = engine.session("test").has_collection(VbId(vb), CollectionId(collection));
    known && stored.is_some()
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

fn wait_for<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}

#[test]
fn what_was_made_and_dropped_is_known_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = open(folder.path());
    engine.create_scope("s").expect("a scope");
    engine.create_collection("s", "kept", 0).expect("a collection");
    engine.create_collection("s", "dropped", 0).expect("a collection");
    for vb in 0..VBUCKETS {
        for collection in [0, 9, 10] {
            write(&engine, vb, collection, b"key").expect("written");
        }
        assert_eq!(write(&engine, vb, 11, b"key"), Err(UpdateError::UnknownCollection));
    }
    let manifest = engine.drop_collection("s", "dropped").expect("it was there");
    assert_eq!(manifest.uid(), ManifestUid(4));
    let alive = |engine: &Engine, vb| engine.vbucket(VbId(vb)).expect("it exists").items;
    assert!((0..VBUCKETS).all(|vb| alive(&engine, vb) == 2));
    close(engine);
    let engine = open(folder.path());
    assert_eq!(engine.manifest(), manifest);
    for vb in 0..VBUCKETS {
        assert!(reads(&engine, vb, 0, b"key") && reads(&engine, vb, 9, b"key"));
        assert!(!engine.session("test").has_collection(VbId(vb), CollectionId(10)));
        assert_eq!(alive(&engine, vb), 2, "events are no documents");
    }
    // Ids go on where they were.
    let manifest = engine.create_collection("s", "dropped", 0).expect("its name is free");
    let id = manifest.collection_named("s", "dropped").expect("it was made").id;
    assert_eq!((id, manifest.uid()), (CollectionId(11), ManifestUid(5)));
    assert!(!reads(&engine, 0, 11, b"key"), "it begins empty");
    close(engine);
}

#[test]
fn a_vbucket_that_was_not_active_catches_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = open(folder.path());
    engine.create_collection("_default", "old", 0).expect("a collection");
    let away = VbId(0);
    engine.set_vbucket_state(away, VbState::Replica).expect("set");
    engine.create_collection("_default", "new", 0).expect("a collection");
    engine.drop_collection("_default", "old").expect("it was there");
    let knows = |engine: &Engine, id| engine.session("test").has_collection(away, CollectionId(id));
    assert!(knows(&engine, 8) && !knows(&engine, 9), "a replica is told by its active vbucket");
    engine.set_vbucket_state(away, VbState::Active).expect("set");
    assert!(wait_for(engine.caught_up(away)), "the change itself waits for nobody");
    assert!(!knows(&engine, 8) && knows(&engine, 9));
    write(&engine, 0, 9, b"key").expect("written");
    let manifest = engine.manifest();
    close(engine);
    let engine = open(folder.path());
    assert_eq!(engine.manifest(), manifest);
    assert!(reads(&engine, 0, 9, b"key"));
    close(engine);
}
