use super::*;
use crate::types::{CollectionId, ManifestUid, ScopeId, Seqno};
use flatbuffers::{ForwardsUOffset, InvalidFlatbuffer, Verifiable, Verifier, VerifierOptions};

#[test]
fn ids_are_never_given_twice() {
    let made = Manifest::default().with_scope("inventory").unwrap();
    let made = made.with_collection("inventory", "hotels", 60).unwrap();
    let hotels = made.collection_named("inventory", "hotels").unwrap().id;
    assert_eq!((hotels, made.uid()), (CollectionId(9), ManifestUid(2)));
    let again = made.without_collection("inventory", "hotels").unwrap();
    let again = again.with_collection("inventory", "hotels", 0).unwrap();
    assert_eq!(again.collection_named("inventory", "hotels").unwrap().id, CollectionId(10));
    assert_eq!(again.uid(), ManifestUid(4));
}

#[test]
fn what_a_manifest_refuses() {
    let made = Manifest::default().with_scope("s").unwrap().with_collection("s", "c", 0).unwrap();
    let long = "x".repeat(252);
    for name in ["", "_x", "%x", "a.b", "\u{e4}", &long] {
        assert_eq!(made.with_scope(name), Err(ManifestFault::Name(name.to_owned())));
        assert_eq!(made.with_collection("s", name, 0), Err(ManifestFault::Name(name.to_owned())));
    }
    assert_eq!(made.with_scope("s"), Err(ManifestFault::Exists("s".to_owned())));
    assert_eq!(made.with_collection("s", "c", 0), Err(ManifestFault::Exists("s.c".to_owned())));
    let unknown = ManifestFault::UnknownScope("t".to_owned());
    assert_eq!(made.with_collection("t", "c", 0), Err(unknown.clone()));
    assert_eq!(made.without_scope("t"), Err(unknown));
    assert_eq!(made.without_scope("_default"), Err(ManifestFault::DefaultScope));
    let unknown = ManifestFault::UnknownCollection("s.d".to_owned());
    assert_eq!(made.without_collection("s", "d"), Err(unknown));
}

#[test]
fn a_manifest_survives_its_encoding() {
    let made = Manifest::default().with_scope("s").unwrap().with_collection("s", "c", 7).unwrap();
    let bytes = made.encode();
    assert_eq!(Manifest::decode(&bytes), Some(made));
    for cut in 0..bytes.len() {
        let read = Manifest::decode(&bytes[..cut]);
        assert!(read.is_none_or(|read| read.encode() == bytes[..cut]), "{cut}");
    }
}

#[test]
fn events_survive_their_documents() {
    let (scope, collection) = (ScopeId(8), CollectionId(300));
    for change in [
        SystemChange::CollectionCreated { scope, collection, name: "hotels", max_ttl: 60 },
        SystemChange::CollectionModified { scope, collection, name: "hotels", max_ttl: 90 },
        SystemChange::CollectionDropped { scope, collection },
        SystemChange::ScopeCreated { scope, name: "inventory" },
        SystemChange::ScopeDropped { scope },
    ] {
        let written = change.document(ManifestUid(0x1_0000_0002), 5);
        let meta = crate::types::DocMeta {
            seqno: Seqno(3),
            cas: crate::types::Cas(1),
            rev: crate::types::RevSeqno(1),
            flags: written.flags,
            expiry: written.expiry,
            datatype: written.datatype,
            kind: written.kind,
        };
        let key = change.key();
        assert!(is_system(&key));
        let event = SystemEvent { seqno: Seqno(3), manifest: ManifestUid(0x1_0000_0002), change };
        assert_eq!(SystemEvent::parse(&meta, &key, &written.value), Some(event));
        assert_eq!(SystemEvent::parse(&meta, b"\0key", &written.value), None);
        assert_eq!(SystemEvent::parse(&meta, &key, &written.value[..19]), None);
    }
}

#[test]
fn a_key_says_its_collection() {
    let qualified = QualifiedKey::new(Key::new(CollectionId(300), b"key")).unwrap();
    assert_eq!(qualified.as_bytes(), b"\xac\x02key");
    assert_eq!(CollectionId::split(qualified.as_bytes()), Ok((CollectionId(300), &b"key"[..])));
    assert_eq!(QualifiedKey::new(Key::from(b"key")).unwrap().as_bytes(), b"\0key");
    assert!(QualifiedKey::new(Key::from(b"")).is_none());
    let long = [b'k'; crate::limits::KEY_BYTES_MAX + 1];
    assert!(QualifiedKey::new(Key::from(&long[1..])).is_some());
    assert!(QualifiedKey::new(Key::from(&long)).is_none());
}

/// A table whose fields the verifier looks at: of a collection, or of a scope.
struct CollectionFields;
struct ScopeFields;

impl Verifiable for CollectionFields {
    fn run_verifier(v: &mut Verifier<'_, '_>, at: usize) -> Result<(), InvalidFlatbuffer> {
        v.visit_table(at)?
            .visit_field::<u64>("uid", 4, false)?
            .visit_field::<u32>("scopeId", 6, false)?
            .visit_field::<u32>("collectionId", 8, false)?
            .visit_field::<bool>("ttlValid", 10, false)?
            .visit_field::<u32>("maxTtl", 12, false)?
            .visit_field::<ForwardsUOffset<&str>>("name", 14, false)?
            .finish();
        Ok(())
    }
}

impl Verifiable for ScopeFields {
    fn run_verifier(v: &mut Verifier<'_, '_>, at: usize) -> Result<(), InvalidFlatbuffer> {
        v.visit_table(at)?
            .visit_field::<u64>("uid", 4, false)?
            .visit_field::<u32>("scopeId", 6, false)?
            .visit_field::<ForwardsUOffset<&str>>("name", 8, false)?
            .finish();
        Ok(())
    }
}

#[test]
fn flat_events_satisfy_the_verifier() {
    let (scope, collection) = (ScopeId(8), CollectionId(300));
    let long = "x".repeat(251);
    for (name, max_ttl) in [("hotels", 60), ("h", 0), (&long, u32::MAX)] {
        for (change, of_scope) in [
            (SystemChange::CollectionCreated { scope, collection, name, max_ttl }, false),
            (SystemChange::CollectionModified { scope, collection, name, max_ttl }, false),
            (SystemChange::CollectionDropped { scope, collection }, false),
            (SystemChange::ScopeCreated { scope, name }, true),
            (SystemChange::ScopeDropped { scope }, true),
        ] {
            let manifest = ManifestUid(u64::MAX);
            let value = flat(&SystemEvent { seqno: Seqno(3), manifest, change });
            let options = VerifierOptions::default();
            let mut verifier = Verifier::new(&options, &value);
            let verdict = if of_scope {
                ForwardsUOffset::<ScopeFields>::run_verifier(&mut verifier, 0)
            } else {
                ForwardsUOffset::<CollectionFields>::run_verifier(&mut verifier, 0)
            };
            assert!(verdict.is_ok(), "{change:?}: {verdict:?}");
        }
    }
}

#[test]
fn a_longest_time_to_live_may_change() {
    let made = Manifest::default().with_scope("s").unwrap().with_collection("s", "c", 7).unwrap();
    let changed = made.with_max_ttl("s", "c", 9).unwrap();
    let c = changed.collection_named("s", "c").unwrap();
    assert_eq!((c.max_ttl, c.changed, changed.uid()), (9, ManifestUid(3), ManifestUid(3)));
    assert_eq!(changed.with_max_ttl("s", "c", 9), Ok(changed.clone()));
    assert_eq!(Manifest::decode(&changed.encode()), Some(changed));
    let unknown = ManifestFault::UnknownCollection("s.d".to_owned());
    assert_eq!(made.with_max_ttl("s", "d", 9), Err(unknown));
}

#[test]
fn a_manifest_that_was_kept_before_collections_could_change_is_read() {
    let mut old = Vec::new();
    old.extend(5_u64.to_be_bytes());
    old.extend(10_u32.to_be_bytes());
    old.extend(1_u32.to_be_bytes());
    old.extend(0_u32.to_be_bytes());
    old.extend(b"\x08_default");
    for word in [9_u32, 0, 60] {
        old.extend(word.to_be_bytes());
    }
    old.extend(b"\x06hotels");
    let read = Manifest::decode(&old).expect("a manifest");
    let hotels = read.collection(CollectionId(9)).expect("a collection");
    assert_eq!((hotels.max_ttl, hotels.changed, &*hotels.name), (60, ManifestUid::ZERO, "hotels"));
}
