use super::*;
use crate::collections::Key;
use crate::types::CollectionId;

const KEYS: u32 = 400;

/// The keys of a vbucket whose values only the store has, looked at one by one.
fn cold_keys(engine: &Engine, vb: u16, of: CollectionId) -> u64 {
    let mut session = engine.session("test");
    let mut is_cold = |n: u32| {
        let name = format!("key {n}");
        session.look(VbId(vb), Key::new(of, name.as_bytes()), |_| ()).is_err()
    };
    (0..KEYS).filter(|n| is_cold(*n)).count() as u64
}

/// Waits until what is counted is what there is, once nobody writes or trims any more.
fn agrees(engine: &Engine, of: &[CollectionId], what: &str) -> u64 {
    let give_up = Instant::now() + LONG;
    loop {
        let found = of.iter().map(|id| cold_keys(engine, 0, *id)).sum();
        let counted = engine.vbucket(VbId(0)).expect("it exists").cold_items;
        if counted == found {
            assert_eq!(engine.stats().active.cold_items, found, "{what}");
            return found;
        }
        assert!(Instant::now() < give_up, "{what}: {counted} counted, {found} found");
        std::thread::yield_now();
    }
}

/// Against what every key says: as they are written, pushed out of memory, written again, deleted, dropped with
/// their collection, taken back, and read at start.
#[test]
fn what_only_the_store_has_is_counted() {
    let store = std::sync::Arc::new(MemoryStore::new(1));
    let open = || {
        let mut settings = EngineSettings::default();
        (settings.purge_after, settings.window_items) = (None, 64);
        let engine = Engine::builder(std::sync::Arc::clone(&store)).settings(settings).open();
        engine.expect("an engine")
    };
    let engine = open();
    let manifest = engine.create_collection("_default", "fruit", 0).expect("made");
    let fruit = manifest.collection_named("_default", "fruit").expect("there").id;
    let both = [CollectionId::ZERO, fruit];
    let write = |engine: &Engine, of, n: u32, change: &Change<'static>| {
        let name = format!("key {n}");
        loop {
            let key = Key::new(of, name.as_bytes());
            let decide = |_: Option<crate::partition::Found<'_>>| -> Decision<'_, ()> {
                Decision::Write(change.clone())
            };
            match engine.session("writer").update(VbId(0), key, None, decide) {
                Ok(written) => return written.seqno,
                Err(UpdateError::Busy) => std::thread::yield_now(),
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    let (value, gone) = (Change::set(&b"value"[..]), Change::delete(1));
    let mut last = Seqno::ZERO;
    for n in 0..KEYS {
        for of in both {
            last = write(&engine, of, n, &value);
        }
    }
    wait_persisted(&engine, 0, last);
    assert!(agrees(&engine, &both, "written") > u64::from(KEYS), "most are out of memory");
    for n in (0..KEYS).step_by(3) {
        write(&engine, CollectionId::ZERO, n, &value);
        last = write(&engine, fruit, n + 1, &gone);
    }
    wait_persisted(&engine, 0, last);
    agrees(&engine, &both, "written again, and deleted");
    for n in 0..KEYS {
        last = write(&engine, CollectionId::ZERO, n, if n % 2 == 0 { &gone } else { &value });
    }
    wait_persisted(&engine, 0, last);
    agrees(&engine, &both, "half of them deleted");
    let above = write(&engine, CollectionId::ZERO, KEYS, &value);
    wait_persisted(&engine, 0, above);
    engine.roll_back(VbId(0), last).expect("nothing below was replaced since");
    let items = engine.stats().active.items;
    assert_eq!(agrees(&engine, &both, "taken back"), items, "all of them");
    engine.drop_collection("_default", "fruit").expect("dropped");
    agrees(&engine, &both[..1], "with a collection dropped");
    let items = engine.stats().active.items;
    engine.shutdown();
    engine.quiesce_blocking(LONG).expect("nobody stalls");
    drop(engine);
    let engine = open();
    assert_eq!(engine.stats().active.items, items);
    assert_eq!(agrees(&engine, &both[..1], "at start"), items, "all of them");
    assert!(engine.stats().active.resident_percent() < f64::EPSILON);
}

#[test]
fn vbuckets_and_documents_are_counted_by_state() {
    let engine = Engine::open(MemoryStore::new(8)).expect("an engine");
    let states = [VbState::Active, VbState::Replica, VbState::Pending, VbState::Dead];
    for (vb, state) in (0..4).zip(states) {
        for n in 0..=vb {
            let decide = |_: Option<crate::partition::Found<'_>>| -> Decision<'_, ()> {
                Decision::Write(Change::set(&b"value"[..]))
            };
            let key = format!("key {n}").into_bytes();
            engine.session("test").update(VbId(vb), &key, None, decide).expect("written");
        }
        engine.set_vbucket_state(VbId(vb), state).expect("set");
    }
    let stats = engine.stats();
    let counts = [stats.active, stats.replica, stats.pending, stats.dead]
        .map(|state| (state.vbuckets, state.items));
    assert_eq!(counts, [(5, 1), (1, 2), (1, 3), (1, 4)]);
    assert_eq!((stats.items, stats.active.cold_items), (10, 0));
    let none = crate::engine::StateStats::default();
    assert!((none.resident_percent() - 100.0).abs() < f64::EPSILON, "nothing is missing");
}
