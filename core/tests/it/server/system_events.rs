//! System events in each of their layouts: numbers, and FlatBuffers for who asked for them.

use super::dcp::{Dcp, from_zero};
use super::requests::set;
use super::running::{Running, Wanted};
use millstream::engine::{Engine, EngineSettings};
use millstream::store::MemoryStore;
use millstream::types::{CollectionId, Seqno, VbId};
use millstream::wire::dcp::{
    Control, Open, OpenFlags, StreamFlags, StreamMessage, StreamReq, SystemEventKind,
};
use millstream::wire::kv::Store;
use millstream::wire::{Feature, Status};
use std::sync::Arc;
use std::time::{Duration, Instant};

const VB: VbId = VbId(3);

/// What a stream showed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Saw {
    Marker(u64, u64),
    Document(u64),
    Event(u64, SystemEventKind, String, Vec<u8>),
    Flat(u64, SystemEventKind, String, Fields),
    Advanced(u64),
    End(u32),
}

/// The fields of any of the tables, as a client reads them: 0 where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fields {
    uid: u64,
    scope: u32,
    /// The third field, if it is a number.
    collection: u32,
    has_ttl: bool,
    max_ttl: u32,
    name: Option<String>,
}

/// Reads a table as the format's description says, and not with the library that wrote it.
pub(super) struct Table<'a>(pub(super) &'a [u8]);

impl<'a> Table<'a> {
    fn at<const N: usize>(&self, place: usize) -> [u8; N] {
        self.0[place..place + N].try_into().expect("within the value")
    }

    fn root(&self) -> usize {
        u32::from_le_bytes(self.at(0)) as usize
    }

    /// Where a field is.
    fn place(&self, field: usize) -> Option<usize> {
        let root = self.root();
        let list = usize::try_from(root as i64 - i64::from(i32::from_le_bytes(self.at(root))));
        let list = list.expect("within the value");
        let offset = 4 + 2 * field;
        if offset >= usize::from(u16::from_le_bytes(self.at(list))) {
            return None;
        }
        let place = usize::from(u16::from_le_bytes(self.at(list + offset)));
        (place != 0).then_some(root + place)
    }

    pub(super) fn u32(&self, field: usize) -> u32 {
        self.place(field).map_or(0, |place| u32::from_le_bytes(self.at(place)))
    }

    fn text(&self, field: usize) -> Option<&'a str> {
        let place = self.place(field)?;
        let text = place + u32::from_le_bytes(self.at(place)) as usize;
        let len = u32::from_le_bytes(self.at(text)) as usize;
        assert_eq!(self.0[text + 4 + len], 0, "a NUL behind it");
        core::str::from_utf8(&self.0[text + 4..text + 4 + len]).ok()
    }

    fn fields(&self, kind: SystemEventKind) -> Fields {
        let of_scope = matches!(kind, SystemEventKind::CREATE_SCOPE | SystemEventKind::DROP_SCOPE);
        let uid = self.place(0).map_or(0, |place| u64::from_le_bytes(self.at(place)));
        let scope = self.u32(1);
        if of_scope {
            let name = self.text(2).map(str::to_owned);
            return Fields { uid, scope, name, ..Fields::default() };
        }
        Fields {
            uid,
            scope,
            collection: self.u32(2),
            has_ttl: self.place(3).is_some_and(|place| self.0[place] == 1),
            max_ttl: self.u32(4),
            name: self.text(5).map(str::to_owned),
        }
    }
}

fn dcp(server: &Running, name: &str, flat: bool) -> Dcp {
    dcp_with(server, name, flat, OpenFlags::PRODUCER)
}

fn dcp_with(server: &Running, name: &str, flat: bool, flags: OpenFlags) -> Dcp {
    let mut client = server.client();
    client.agree(&[Feature::COLLECTIONS]);
    let open = Open { flags, name: name.as_bytes(), value: &[] };
    assert_eq!(client.status(|opaque, out| open.encode(opaque, out)), Status::SUCCESS);
    let mut control = |key: &str| {
        let control = Control { key: key.as_bytes(), value: b"true" };
        assert_eq!(client.status(|opaque, out| control.encode(opaque, out)), Status::SUCCESS);
    };
    control("enable_noop");
    if flat {
        control("flatbuffers_system_events");
    }
    Dcp::adopt(client).with_collections()
}

/// What a stream shows up to its end.
fn shown(client: &mut Dcp, flags: StreamFlags, value: &'static str) -> Vec<Saw> {
    let flags = flags | StreamFlags::TO_LATEST;
    let request = StreamReq { flags, value: value.as_bytes(), ..from_zero(VB.0) };
    client.stream(&request);
    let mut all = Vec::new();
    while !matches!(all.last(), Some(Saw::End(_))) {
        all.push(see(client));
    }
    all
}

fn see(client: &mut Dcp) -> Saw {
    let frame = client.message();
    let message = StreamMessage::parse(&frame).expect("a message of the stream");
    assert_eq!(message.counted_bytes(), frame.wire_len());
    match message {
        StreamMessage::SnapshotMarker(m) => Saw::Marker(m.start.0, m.end.0),
        StreamMessage::Mutation(m) => Saw::Document(m.seqno.0),
        StreamMessage::SeqnoAdvanced(a) => Saw::Advanced(a.seqno.0),
        StreamMessage::StreamEnd(e) => Saw::End(e.reason),
        StreamMessage::SystemEvent(e) => {
            let name = String::from_utf8(e.name.to_vec()).expect("a name");
            match e.version {
                2 => Saw::Flat(e.seqno.0, e.kind, name, Table(e.value).fields(e.kind)),
                version => Saw::Event(e.seqno.0, e.kind, name, [&[version], e.value].concat()),
            }
        }
        other => panic!("{other:?}"),
    }
}

/// The value of a system event in numbers: its version, then the numbers.
fn numbers(version: u8, manifest: u64, rest: &[u32]) -> Vec<u8> {
    let mut out = vec![version];
    out.extend(manifest.to_be_bytes());
    rest.iter().for_each(|n| out.extend(n.to_be_bytes()));
    out
}

fn persist(server: &Running) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.engine.vbucket(VB).is_none_or(|stats| stats.persisted < stats.high) {
        assert!(Instant::now() < deadline, "it is persisted");
        std::thread::yield_now();
    }
}

/// A scope 8 with the collections 9, of a minute and then of ninety seconds, and 10, which is dropped with its scope.
fn scene(server: &Running) {
    let engine = &server.engine;
    engine.create_scope("inventory").expect("a scope");
    engine.create_collection("inventory", "hotels", 60).expect("a collection");
    engine.set_max_ttl("inventory", "hotels", 90).expect("a change");
    engine.create_collection("inventory", "flights", 0).expect("a collection");
}

const CREATE: SystemEventKind = SystemEventKind::CREATE_COLLECTION;
const MODIFY: SystemEventKind = SystemEventKind::MODIFY_COLLECTION;
const DROP: SystemEventKind = SystemEventKind::DROP_COLLECTION;
const CREATE_SCOPE: SystemEventKind = SystemEventKind::CREATE_SCOPE;
const DROP_SCOPE: SystemEventKind = SystemEventKind::DROP_SCOPE;

fn made(seqno: u64, kind: SystemEventKind, uid: u64, name: &str, id: u32, max_ttl: u32) -> Saw {
    let fields = Fields {
        uid,
        scope: 8,
        collection: id,
        has_ttl: max_ttl != 0,
        max_ttl,
        name: Some(name.to_owned()),
    };
    Saw::Flat(seqno, kind, name.to_owned(), fields)
}

/// What the scene looks like in FlatBuffers.
fn flat() -> Vec<Saw> {
    let name = Some("inventory".to_owned());
    let scope = Fields { uid: 1, scope: 8, name, ..Fields::default() };
    vec![
        Saw::Flat(1, CREATE_SCOPE, "inventory".to_owned(), scope),
        made(2, CREATE, 2, "hotels", 9, 60),
        made(3, MODIFY, 3, "hotels", 9, 90),
        made(4, CREATE, 4, "flights", 10, 0),
    ]
}

#[test]
fn who_asked_for_flatbuffers_gets_them_and_is_told_of_changes() {
    let server = Running::start();
    scene(&server);
    persist(&server);
    let mut client = dcp(&server, "flat", true);
    let all = [vec![Saw::Marker(0, 4)], flat(), vec![Saw::End(0)]].concat();
    for flags in [StreamFlags::NONE, StreamFlags::DISK_ONLY] {
        assert_eq!(shown(&mut client, flags, ""), all, "{flags:?}");
        assert_eq!(shown(&mut client, flags, r#"{"scope":"8"}"#), all, "{flags:?}");
        let hotels = shown(&mut client, flags, r#"{"collections":["9"]}"#);
        let events = flat();
        let shows = |end, rest: &[Saw]| {
            [&[Saw::Marker(0, end), events[1].clone(), events[2].clone()], rest].concat()
        };
        let expected = if flags == StreamFlags::NONE {
            shows(3, &[Saw::End(0)])
        } else {
            shows(4, &[Saw::Advanced(4), Saw::End(0)])
        };
        assert_eq!(hotels, expected, "{flags:?}");
    }
    server.engine.drop_scope("inventory").expect("it was there");
    persist(&server);
    let gone = |seqno, id| {
        let fields = Fields { uid: 5, scope: 8, collection: id, ..Fields::default() };
        Saw::Flat(seqno, DROP, String::new(), fields)
    };
    let scope = Fields { uid: 5, scope: 8, ..Fields::default() };
    let scope = Saw::Flat(7, DROP_SCOPE, String::new(), scope);
    for flags in [StreamFlags::NONE, StreamFlags::DISK_ONLY] {
        // The change went with its collection.
        let expected = vec![Saw::Marker(0, 7), gone(5, 9), gone(6, 10), scope.clone(), Saw::End(0)];
        assert_eq!(shown(&mut client, flags, ""), expected, "{flags:?}");
    }
}

#[test]
fn who_did_not_gets_numbers_and_is_told_of_no_change() {
    let server = Running::start();
    scene(&server);
    persist(&server);
    let mut client = dcp(&server, "numbers", false);
    let scope = Saw::Event(1, CREATE_SCOPE, "inventory".to_owned(), numbers(0, 1, &[8]));
    let hotels = Saw::Event(2, CREATE, "hotels".to_owned(), numbers(1, 2, &[8, 9, 60]));
    let flights = Saw::Event(4, CREATE, "flights".to_owned(), numbers(0, 4, &[8, 10]));
    for flags in [StreamFlags::NONE, StreamFlags::DISK_ONLY] {
        let expected = [Saw::Marker(0, 4), scope.clone(), hotels.clone(), flights.clone()];
        let expected = [&expected[..], &[Saw::End(0)]].concat();
        assert_eq!(shown(&mut client, flags, ""), expected, "{flags:?}");
    }
    // A change that is the last of its snapshot: the client is told where it is.
    server.engine.set_max_ttl("inventory", "hotels", 0).expect("a change");
    persist(&server);
    for flags in [StreamFlags::NONE, StreamFlags::DISK_ONLY] {
        let all = shown(&mut client, flags, "");
        assert_eq!(all[0], Saw::Marker(0, 5));
        assert_eq!(all[all.len() - 2..], [Saw::Advanced(5), Saw::End(0)], "{all:?}");
        assert!(!all.iter().any(|saw| matches!(saw, Saw::Event(_, MODIFY, ..))), "{all:?}");
    }
}

#[test]
fn events_keep_their_values_where_documents_are_sent_without() {
    let server = Running::start();
    scene(&server);
    persist(&server);
    for without in [OpenFlags::NO_VALUE, OpenFlags::NO_VALUE_WITH_DATATYPE] {
        let flags = OpenFlags::PRODUCER.with(without);
        let mut client = dcp_with(&server, "keys", true, flags);
        let all = [vec![Saw::Marker(0, 4)], flat(), vec![Saw::End(0)]].concat();
        for source in [StreamFlags::NONE, StreamFlags::DISK_ONLY] {
            assert_eq!(shown(&mut client, source, ""), all, "{without:?} {source:?}");
        }
    }
}

#[test]
fn a_change_counts_for_what_is_written_from_then_on() {
    let server = Running::start();
    scene(&server);
    let mut writer = server.client();
    writer.agree(&[Feature::COLLECTIONS]);
    let mut expiry = |name: &[u8]| {
        let key = [b"\x09", name].concat();
        writer.store(Store { key: &key, ..set(VB.0, b"", b"1") });
        let mut session = server.engine.session("test");
        let key = millstream::collections::Key::new(CollectionId(9), name);
        let found = session.look(VB, key, |found| found.expect("it is there").meta.expiry);
        found.expect("in memory").saturating_sub(server.engine.unix_seconds())
    };
    assert!((85..=90).contains(&expiry(b"a")));
    server.engine.set_max_ttl("inventory", "hotels", 0).expect("a change");
    assert_eq!(expiry(b"b"), 0);
    let before = server.engine.manifest().uid();
    let same = server.engine.set_max_ttl("inventory", "hotels", 0).expect("it changes nothing");
    assert_eq!(same.uid(), before);
    assert!(server.engine.set_max_ttl("inventory", "none", 1).is_err());
    server.engine.set_max_ttl("_default", "_default", 30).expect("the default collection too");
    writer.store(Store { key: b"\0k", ..set(VB.0, b"", b"1") });
    let mut session = server.engine.session("test");
    let found = session.look(VB, &b"k"[..], |found| found.expect("it is there").meta.expiry);
    let left = found.expect("in memory") - server.engine.unix_seconds();
    assert!((25..=30).contains(&left), "{left}");
}

#[test]
fn a_change_outlives_the_engine_and_is_told_where_it_was_missed() {
    let store = Arc::new(MemoryStore::new(16));
    let open = || {
        let builder = Engine::builder(Arc::clone(&store)).settings(EngineSettings::default());
        Running::over(builder.open().expect("an engine"), Wanted::default().server)
    };
    let server = open();
    server.engine.set_vbucket_state(VbId(4), millstream::types::VbState::Replica).expect("set");
    scene(&server);
    server.engine.set_max_ttl("_default", "_default", 30).expect("a change");
    persist(&server);
    drop(server);
    let server = open();
    let manifest = server.engine.manifest();
    assert_eq!(manifest.collection(CollectionId(9)).expect("hotels").max_ttl, 90);
    assert_eq!(manifest.collection(CollectionId::ZERO).expect("the default one").max_ttl, 30);
    let changed = Saw::Flat(
        5,
        MODIFY,
        "_default".to_owned(),
        Fields {
            uid: 5,
            has_ttl: true,
            max_ttl: 30,
            name: Some("_default".to_owned()),
            ..Fields::default()
        },
    );
    let mut client = dcp(&server, "flat", true);
    let expected = [vec![Saw::Marker(0, 5)], flat(), vec![changed, Saw::End(0)]].concat();
    assert_eq!(shown(&mut client, StreamFlags::NONE, ""), expected, "nothing is told twice");
    assert_eq!(server.engine.vbucket(VB).expect("it exists").high, Seqno(5));
    // A vbucket that was not active when it happened.
    server.engine.set_vbucket_state(VbId(4), millstream::types::VbState::Active).expect("set");
    // It tells what it missed a moment later.
    while server.engine.vbucket(VbId(4)).expect("it exists").high < Seqno(5) {
        std::thread::yield_now();
    }
    let request = StreamReq { flags: StreamFlags::TO_LATEST, ..from_zero(4) };
    client.stream(&request);
    let mut kinds = Vec::new();
    loop {
        match see(&mut client) {
            Saw::Flat(_, kind, name, fields) => kinds.push((kind, name, fields.max_ttl)),
            Saw::End(_) => break,
            _ => {}
        }
    }
    kinds.sort_by_key(|(kind, name, _)| (kind.0, name.clone()));
    let row = |kind, name: &str, ttl| (kind, name.to_owned(), ttl);
    assert_eq!(
        kinds,
        [
            row(CREATE, "flights", 0),
            row(CREATE, "hotels", 90),
            row(CREATE_SCOPE, "inventory", 0),
            row(MODIFY, "_default", 30),
            row(MODIFY, "hotels", 90),
        ]
    );
}
