//! The flags of a stream request, and of the opening, in what they show: with filters and without.

use super::client::Client;
use super::dcp::from_zero;
use super::gated::{Gate, gated_store};
use super::requests::{delete, set};
use super::running::{Running, Wanted};
use super::sids::{Saw, Sids, aware, key};
use millstream::Engine;
use millstream::store::{MemoryStore, Store as _};
use millstream::types::{CollectionId, EndReason, Seqno, VbId, VbState, VbUuid};
use millstream::wire::Status;
use millstream::wire::dcp::{OpenFlags, RollbackAnswer, StreamFlags, StreamReq};
use millstream::wire::kv::{Delete, Store};
use std::sync::Arc;

const VB: u16 = 3;
const FILTERS: [&str; 3] = ["", r#"{"collections":["8"]}"#, r#"{"scope":"0"}"#];

fn with(value: &str, flags: StreamFlags) -> StreamReq<'_> {
    StreamReq { flags, value: value.as_bytes(), ..from_zero(VB) }
}

fn at(request: StreamReq<'_>, seqno: u64, uuid: VbUuid) -> StreamReq<'_> {
    let seqno = Seqno(seqno);
    StreamReq { start: seqno, snap_start: seqno, snap_end: seqno, uuid, ..request }
}

fn put(client: &mut Client, key: &[u8]) {
    client.store(Store { key, value: b"value", ..set(VB, b"", b"") });
}

fn remove(client: &mut Client, key: &[u8]) {
    let delete = Delete { key, ..delete(VB, b"") };
    assert_eq!(client.status(|opaque, out| delete.encode(opaque, out)), Status::SUCCESS);
}

/// The collections 8 (event at seqno 1) and 9 (2), then documents by turns: 8 has 3 and 5, 9 has 4 and 6.
fn fill(server: &Running) -> Client {
    for (name, id) in [("hotels", 8), ("flights", 9)] {
        let made = server.engine.create_collection("_default", name, 0).expect("a collection");
        assert!(made.collection(CollectionId(id)).is_some());
    }
    let mut writer = aware(server);
    for (n, collection) in [8, 9, 8, 9].into_iter().enumerate() {
        put(&mut writer, &key(collection, &format!("k{n}")));
    }
    writer
}

fn connection(server: &Running, name: &str) -> Sids {
    Sids::without(server, name, OpenFlags::NONE)
}

fn uuid(server: &Running) -> VbUuid {
    server.engine.failover_log(VbId(VB)).expect("it exists")[0].uuid
}

fn doc(seqno: u64, collection: u32, name: &str) -> Saw {
    Saw::Doc(seqno, key(collection, name))
}

#[test]
fn disk_only_ends_with_what_is_persisted() {
    let gate = Gate::default();
    let engine = Engine::open(gated_store(16, &gate)).expect("an engine");
    let server = Running::over(engine, Wanted::default().server);
    let mut writer = fill(&server);
    server.persist(VbId(VB), Seqno(6));
    gate.shut();
    put(&mut writer, &key(8, "not persisted"));
    let end = Saw::End(EndReason::Ok);
    let of_8 = [Saw::Marker(0, 6), Saw::Event(1), doc(3, 8, "k0"), doc(5, 8, "k2")];
    let mut dcp = connection(&server, "disk only");
    for value in FILTERS {
        dcp.stream(None, &with(value, StreamFlags::DISK_ONLY));
        if value == FILTERS[1] {
            let expected = [&of_8[..], &[Saw::Advanced(6), end.clone()]].concat();
            assert_eq!(dcp.events(None, 6), expected, "{value}");
        } else {
            let seen = dcp.events(None, 8);
            assert_eq!((&seen[0], &seen[6]), (&Saw::Marker(0, 6), &doc(6, 9, "k3")), "{value}");
            assert_eq!(seen[7], end, "{value}");
        }
    }
    gate.open();
    dcp.is_silent();
    dcp.verdict();
}

#[test]
fn to_latest_ends_at_what_the_filter_has() {
    let server = Running::start();
    let mut writer = fill(&server);
    let end = Saw::End(EndReason::Ok);
    let mut dcp = connection(&server, "to latest");
    dcp.stream(None, &with(FILTERS[1], StreamFlags::TO_LATEST));
    // More comes while it is sent, and is not for this stream.
    put(&mut writer, &key(8, "later"));
    let seen = dcp.events(None, 5);
    assert_eq!(seen[1..], [Saw::Event(1), doc(3, 8, "k0"), doc(5, 8, "k2"), end.clone()]);
    dcp.stream(None, &with("", StreamFlags::TO_LATEST));
    assert_eq!(dcp.events(None, 9)[8], end);
    // The filter's high seqno is 7, the vbucket's 8.
    put(&mut writer, &key(9, "more"));
    let past = at(with(FILTERS[1], StreamFlags::TO_LATEST), 8, uuid(&server));
    dcp.stream(None, &past);
    assert_eq!(dcp.events(None, 1), [end], "the client has seen all of it");
    dcp.is_silent();
    dcp.verdict();
}

#[test]
fn active_only_does_not_take_a_replica() {
    let server = Running::start();
    fill(&server);
    server.engine.set_vbucket_state(VbId(VB), VbState::Replica).expect("it exists");
    let mut dcp = connection(&server, "active only");
    for value in FILTERS {
        let refused = dcp.try_stream(None, &with(value, StreamFlags::ACTIVE_VB_ONLY));
        assert_eq!(refused.status(), Status::NOT_MY_VBUCKET, "{value}");
        dcp.stream(None, &StreamReq { end: Seqno(6), ..with(value, StreamFlags::NONE) });
        while !matches!(dcp.event().2, Saw::End(EndReason::Ok)) {}
    }
    server.engine.set_vbucket_state(VbId(VB), VbState::Active).expect("it exists");
    dcp.stream(None, &with(FILTERS[1], StreamFlags::ACTIVE_VB_ONLY));
    dcp.events(None, 5);
    dcp.verdict();
}

#[test]
fn strict_looks_at_the_branch_of_a_client_that_has_nothing() {
    let server = Running::start();
    fill(&server);
    let mut dcp = connection(&server, "strict");
    let bounded = |value, flags, uuid| StreamReq { end: Seqno(6), uuid, ..with(value, flags) };
    for value in FILTERS {
        for (flags, uuid, granted) in [
            (StreamFlags::NONE, VbUuid(7), true),
            (StreamFlags::STRICT_VB_UUID, VbUuid(7), false),
            (StreamFlags::STRICT_VB_UUID, VbUuid::ZERO, true),
            (StreamFlags::STRICT_VB_UUID, uuid(&server), true),
        ] {
            let answer = dcp.try_stream(None, &bounded(value, flags, uuid));
            if granted {
                assert_eq!(answer.status(), Status::SUCCESS, "{value} {uuid:?}");
                while !matches!(dcp.event().2, Saw::End(EndReason::Ok)) {}
            } else {
                let rollback = RollbackAnswer::parse(&answer).expect("a seqno");
                assert_eq!(rollback, Some(RollbackAnswer { to: Seqno::ZERO }), "{value}");
            }
        }
    }
    dcp.verdict();
}

#[test]
fn from_latest_shows_only_what_comes() {
    let server = Running::start();
    let mut writer = fill(&server);
    for (n, value) in FILTERS.into_iter().enumerate() {
        let mut dcp = connection(&server, &format!("from latest {n}"));
        dcp.stream(None, &with(value, StreamFlags::FROM_LATEST));
        dcp.is_silent();
        let high = server.engine.vbucket(VbId(VB)).expect("it exists").high.0;
        put(&mut writer, &key(8, "new"));
        let expected = [Saw::Marker(high, high + 1), doc(high + 1, 8, "new")];
        assert_eq!(dcp.events(None, 2), expected, "{value}");
        // To no end but where it begins.
        let both = StreamFlags::FROM_LATEST.with(StreamFlags::TO_LATEST);
        dcp.try_close(VB, None);
        dcp.forget();
        dcp.stream(None, &with(value, both));
        assert_eq!(dcp.events(None, 1), [Saw::End(EndReason::Ok)], "{value}");
        dcp.verdict();
    }
}

/// A tombstone that the client has not seen is gone: it has to begin again, unless it does not mind.
#[test]
fn purged_tombstones_matter_unless_they_are_ignored() {
    let store = Arc::new(MemoryStore::new(16));
    {
        let engine = Engine::open(Arc::clone(&store)).expect("an engine");
        let server = Running::over(engine, Wanted::default().server);
        let mut writer = fill(&server);
        remove(&mut writer, &key(8, "k0"));
        put(&mut writer, &key(9, "last"));
    }
    store.begin(0).expect("it can be begun again");
    assert_eq!(store.purge(VbId(VB), u32::MAX, usize::MAX).expect("purged"), 1);
    store.close().expect("closed");
    let engine = Engine::open(Arc::clone(&store)).expect("an engine");
    let server = Running::over(engine, Wanted::default().server);
    assert_eq!(server.engine.vbucket(VbId(VB)).expect("it exists").purge, Seqno(7));
    let uuid = uuid(&server);
    let mut dcp = connection(&server, "purged");
    for (value, ignored) in [(FILTERS[0], false), (FILTERS[0], true), (FILTERS[1], true)] {
        let flags = if ignored { StreamFlags::IGNORE_PURGED_TOMBSTONES } else { StreamFlags::NONE };
        let request = StreamReq { end: Seqno(8), ..at(with(value, flags), 5, uuid) };
        let answer = dcp.try_stream(None, &request);
        if !ignored {
            let rollback = RollbackAnswer::parse(&answer).expect("a seqno");
            assert_eq!(rollback, Some(RollbackAnswer { to: Seqno::ZERO }), "{value}");
            continue;
        }
        assert_eq!(answer.status(), Status::SUCCESS, "{value}");
        let mut seen = Vec::new();
        while seen.last() != Some(&Saw::End(EndReason::Ok)) {
            seen.push(dcp.event().2);
        }
        let documents = seen.iter().filter(|saw| matches!(saw, Saw::Doc(..))).count();
        assert_eq!(documents, if value.is_empty() { 2 } else { 0 }, "{value}: {seen:?}");
    }
    dcp.verdict();
}

/// The opening's flag: what is read from the store first leaves tombstones out, and says so where one was the last.
#[test]
fn deletes_are_left_out_of_the_first_backfill() {
    let server = Running::start();
    let open = |flags, name: &str| {
        let open = millstream::wire::dcp::Open { flags, name: name.as_bytes(), value: b"" };
        server.client().status(|opaque, out| open.encode(opaque, out))
    };
    let skip = OpenFlags::SKIP_DELETES_IN_INITIAL_BACKFILL.with(OpenFlags::PRODUCER);
    assert_eq!(open(skip, "unaware"), Status::EINVAL, "it needs collections");
    let mut writer = fill(&server);
    remove(&mut writer, &key(8, "k0"));
    put(&mut writer, &key(8, "new"));
    remove(&mut writer, &key(9, "k3"));
    server.persist(VbId(VB), Seqno(9));
    let disk = |value| with(value, StreamFlags::DISK_ONLY);
    let (marker, end) = (Saw::Marker(0, 9), Saw::End(EndReason::Ok));
    let kept = [Saw::Event(1), Saw::Event(2), doc(4, 9, "k1"), doc(5, 8, "k2"), doc(8, 8, "new")];
    let mut dcp = Sids::without(&server, "skips", skip);
    dcp.stream(None, &disk(""));
    let expected = [&[marker.clone()][..], &kept, &[Saw::Advanced(9), end.clone()]].concat();
    assert_eq!(dcp.events(None, 8), expected);
    dcp.stream(None, &disk(r#"{"collections":["9"]}"#));
    let expected = [&marker, &Saw::Event(2), &doc(4, 9, "k1"), &Saw::Advanced(9), &end];
    assert_eq!(dcp.events(None, 5).iter().collect::<Vec<_>>(), expected);
    // Whoever has something wants to know what of it is gone.
    dcp.stream(None, &at(disk(""), 5, uuid(&server)));
    let deleted = [Saw::Delete(7, key(8, "k0")), Saw::Delete(9, key(9, "k3"))];
    let expected = [&Saw::Marker(5, 9), &deleted[0], &doc(8, 8, "new"), &deleted[1], &end];
    assert_eq!(dcp.events(None, 5).iter().collect::<Vec<_>>(), expected);
    let mut plain = connection(&server, "does not skip");
    plain.stream(None, &disk(""));
    let seen = plain.events(None, 9);
    assert!(deleted.iter().all(|saw| seen.contains(saw)), "{seen:?}");
    dcp.verdict();
    plain.verdict();
}

/// Writes until everything up to a seqno has left memory; the last seqno.
fn push_out(server: &Running, writer: &mut Client, upto: u64) -> u64 {
    let stats = || server.engine.vbucket(VbId(VB)).expect("it exists");
    let mut n = 0;
    while stats().log_floor <= Seqno(upto) {
        let (key, value) = (key(0, &format!("filler-{}", n % 512)), [b'f'; 512]);
        let filler = Store { key: &key, value: &value, ..set(VB, b"", b"") };
        let status = writer.status(|opaque, out| filler.encode(opaque, out));
        assert!(matches!(status, Status::SUCCESS | Status::ETMPFAIL), "{status}");
        n += 1;
    }
    stats().high.0
}

/// A stream that falls behind and reads the store again is told of what was deleted meanwhile.
#[test]
fn deletes_are_shown_by_a_later_backfill() {
    let mut wanted = Wanted::default();
    wanted.engine.memory_bytes = 256 * 1024;
    let server = wanted.start();
    let mut writer = aware(&server);
    put(&mut writer, &key(0, "first"));
    put(&mut writer, &key(0, "deleted early"));
    remove(&mut writer, &key(0, "deleted early"));
    let high = push_out(&server, &mut writer, 4);
    server.persist(VbId(VB), Seqno(high));
    let skip = OpenFlags::SKIP_DELETES_IN_INITIAL_BACKFILL;
    let mut dcp = Sids::without(&server, "falls behind", skip);
    dcp.stream(None, &with("", StreamFlags::NONE));
    let mut deleted = Vec::new();
    let mut read_to = |dcp: &mut Sids, last: u64| {
        let mut at = 0;
        while at < last {
            at = match dcp.event().2 {
                Saw::Doc(seqno, _) => seqno,
                Saw::Delete(seqno, key) => {
                    deleted.push(key);
                    seqno
                }
                Saw::Marker(..) => at,
                other => panic!("{other:?}"),
            };
        }
        deleted.clone()
    };
    assert_eq!(read_to(&mut dcp, high), [[0; 0]; 0], "none in the first");
    dcp.control_amid_events("connection_buffer_size", "1");
    remove(&mut writer, &key(0, "first"));
    let at = server.engine.vbucket(VbId(VB)).expect("it exists").high.0;
    let high = push_out(&server, &mut writer, at + 1);
    dcp.control_amid_events("connection_buffer_size", "0");
    assert_eq!(read_to(&mut dcp, high), [key(0, "first")], "and this one in the second");
    dcp.verdict();
}
