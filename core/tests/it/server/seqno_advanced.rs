//! When a client is told that it is at a seqno that it was not shown: at the end of a snapshot whose last entry was not
//! for it, and in a long row of entries that were not.

use super::dcp::{Dcp, from_zero};
use super::running::Running;
use millstream::collections::Key;
use millstream::limits::FILTERED_ITEMS_MAX;
use millstream::partition::{Change, Decision};
use millstream::types::{CollectionId, Seqno, VbId, VbState};
use millstream::wire::dcp::{Control, Open, OpenFlags, StreamFlags, StreamMessage, StreamReq};
use millstream::wire::{Feature, Status};
use std::time::{Duration, Instant};

const VB: VbId = VbId(3);
const MANY: u64 = 2 * FILTERED_ITEMS_MAX as u64 + 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saw {
    Marker(u64, u64),
    Document(u64),
    Event(u64),
    Advanced(u64),
    End,
}

fn write(server: &Running, collection: u32, names: impl Iterator<Item = u64>) {
    let mut session = server.engine.session("writer");
    for n in names {
        let name = n.to_be_bytes();
        let key = Key::new(CollectionId(collection), &name);
        let decide = |_: Option<millstream::partition::Found<'_>>| {
            Decision::<()>::Write(Change::set(&b"1"[..]))
        };
        session.update(VB, key, None, decide).expect("there is room");
    }
}

/// Collection 8 with many documents, behind it the collection 9 with one, and behind that one of 8 again.
fn scene() -> Running {
    let server = Running::start();
    server.engine.create_collection("_default", "many", 0).expect("a collection");
    write(&server, 8, 0..MANY);
    server.engine.create_collection("_default", "late", 0).expect("a collection");
    write(&server, 9, 0..1);
    write(&server, 8, MANY..MANY + 1);
    persist(&server);
    server
}

fn persist(server: &Running) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.engine.vbucket(VB).is_none_or(|stats| stats.persisted < stats.high) {
        assert!(Instant::now() < deadline, "it is persisted");
        std::thread::yield_now();
    }
}

fn dcp(server: &Running, name: &str, features: &[Feature]) -> Dcp {
    let mut client = server.client();
    client.agree(features);
    let open = Open { flags: OpenFlags::PRODUCER, name: name.as_bytes(), value: &[] };
    assert_eq!(client.status(|opaque, out| open.encode(opaque, out)), Status::SUCCESS);
    let noop = Control { key: b"enable_noop", value: b"true" };
    assert_eq!(client.status(|opaque, out| noop.encode(opaque, out)), Status::SUCCESS);
    let dcp = Dcp::adopt(client);
    if features.contains(&Feature::COLLECTIONS) { dcp.with_collections() } else { dcp }
}

fn see(client: &mut Dcp) -> Saw {
    let frame = client.message();
    match StreamMessage::parse(&frame).expect("a message of the stream") {
        StreamMessage::SnapshotMarker(m) => Saw::Marker(m.start.0, m.end.0),
        StreamMessage::Mutation(m) => Saw::Document(m.seqno.0),
        StreamMessage::SystemEvent(e) => Saw::Event(e.seqno.0),
        StreamMessage::SeqnoAdvanced(a) => {
            assert_eq!(a.counted_bytes(), frame.wire_len());
            Saw::Advanced(a.seqno.0)
        }
        StreamMessage::StreamEnd(e) => {
            assert_eq!(e.reason, 0);
            Saw::End
        }
        other => panic!("{other:?}"),
    }
}

/// What a stream of the store shows up to its end; from memory, if that is in the middle.
fn shown(
    server: &Running,
    client: &mut Dcp,
    value: &'static str,
    start: u64,
    end: u64,
) -> Vec<Saw> {
    let (start, end) = (Seqno(start), Seqno(end));
    let uuid = server.engine.failover_log(VB).expect("it exists")[0].uuid;
    let flags = if end == Seqno::MAX { StreamFlags::DISK_ONLY } else { StreamFlags::NONE };
    let request = StreamReq {
        flags,
        value: value.as_bytes(),
        start,
        end,
        uuid,
        snap_start: start,
        snap_end: start,
        ..from_zero(VB.0)
    };
    client.stream(&request);
    let mut all = Vec::new();
    while all.last() != Some(&Saw::End) {
        all.push(see(client));
    }
    all
}

#[test]
fn a_long_row_that_is_not_shown_is_told_in_steps_and_at_its_end() {
    let server = scene();
    let mut client = dcp(&server, "default", &[Feature::COLLECTIONS]);
    // 1 is the event of `many`, its documents follow, then the event of `late` and two documents.
    let (step, late) = (u64::from(FILTERED_ITEMS_MAX), MANY + 2);
    let high = late + 2;
    let only_default = shown(&server, &mut client, r#"{"collections":["0"]}"#, 0, u64::MAX);
    let expected = [
        Saw::Marker(0, high),
        Saw::Advanced(step),
        Saw::Advanced(2 * step),
        Saw::Advanced(high),
        Saw::End,
    ];
    assert_eq!(only_default, expected);
    // The row is counted anew from each entry that is shown; nothing in front of a collection's event is looked at.
    let only_late = shown(&server, &mut client, r#"{"collections":["9"]}"#, 0, u64::MAX);
    let expected = [
        Saw::Marker(0, high),
        Saw::Event(late),
        Saw::Document(late + 1),
        Saw::Advanced(high),
        Saw::End,
    ];
    assert_eq!(only_late, expected);
}

#[test]
fn nothing_is_told_where_the_last_entry_was_shown_or_there_is_no_snapshot() {
    let server = scene();
    let late = MANY + 2;
    let high = late + 2;
    let mut client = dcp(&server, "rules", &[Feature::COLLECTIONS]);
    let many = shown(&server, &mut client, r#"{"collections":["8"]}"#, late, u64::MAX);
    assert_eq!(many, [Saw::Marker(late, high), Saw::Document(high), Saw::End]);
    let at_the_end = shown(&server, &mut client, r#"{"collections":["0"]}"#, high, u64::MAX);
    assert_eq!(at_the_end, [Saw::End], "an empty snapshot is none");
    let cut = shown(&server, &mut client, r#"{"collections":["9"]}"#, late, late + 1);
    assert_eq!(cut.last(), Some(&Saw::End));
    assert!(!cut.iter().any(|saw| matches!(saw, Saw::Advanced(at) if *at > late + 1)), "{cut:?}");
    assert!(cut.contains(&Saw::Document(late + 1)));
}

#[test]
fn who_does_not_know_of_collections_is_not_told() {
    let server = scene();
    let mut client = dcp(&server, "old", &[]);
    let all = shown(&server, &mut client, "", 0, u64::MAX);
    assert!(!all.iter().any(|saw| matches!(saw, Saw::Advanced(_))), "{all:?}");
    assert_eq!(all.last(), Some(&Saw::End));
}

#[test]
fn a_client_goes_on_from_what_it_was_told() {
    let server = scene();
    let high = MANY + 4;
    let mut client = dcp(&server, "resumes", &[Feature::COLLECTIONS]);
    let step = u64::from(FILTERED_ITEMS_MAX);
    let rest = shown(&server, &mut client, r#"{"collections":["0"]}"#, 2 * step, u64::MAX);
    assert_eq!(rest, [Saw::Marker(2 * step, high), Saw::Advanced(high), Saw::End]);
}

#[test]
fn a_snapshot_from_memory_is_closed_the_same_way() {
    let server = Running::start();
    server.engine.create_collection("_default", "other", 0).expect("a collection");
    write(&server, 0, 0..1);
    write(&server, 8, 0..3);
    let mut client = dcp(&server, "memory", &[Feature::COLLECTIONS]);
    let value = br#"{"collections":["0"]}"#;
    let request = StreamReq { value, ..from_zero(VB.0) };
    client.stream(&request);
    let shown = [(); 3].map(|()| see(&mut client));
    assert_eq!(shown, [Saw::Marker(0, 5), Saw::Document(2), Saw::Advanced(5)]);
    write(&server, 8, 0..1);
    assert_eq!([(); 2].map(|()| see(&mut client)), [Saw::Marker(6, 6), Saw::Advanced(6)]);
    write(&server, 0, 0..1);
    assert_eq!([(); 2].map(|()| see(&mut client)), [Saw::Marker(7, 7), Saw::Document(7)]);
    client.is_silent();
    server.engine.set_vbucket_state(VB, VbState::Replica).expect("it exists");
}
