//! Snapshot markers in the version that was agreed on, and the purge seqno on its way to the client and back.

use super::dcp::{Dcp, from_zero};
use super::requests::{delete, set};
use super::running::{Running, Wanted};
use millstream::client::{
    Checkpoint, ConnectSettings, DcpClient, DcpSettings, Event, StreamFrom, StreamOptions,
};
use millstream::engine::{Engine, EngineSettings};
use millstream::store::{MemoryStore, Store};
use millstream::types::{Seqno, VbId};
use millstream::wire::dcp::{
    MarkerExtension, MarkerFlags, OpenFlags, SnapshotMarker, StreamFlags, StreamReq,
};
use millstream::wire::{Feature, FeatureSet, Status};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A server whose vbucket 0 has documents at the seqnos 1 to 4, and tombstones up to seqno 6 that were purged: 5 and
/// 6 deleted what was there. Seqno 7 is a document again.
fn purged() -> (Running, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new(16));
    let open = || {
        let builder = Engine::builder(Arc::clone(&store)).settings(EngineSettings::default());
        builder.open().expect("an engine")
    };
    let server = Running::over(open(), Wanted::default().server);
    let mut writer = server.client();
    for key in [b"a", b"b", b"c", b"d"] {
        writer.store(set(0, key, b"1"));
    }
    for key in [b"a", b"b"] {
        assert_eq!(writer.status(|o, out| delete(0, key).encode(o, out)), Status::SUCCESS);
    }
    writer.store(set(0, b"e", b"1"));
    persist(&server, 7);
    assert_eq!(store.purge(VbId(0), u32::MAX, 100).expect("it purges"), 2);
    drop(writer);
    drop(server);
    // A new engine knows of the purge, and has nothing in memory.
    (Running::over(open(), Wanted::default().server), store)
}

fn persist(server: &Running, high: u64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.engine.vbucket(VbId(0)).is_none_or(|stats| stats.persisted < Seqno(high)) {
        assert!(Instant::now() < deadline, "it is persisted");
        std::thread::yield_now();
    }
}

fn marker(dcp: &mut Dcp) -> SnapshotMarker {
    SnapshotMarker::parse(&dcp.event()).expect("a marker")
}

/// A connection that agreed on collections, and on markers of version 2.2.
fn open(server: &Running, name: &str) -> Dcp {
    let mut dcp = Dcp::open_as(server, name, OpenFlags::PRODUCER, &[Feature::COLLECTIONS]);
    dcp.control("max_marker_version", "2.2");
    dcp
}

#[test]
fn the_version_is_agreed_on_by_control_where_collections_are() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "old");
    assert_eq!(dcp.try_control("max_marker_version", "2.2"), Status::NOT_SUPPORTED);
    dcp.agree(&[Feature::COLLECTIONS]);
    for version in ["2.1", "2.0", "1.0", "3", "true"] {
        assert_eq!(dcp.try_control("max_marker_version", version), Status::EINVAL, "{version}");
    }
    assert_eq!(dcp.try_control("max_marker_version", "2.2"), Status::SUCCESS);
}

#[test]
fn a_snapshot_from_the_store_tells_the_purge_seqno_if_that_was_agreed_on() {
    let (server, _store) = purged();
    let disk = StreamReq { flags: StreamFlags::DISK_ONLY, ..from_zero(0) };
    let mut dcp = open(&server, "new");
    dcp.stream(&disk);
    let told = marker(&mut dcp);
    let (max_visible, purge) = (Seqno(7), Seqno(6));
    let (high_completed, high_prepared) = (Seqno::ZERO, Seqno::ZERO);
    let extension = MarkerExtension::V2_2 { max_visible, high_completed, purge, high_prepared };
    assert_eq!((told.start, told.end, told.extension), (Seqno(0), Seqno(7), extension));
    assert_eq!(told.flags, MarkerFlags::DISK.with(MarkerFlags::CHECKPOINT));
    let frame_bytes = 24 + 1 + 52;
    assert_eq!(dcp.counted, frame_bytes);
    for features in [&[][..], &[Feature::COLLECTIONS]] {
        let mut dcp = Dcp::open_as(&server, "old", OpenFlags::PRODUCER, features);
        dcp.stream(&disk);
        let told = marker(&mut dcp);
        assert_eq!((told.extension, dcp.counted), (MarkerExtension::None, 24 + 20));
    }
}

#[test]
fn a_purge_seqno_of_nothing_is_told_too_and_memory_tells_none() {
    let server = Running::start();
    server.client().store(set(0, b"key", b"1"));
    persist(&server, 1);
    let mut dcp = open(&server, "new");
    dcp.stream(&StreamReq { flags: StreamFlags::DISK_ONLY, ..from_zero(0) });
    let told = marker(&mut dcp);
    assert!(matches!(told.extension, MarkerExtension::V2_2 { purge: Seqno::ZERO, .. }), "{told:?}");
    dcp.event();
    dcp.end();
    dcp.stream(&from_zero(0));
    let told = marker(&mut dcp);
    assert!(told.flags.contains(MarkerFlags::MEMORY));
    assert_eq!(told.extension, MarkerExtension::None);
}

#[test]
fn flags_stay_among_those_that_every_client_knows() {
    let (server, _store) = purged();
    let mut seen = std::collections::BTreeSet::new();
    for (name, flags) in [("disk", StreamFlags::DISK_ONLY), ("both", StreamFlags::NONE)] {
        let mut dcp = open(&server, name);
        dcp.stream(&StreamReq { flags, ..from_zero(0) });
        let mut writer = server.client();
        let mut documents = 0;
        while documents < 3 || (flags == StreamFlags::NONE && documents < 5) {
            let frame = dcp.event();
            match SnapshotMarker::parse(&frame) {
                Ok(marker) => {
                    seen.insert(marker.flags.0);
                }
                Err(_) => documents += 1,
            }
            if documents >= 3 && flags == StreamFlags::NONE {
                writer.store(set(0, b"more", b"1"));
            }
        }
    }
    assert!(seen.is_subset(&[1, 2, 5, 6].into()), "{seen:?}");
    assert!(seen.contains(&6) && seen.contains(&5), "{seen:?}");
}

/// Takes events until the client has a document of this seqno.
async fn until(client: &mut DcpClient, checkpoint: &mut Checkpoint, seqno: u64) {
    loop {
        let event = client.next_event().await.expect("the server is there");
        checkpoint.update(&event);
        match event {
            Event::Mutation(document) if document.meta.seqno == Seqno(seqno) => return,
            Event::Rollback { .. } | Event::StreamRefused { .. } | Event::StreamEnd { .. } => {
                panic!("{event:?}")
            }
            _ => {}
        }
    }
}

#[test]
fn a_client_that_knows_the_purge_seqno_is_not_sent_back_for_it() {
    let (server, _store) = purged();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let features: FeatureSet =
            ConnectSettings::FEATURES.with(Feature::COLLECTIONS).with(Feature::SNAPPY);
        let connect =
            ConnectSettings::new(server.address.to_string(), "default").features(features);
        let settings = |name| DcpSettings::new(name).purge_seqnos(true);
        let mut client = DcpClient::connect(&connect, &settings("first")).await.expect("it opens");
        let mut checkpoint = Checkpoint::default();
        client.stream(VbId(0), StreamFrom::BEGINNING, &StreamOptions::default());
        until(&mut client, &mut checkpoint, 4).await;
        drop(client);
        let token = checkpoint.token(VbId(0)).clone();
        assert_eq!((token.seqno, token.purge_seqno), (Seqno(4), Some(Seqno(6))));
        // One that does not know is sent back: it may have missed a deletion.
        let mut client = DcpClient::connect(&connect, &settings("second")).await.expect("it opens");
        let unknowing = StreamFrom { purge_seqno: None, ..StreamFrom::from(&token) };
        client.stream(VbId(0), unknowing, &StreamOptions::default());
        let answer = client.next_event().await.expect("the server is there");
        assert!(matches!(answer, Event::Rollback { to: Seqno::ZERO, .. }), "{answer:?}");
        client.stream(VbId(0), StreamFrom::from(&token), &StreamOptions::default());
        let answer = client.next_event().await.expect("the server is there");
        assert!(matches!(answer, Event::StreamOpened { .. }), "{answer:?}");
    });
}
