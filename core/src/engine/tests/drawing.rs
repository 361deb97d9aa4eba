use super::*;
use crate::collections::Key;
use crate::engine::EngineParts;
use crate::types::CollectionId;
use std::collections::BTreeMap;

const DEFAULT: CollectionId = CollectionId::ZERO;

/// An engine that has little in memory, so that most documents are drawn from the store.
fn forgetful(vbuckets: u32) -> Engine {
    let mut settings = EngineSettings::default();
    (settings.purge_after, settings.window_items) = (None, 64);
    settings.expiry_interval = LONG;
    Engine::builder(MemoryStore::new(vbuckets)).settings(settings).open().expect("an engine")
}

fn change(engine: &Engine, vb: u16, of: CollectionId, name: &str, change: Change<'_>) -> Seqno {
    let key = Key::new(of, name.as_bytes());
    loop {
        let decide = |_: Option<crate::partition::Found<'_>>| -> Decision<'_, ()> {
            Decision::Write(change.clone())
        };
        match engine.session("writer").update(VbId(vb), key, None, decide) {
            Ok(written) => return written.seqno,
            Err(UpdateError::Busy) => std::thread::yield_now(),
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn write(engine: &Engine, vb: u16, of: CollectionId, name: &str) -> Seqno {
    change(engine, vb, of, name, Change::set(name.as_bytes()))
}

/// How often each document was drawn.
fn draws(engine: &Engine, of: CollectionId, times: u32) -> BTreeMap<(u16, String), u32> {
    let mut counts = BTreeMap::new();
    for _ in 0..times {
        let drawn = engine.draw(of).expect("drawn").expect("there are some");
        let name = String::from_utf8(drawn.record.key.to_vec()).expect("text");
        assert_eq!(drawn.record.value, drawn.record.key, "the value is the document's");
        *counts.entry((drawn.vb.0, name)).or_insert(0) += 1;
    }
    counts
}

/// However many are in a vbucket, and wherever in its history: beside a document that was overwritten thousands of
/// times others are drawn as often.
#[test]
fn every_document_is_about_as_likely() {
    let engine = forgetful(8);
    for (vb, documents) in [(0, 60), (1, 6), (2, 1), (5, 33)] {
        for n in 0..documents {
            write(&engine, vb, DEFAULT, &format!("key {n}"));
        }
    }
    let mut last = Seqno::ZERO;
    for _ in 0..3_000 {
        last = write(&engine, 1, DEFAULT, "key 0");
    }
    wait_persisted(&engine, 1, last);
    let counts = draws(&engine, DEFAULT, 10_000);
    assert_eq!(counts.len(), 100);
    for (document, count) in &counts {
        assert!((50..=150).contains(count), "{document:?} was drawn {count} times of 100");
    }
}

#[test]
fn of_many_documents_those_of_all_times_are_drawn() {
    let engine = forgetful(1);
    let mut last = Seqno::ZERO;
    for n in 0..10_000 {
        last = write(&engine, 0, DEFAULT, &format!("{n}"));
    }
    wait_persisted(&engine, 0, last);
    let counts = draws(&engine, DEFAULT, 1_000);
    assert!(counts.len() > 900, "{} different ones of 1,000", counts.len());
    let mut tenths = [0; 10];
    for ((_, name), count) in &counts {
        tenths[name.parse::<usize>().expect("a number") / 1_000] += count;
    }
    assert!(tenths.iter().all(|tenth| (50..=150).contains(tenth)), "{tenths:?}");
}

#[test]
fn what_is_not_there_is_not_drawn() {
    let engine = forgetful(4);
    assert_eq!(engine.draw(DEFAULT).expect("looked for"), None);
    for n in 0..100 {
        write(&engine, 0, DEFAULT, &format!("{n}"));
    }
    for n in 0..100 {
        change(&engine, 0, DEFAULT, &format!("{n}"), Change::delete(1));
    }
    let expired = Change { expiry: 1, ..Change::set(&b"expired"[..]) };
    change(&engine, 1, DEFAULT, "expired", expired);
    assert_eq!(engine.draw(DEFAULT).expect("looked for"), None);
    write(&engine, 2, DEFAULT, "alive");
    assert_eq!(draws(&engine, DEFAULT, 20).len(), 1, "the one there is");
    engine.set_vbucket_state(VbId(2), VbState::Replica).expect("set");
    assert_eq!(engine.draw(DEFAULT).expect("looked for"), None, "not of a replica");
}

#[test]
fn a_rare_one_is_found_among_documents_of_other_collections() {
    let engine = forgetful(2);
    let [rare, empty] = ["rare", "empty"].map(|name| {
        let manifest = engine.create_collection("_default", name, 0).expect("made");
        manifest.collection_named("_default", name).expect("there").id
    });
    write(&engine, 0, rare, "rare");
    let mut last = Seqno::ZERO;
    for n in 0..5_000 {
        last = write(&engine, 0, DEFAULT, &format!("key {n}"));
    }
    wait_persisted(&engine, 0, last);
    write(&engine, 0, rare, "rare too");
    assert_eq!(draws(&engine, rare, 50).len(), 2);
    assert_eq!(engine.draw(empty).expect("looked for"), None);
    engine.drop_collection("_default", "rare").expect("dropped");
    assert_eq!(engine.draw(rare).expect("looked for"), None);
}

/// What it costs has a bound: whoever asks for something that is too rare is told to come again.
#[test]
fn so_many_entries_are_looked_at_and_no_more() {
    let engine = forgetful(1);
    let manifest = engine.create_collection("_default", "rare", 0).expect("made");
    let rare = manifest.collection_named("_default", "rare").expect("there").id;
    let mut last = Seqno::ZERO;
    for n in 0..3_000 {
        // Counted as alive until somebody looks for those that have expired.
        let expired = Change { expiry: 1, ..Change::set(&b"expired"[..]) };
        last = change(&engine, 0, rare, &format!("{n}"), expired);
    }
    wait_persisted(&engine, 0, last);
    let parts: &EngineParts = engine.parts();
    let mut reader = parts.domain.borrow("test");
    let mut looks = 2_000;
    let refused = parts.draw_key(rare, &mut looks, &mut reader);
    assert_eq!(refused.expect_err("too rare").kind(), ErrorKind::Retry);
    assert_eq!(looks, 0);
    let mut looks = 10_000;
    assert_eq!(parts.draw_key(rare, &mut looks, &mut reader).expect("all are looked at"), None);
    assert!(looks > 3_000, "each was looked at once: {looks} are left");
}
