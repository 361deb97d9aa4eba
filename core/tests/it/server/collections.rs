//! Scopes and collections: keys that name them, questions about them, and what streams show of them.

use super::client::{Client, value};
use super::dcp::Dcp;
use super::running::Running;
use bytes::BytesMut;
use millstream::types::{CollectionId, EndReason, Seqno, VbId};
use millstream::wire::dcp::{
    FailoverLogAnswer, Open, OpenFlags, StreamFlags, StreamMessage, StreamReq, SystemEventKind,
};
use millstream::wire::kv::{
    CollectionIdAnswer, Delete, Get, GetAllVbSeqnos, GetCollectionId, GetManifest, GetScopeId,
    Hello, HelloAnswer, ScopeIdAnswer, Store, StoreMode,
};
use millstream::wire::{Feature, FeatureSet, Frame, Status};

const VB: VbId = VbId(3);

/// A connection that agreed on collections.
fn aware(server: &Running) -> Client {
    let mut client = server.client();
    let features = FeatureSet::of(&[Feature::COLLECTIONS, Feature::JSON]);
    let hello = Hello { agent: b"test", features };
    let frame = client.ask(|opaque, out| hello.encode(opaque, out));
    assert_eq!(HelloAnswer::parse(&frame).expect("an answer").features, features);
    client
}

fn key(collection: u32, name: &str) -> Vec<u8> {
    let mut key = BytesMut::new();
    CollectionId(collection).encode(&mut key);
    key.extend_from_slice(name.as_bytes());
    key.to_vec()
}

fn put(client: &mut Client, key: &[u8], value: &[u8]) -> Status {
    let store = Store { key, value, ..super::requests::set(VB.0, b"", b"") };
    assert_eq!(store.mode, StoreMode::Set);
    client.status(|opaque, out| store.encode(opaque, out))
}

fn get(client: &mut Client, key: &[u8]) -> Frame {
    let get = Get { key, ..super::requests::get(VB.0, b"") };
    client.ask(|opaque, out| get.encode(opaque, out))
}

/// What a stream showed, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Saw {
    Marker(u64, u64),
    Doc(u64, Vec<u8>),
    Event(u64, SystemEventKind, String, Vec<u8>),
    Advanced(u64),
    End(Option<EndReason>),
}

/// Opens a DCP connection.
fn dcp(server: &Running, name: &str, aware_of_collections: bool) -> Dcp {
    let mut client = if aware_of_collections { aware(server) } else { server.client() };
    let open = Open { flags: OpenFlags::PRODUCER, name: name.as_bytes(), value: &[] };
    assert_eq!(client.status(|opaque, out| open.encode(opaque, out)), Status::SUCCESS);
    let dcp = Dcp::adopt(client);
    let mut dcp = if aware_of_collections { dcp.with_collections() } else { dcp };
    dcp.control("enable_noop", "true");
    dcp
}

fn ask(client: &mut Dcp, value: &'static str, flags: StreamFlags, start: u64) -> Frame {
    client.try_stream(&StreamReq {
        flags,
        value: value.as_bytes(),
        start: Seqno(start),
        snap_start: Seqno(start),
        snap_end: Seqno(start),
        ..super::dcp::from_zero(VB.0)
    })
}

fn start(client: &mut Dcp, value: &'static str, flags: StreamFlags) {
    FailoverLogAnswer::parse(&ask(client, value, flags, 0)).expect("it is granted");
}

fn saw(client: &mut Dcp, count: usize) -> Vec<Saw> {
    (0..count).map(|_| see(&client.message())).collect()
}

fn see(frame: &Frame) -> Saw {
    match StreamMessage::parse(frame).expect("a message of the stream") {
        StreamMessage::SnapshotMarker(m) => Saw::Marker(m.start.0, m.end.0),
        StreamMessage::Mutation(m) => Saw::Doc(m.seqno.0, m.key.to_vec()),
        StreamMessage::SystemEvent(e) => {
            let name = String::from_utf8(e.name.to_vec()).expect("a name");
            Saw::Event(e.seqno.0, e.kind, name, [&[e.version], e.value].concat())
        }
        StreamMessage::SeqnoAdvanced(a) => Saw::Advanced(a.seqno.0),
        StreamMessage::StreamEnd(e) => Saw::End(EndReason::from_u32(e.reason)),
        other => panic!("{other:?}"),
    }
}

/// The value of a system event: its version, then numbers.
fn ids(version: u8, manifest: u64, rest: &[u32]) -> Vec<u8> {
    let mut out = vec![version];
    out.extend(manifest.to_be_bytes());
    rest.iter().for_each(|n| out.extend(n.to_be_bytes()));
    out
}

/// A scope 8 with the collections 9 (of a minute) and 10, and a document in each and in the default collection:
/// seqnos of vbucket 3: 1 the kept manifest or a scope's event, and so on; see `history`.
fn scene() -> Running {
    let server = Running::start();
    server.engine.create_scope("inventory").expect("a scope");
    server.engine.create_collection("inventory", "hotels", 60).expect("a collection");
    server.engine.create_collection("inventory", "flights", 0).expect("a collection");
    let mut client = aware(&server);
    assert_eq!(put(&mut client, &key(0, "k"), b"default"), Status::SUCCESS);
    assert_eq!(put(&mut client, &key(9, "k"), b"hotel"), Status::SUCCESS);
    assert_eq!(put(&mut client, &key(10, "k"), b"flight"), Status::SUCCESS);
    server
}

fn created() -> [Saw; 3] {
    let (scope, collection) = (SystemEventKind::CREATE_SCOPE, SystemEventKind::CREATE_COLLECTION);
    [
        Saw::Event(1, scope, "inventory".to_owned(), ids(0, 1, &[8])),
        Saw::Event(2, collection, "hotels".to_owned(), ids(1, 2, &[8, 9, 60])),
        Saw::Event(3, collection, "flights".to_owned(), ids(0, 3, &[8, 10])),
    ]
}

#[test]
fn a_key_lives_in_its_collection_alone() {
    let server = scene();
    let mut client = aware(&server);
    for (collection, expected) in [(0, "default"), (9, "hotel"), (10, "flight")] {
        let frame = get(&mut client, &key(collection, "k"));
        assert_eq!(value(&frame), expected.as_bytes());
    }
    // A client that does not know of collections sees the default one.
    assert_eq!(server.client().value(VB.0, b"k"), b"default");
    for unknown in [1, 2, 7, 8, 11, 0xffff_ffff] {
        let frame = get(&mut client, &key(unknown, "k"));
        assert_eq!(frame.status(), Status::UNKNOWN_COLLECTION, "{unknown}");
        assert_eq!(frame.value(), br#"{"manifest_uid":"3"}"#);
        assert_eq!(put(&mut client, &key(unknown, "k"), b""), Status::UNKNOWN_COLLECTION);
    }
    assert_eq!(put(&mut client, &key(9, ""), b""), Status::EINVAL, "a prefix is no key");
    assert_eq!(put(&mut client, b"\x80", b""), Status::EINVAL, "an id that does not end");
    server.engine.drop_collection("inventory", "hotels").expect("it was there");
    let frame = get(&mut client, &key(9, "k"));
    assert_eq!(frame.status(), Status::UNKNOWN_COLLECTION);
    assert_eq!(value(&get(&mut client, &key(10, "k"))), b"flight");
}

#[test]
fn documents_of_a_collection_live_no_longer_than_it_says() {
    let server = scene();
    let now = server.engine.unix_seconds();
    let mut session = server.engine.session("test");
    let hotel = millstream::collections::Key::new(CollectionId(9), b"k");
    let expiry = session.look(VB, hotel, |found| found.expect("it is there").meta.expiry);
    assert!((now + 55..=now + 60).contains(&expiry.expect("in memory")), "{expiry:?} at {now}");
    let flight = millstream::collections::Key::new(CollectionId(10), b"k");
    let expiry = session.look(VB, flight, |found| found.expect("it is there").meta.expiry);
    assert_eq!(expiry, Ok(0));
}

#[test]
fn questions_about_the_manifest() {
    let server = scene();
    let mut client = aware(&server);
    let manifest = value(&client.ask(|opaque, out| GetManifest.encode(opaque, out)));
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    let expected = serde_json::json!({ "uid": "3", "scopes": [
        { "name": "_default", "uid": "0", "collections": [{ "name": "_default", "uid": "0" }] },
        { "name": "inventory", "uid": "8", "collections": [
            { "name": "hotels", "uid": "9", "maxTTL": 60 }, { "name": "flights", "uid": "a" },
        ] },
    ] });
    assert_eq!(manifest, expected);
    let mut id_of = |path: &str| {
        let request = GetCollectionId { path: path.as_bytes() };
        let frame = client.ask(|opaque, out| request.encode(opaque, out));
        match frame.status() {
            Status::SUCCESS => Ok(CollectionIdAnswer::parse(&frame).expect("an answer")),
            refused => Err(refused),
        }
    };
    let found =
        |collection| Ok(CollectionIdAnswer { manifest: 3, collection: CollectionId(collection) });
    assert_eq!(id_of("inventory.hotels"), found(9));
    assert_eq!(id_of("_default._default"), found(0));
    assert_eq!(id_of("."), found(0));
    assert_eq!(id_of("inventory.none"), Err(Status::UNKNOWN_COLLECTION));
    assert_eq!(id_of("none.hotels"), Err(Status::UNKNOWN_SCOPE));
    assert_eq!(id_of("hotels"), Err(Status::EINVAL));
    assert_eq!(id_of("a.b.c"), Err(Status::EINVAL));
    let scope = GetScopeId { path: b"inventory" };
    let frame = client.ask(|opaque, out| scope.encode(opaque, out));
    let answer = ScopeIdAnswer::parse(&frame).expect("an answer");
    assert_eq!((answer.manifest, answer.scope.0), (3, 8));
    let scope = GetScopeId { path: b"none" };
    assert_eq!(client.status(|o, out| scope.encode(o, out)), Status::UNKNOWN_SCOPE);
}

#[test]
fn everything_is_shown_with_the_events_in_their_places() {
    let server = scene();
    let mut client = dcp(&server, "all", true);
    for flags in [StreamFlags::NONE, StreamFlags::DISK_ONLY] {
        persist(&server);
        start(&mut client, "", flags);
        let mut expected = vec![Saw::Marker(0, 6)];
        expected.extend(created());
        expected.extend([(4, 0), (5, 9), (6, 10)].map(|(seqno, c)| Saw::Doc(seqno, key(c, "k"))));
        assert_eq!(saw(&mut client, 7), expected, "{flags:?}");
        if flags == StreamFlags::DISK_ONLY {
            assert_eq!(saw(&mut client, 1), [Saw::End(Some(EndReason::Ok))]);
        } else {
            server.engine.set_vbucket_state(VB, millstream::types::VbState::Replica).expect("set");
            assert_eq!(saw(&mut client, 1), [Saw::End(Some(EndReason::StateChanged))]);
        }
    }
}

/// A vbucket that becomes active has yet to hear of what it missed: whoever writes to it at once is not told that there
/// is no such collection, and a stream shows each before its documents.
#[test]
fn a_vbucket_that_becomes_active_takes_documents_of_collections_that_it_missed() {
    use millstream::types::VbState;
    const ROUNDS: u32 = 20;
    let server = scene();
    let mut client = aware(&server);
    for round in 0..ROUNDS {
        server.engine.set_vbucket_state(VB, VbState::Replica).expect("set");
        let name = format!("missed-{round}");
        server.engine.create_collection("_default", &name, 0).expect("a collection");
        server.engine.set_vbucket_state(VB, VbState::Active).expect("set");
        let status = put(&mut client, &key(11 + round, "k"), b"v");
        assert_eq!(status, Status::SUCCESS, "round {round}");
    }
    let mut client = dcp(&server, "all", true);
    start(&mut client, "", StreamFlags::NONE);
    let seen = saw(&mut client, 7 + 2 * ROUNDS as usize).split_off(7);
    for (round, pair) in (0..ROUNDS).zip(seen.chunks(2)) {
        let [Saw::Event(made, kind, ..), Saw::Doc(written, name)] = pair else {
            panic!("{pair:?}")
        };
        assert_eq!((*kind, name), (SystemEventKind::CREATE_COLLECTION, &key(11 + round, "k")));
        assert!(made < written);
    }
}

#[test]
fn a_client_that_does_not_know_of_collections_sees_the_default_one() {
    let server = scene();
    persist(&server);
    for flags in [StreamFlags::NONE, StreamFlags::DISK_ONLY] {
        let mut client = dcp(&server, "old", false);
        start(&mut client, "", flags);
        let expected = [Saw::Marker(0, 4), Saw::Doc(4, b"k".to_vec())];
        assert_eq!(saw(&mut client, 2), expected, "{flags:?}");
    }
    let mut client = server.client();
    let request = GetAllVbSeqnos { state: None, collection: None };
    let frame = client.ask(|opaque, out| request.encode(opaque, out));
    let entries = millstream::wire::kv::AllVbSeqnosAnswer::parse(&frame).expect("seqnos").entries;
    assert_eq!(entries[3], (VB, Seqno(4)));
    let mut client = dcp(&server, "refused", false);
    let frame = ask(&mut client, r#"{"collections":["9"]}"#, StreamFlags::NONE, 0);
    assert_eq!(frame.status(), Status::EINVAL);
}

#[test]
fn high_seqnos_are_told_by_collection() {
    let server = scene();
    let mut client = aware(&server);
    let mut high = |collection| {
        let request = GetAllVbSeqnos {
            state: Some(millstream::types::VbState::Active),
            collection: Some(CollectionId(collection)),
        };
        let frame = client.ask(|opaque, out| request.encode(opaque, out));
        let answer = millstream::wire::kv::AllVbSeqnosAnswer::parse(&frame);
        answer.map(|answer| answer.entries).map_err(|_| frame.status())
    };
    for (collection, seqno) in [(0, 4), (9, 5), (10, 6)] {
        let entries = high(collection).expect("seqnos");
        assert_eq!((entries.len(), entries[3]), (16, (VB, Seqno(seqno))), "{collection}");
        let elsewhere = if collection == 0 { Seqno(0) } else { Seqno(collection.into()) };
        assert!(entries.iter().filter(|(vb, _)| *vb != VB).all(|(_, high)| *high <= elsewhere));
    }
    assert_eq!(high(11), Err(Status::UNKNOWN_COLLECTION));
    let of_all = GetAllVbSeqnos { state: None, collection: None };
    let frame = client.ask(|opaque, out| of_all.encode(opaque, out));
    let entries = millstream::wire::kv::AllVbSeqnosAnswer::parse(&frame).expect("seqnos").entries;
    assert_eq!(entries[3], (VB, Seqno(6)));
    let mut old = server.client();
    let request = GetAllVbSeqnos {
        state: Some(millstream::types::VbState::Active),
        collection: Some(CollectionId(9)),
    };
    assert_eq!(old.status(|opaque, out| request.encode(opaque, out)), Status::EINVAL);
}

#[test]
fn who_does_not_know_of_collections_has_nothing_left_once_the_default_one_is_dropped() {
    let server = scene();
    persist(&server);
    let mut watching = dcp(&server, "watching", false);
    start(&mut watching, "", StreamFlags::NONE);
    let expected = [Saw::Marker(0, 4), Saw::Doc(4, b"k".to_vec())];
    assert_eq!(saw(&mut watching, 2), expected);
    let mut filtered = dcp(&server, "filtered", true);
    start(&mut filtered, r#"{"collections":["0"]}"#, StreamFlags::NONE);
    let expected = [Saw::Marker(0, 6), Saw::Doc(4, key(0, "k")), Saw::Advanced(6)];
    assert_eq!(saw(&mut filtered, 3), expected);
    server.engine.drop_collection("_default", "_default").expect("it was there");
    // The reason came with collections, of which this client knows nothing.
    assert_eq!(saw(&mut watching, 1), [Saw::End(Some(EndReason::Ok))]);
    let dropped =
        Saw::Event(7, SystemEventKind::DROP_COLLECTION, String::new(), ids(0, 4, &[0, 0]));
    let expected = [Saw::Marker(7, 7), dropped, Saw::End(Some(EndReason::FilterEmpty))];
    assert_eq!(saw(&mut filtered, 3), expected);
    assert_eq!(ask(&mut watching, "", StreamFlags::NONE, 0).status(), Status::UNKNOWN_COLLECTION);
    // What it held is not shown any more, wherever it is still kept.
    persist(&server);
    let mut all = dcp(&server, "all", true);
    for flags in [StreamFlags::NONE, StreamFlags::DISK_ONLY] {
        start(&mut all, "", flags);
        let shown = saw(&mut all, 7);
        assert!(!shown.contains(&Saw::Doc(4, key(0, "k"))), "{flags:?}: {shown:?}");
        assert!(shown.contains(&Saw::Doc(5, key(9, "k"))), "{flags:?}: {shown:?}");
        if flags == StreamFlags::NONE {
            server.engine.set_vbucket_state(VB, millstream::types::VbState::Replica).expect("set");
            assert_eq!(saw(&mut all, 1), [Saw::End(Some(EndReason::StateChanged))]);
        }
    }
}

#[test]
fn a_filter_on_collections_tells_of_what_it_skips_and_ends_when_they_are_gone() {
    let server = scene();
    persist(&server);
    let mut client = dcp(&server, "filtered", true);
    start(&mut client, r#"{"collections":["9"]}"#, StreamFlags::NONE);
    let hotels = created()[1].clone();
    let expected = [Saw::Marker(0, 6), hotels.clone(), Saw::Doc(5, key(9, "k")), Saw::Advanced(6)];
    assert_eq!(saw(&mut client, 4), expected);
    assert_eq!(put(&mut aware(&server), &key(0, "other"), b""), Status::SUCCESS);
    assert_eq!(saw(&mut client, 2), [Saw::Marker(7, 7), Saw::Advanced(7)]);
    server.engine.drop_collection("inventory", "hotels").expect("it was there");
    let dropped = SystemEventKind::DROP_COLLECTION;
    let gone = Saw::Event(8, dropped, String::new(), ids(0, 4, &[8, 9]));
    let expected = [Saw::Marker(8, 8), gone, Saw::End(Some(EndReason::FilterEmpty))];
    assert_eq!(saw(&mut client, 3), expected);
    let frame = ask(&mut client, r#"{"collections":["9"]}"#, StreamFlags::NONE, 0);
    assert_eq!(frame.status(), Status::UNKNOWN_COLLECTION);
    assert_eq!(
        frame.value(),
        br#"{"error":{"context":"there is no collection 0x9"},"manifest_uid":"4"}"#
    );
    // What it held is gone from the store's history too, for whoever reads it from now on.
    persist(&server);
    start(&mut client, "", StreamFlags::DISK_ONLY);
    let shown = saw(&mut client, 8);
    assert!(!shown.contains(&hotels) && !shown.contains(&Saw::Doc(5, key(9, "k"))), "{shown:?}");
    assert_eq!(shown.last(), Some(&Saw::End(Some(EndReason::Ok))), "{shown:?}");
}

#[test]
fn a_filter_on_a_scope_follows_it() {
    let server = scene();
    let mut client = dcp(&server, "scope", true);
    start(&mut client, r#"{"scope":"8"}"#, StreamFlags::NONE);
    let [scope, hotels, flights] = created();
    let docs = [Saw::Doc(5, key(9, "k")), Saw::Doc(6, key(10, "k"))];
    let expected: Vec<_> =
        [Saw::Marker(0, 6), scope, hotels, flights].into_iter().chain(docs).collect();
    assert_eq!(saw(&mut client, 6), expected);
    server.engine.create_collection("inventory", "trains", 0).expect("a collection");
    server.engine.create_collection("_default", "other", 0).expect("a collection");
    assert_eq!(put(&mut aware(&server), &key(11, "k"), b"train"), Status::SUCCESS);
    server.engine.drop_scope("inventory").expect("it was there");
    let mut kinds = Vec::new();
    loop {
        match saw(&mut client, 1).remove(0) {
            Saw::Event(_, kind, name, _) => kinds.push((kind, name)),
            Saw::End(reason) => {
                assert_eq!(reason, Some(EndReason::FilterEmpty));
                break;
            }
            Saw::Doc(_, name) => assert_eq!(name, key(11, "k")),
            Saw::Marker(..) | Saw::Advanced(_) => {}
        }
    }
    assert_eq!(kinds[0], (SystemEventKind::CREATE_COLLECTION, "trains".to_owned()));
    let (collection, scope) = (SystemEventKind::DROP_COLLECTION, SystemEventKind::DROP_SCOPE);
    let dropped: Vec<_> = kinds[1..].iter().map(|(kind, _)| *kind).collect();
    assert_eq!(dropped, [collection, collection, collection, scope]);
}

#[test]
fn what_a_value_is_refused_for() {
    let server = scene();
    let mut client = dcp(&server, "refused", true);
    for (value, status) in [
        ("{", Status::EINVAL),
        ("{}", Status::EINVAL),
        (r#"{"collections":[]}"#, Status::EINVAL),
        (r#"{"collections":["9"],"scope":"8"}"#, Status::EINVAL),
        (r#"{"scope":"99"}"#, Status::UNKNOWN_SCOPE),
        (r#"{"collections":["9","99"]}"#, Status::UNKNOWN_COLLECTION),
        (r#"{"sid":0,"uid":"0"}"#, Status::DCP_STREAM_ID_INVALID),
        (r#"{"sid":7,"uid":"0"}"#, Status::DCP_STREAM_ID_INVALID),
    ] {
        let frame = ask(&mut client, value, StreamFlags::NONE, 0);
        assert_eq!(frame.status(), status, "{value}");
    }
}

/// Of the default collection a tombstone is purged. Who has all of its own collection is not sent back for that, though it
/// stands before it; with another collection that goes on behind it, it is. And a stream from the beginning, whose
/// backfill begins where its collection does, is not ended for what was purged behind that.
#[test]
fn what_was_purged_of_another_collection_sends_nobody_back() {
    let server = scene();
    let mut client = aware(&server);
    // The deletion at 8 is purged, that at 10 is the newest of its collection, and collection 10 has a document at 11.
    for name in ["k", "l"] {
        assert_eq!(put(&mut client, &key(0, name), b"v"), Status::SUCCESS);
        let key = key(0, name);
        let delete = Delete { key: &key, ..super::requests::delete(VB.0, b"") };
        assert_eq!(client.status(|opaque, out| delete.encode(opaque, out)), Status::SUCCESS);
    }
    assert_eq!(put(&mut client, &key(10, "l"), b"v"), Status::SUCCESS);
    persist(&server);
    assert_eq!(server.engine.purge(VB, std::time::Duration::ZERO).expect("purged"), 1);
    let stats = server.engine.vbucket(VB).expect("it exists");
    assert_eq!((stats.high, stats.purge), (Seqno(11), Seqno(8)));
    let uuid = server.engine.failover_log(VB).expect("it exists")[0].uuid;
    for (filter, start, status) in [
        (r#"{"collections":["9"]}"#, 5, Status::SUCCESS),
        (r#"{"collections":["9"]}"#, 7, Status::SUCCESS),
        (r#"{"collections":["9"]}"#, 4, Status::ROLLBACK),
        (r#"{"collections":["a"]}"#, 6, Status::ROLLBACK),
        (r#"{"collections":["9","a"]}"#, 6, Status::ROLLBACK),
        (r#"{"collections":["9","a"]}"#, 8, Status::SUCCESS),
        ("", 7, Status::ROLLBACK),
    ] {
        let seqno = Seqno(start);
        let mut resuming = dcp(&server, "resuming", true);
        let frame = resuming.try_stream(&StreamReq {
            value: filter.as_bytes(),
            start: seqno,
            snap_start: seqno,
            snap_end: seqno,
            uuid,
            ..super::dcp::from_zero(VB.0)
        });
        assert_eq!(frame.status(), status, "{filter} from {start}");
    }
    let mut beginning = dcp(&server, "beginning", true);
    start(&mut beginning, r#"{"collections":["9"]}"#, StreamFlags::DISK_ONLY);
    let seen = saw(&mut beginning, 5);
    assert_eq!(seen[1..3], [created()[1].clone(), Saw::Doc(5, key(9, "k"))]);
    assert_eq!(seen[4], Saw::End(Some(EndReason::Ok)), "{seen:?}");
}

/// Waits until vbucket 3 is persisted.
fn persist(server: &Running) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let stats = server.engine.vbucket(VB).expect("it exists");
        if stats.persisted >= stats.high {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{stats:?}");
        std::thread::yield_now();
    }
}
