//! Memory: what leaves it, what waits for it, and what is told of it.

use super::*;
use crate::collections::Key;
use crate::types::CollectionId;
use core::ops::ControlFlow;

#[test]
fn what_left_memory_is_backfilled_and_the_stream_goes_on_in_the_log() {
    let settings = EngineSettings { memory_bytes: 64_000, ..EngineSettings::default() };
    let builder = EngineBuilder::new(MemoryStore::new(1)).settings(settings);
    let engine = builder.open().expect("opens");
    let mut last = Seqno::ZERO;
    for n in 0..1000_u64 {
        let seqno = loop {
            let mut session = engine.session("test");
            let key = format!("k{}", n % 400);
            let written = session.update(VbId(0), key.as_bytes(), None, |_| -> Decision<'_, ()> {
                Decision::Write(Change::set(format!("{n:0200}").into_bytes()))
            });
            match written {
                Ok(written) => break written.seqno,
                Err(UpdateError::Busy) => std::thread::yield_now(),
                Err(other) => panic!("{other:?}"),
            }
        };
        // Seqnos may be left out: where memory is short the rest of a segment is, so that it can go.
        assert!(seqno > last);
        last = seqno;
        if n % 100 == 99 {
            wait_persisted(&engine, 0, seqno);
        }
    }
    let stats = engine.vbucket(VbId(0)).expect("exists");
    assert!(stats.log_floor > Seqno(800), "little memory keeps little: {stats:?}");
    let mut producer = connect(&engine, "c");
    // Refused as long as the flusher is still making room after the last commit.
    let deadline = Instant::now() + LONG;
    while let Err(refused) =
        producer.stream_request(VbId(0), Opaque(1), &StreamRequest::from_zero())
    {
        assert_eq!(refused, crate::stream::Refusal::MemoryShort);
        assert!(Instant::now() < deadline, "no room was made");
        std::thread::yield_now();
    }
    let mut inbox = Inbox::default();
    run_until(&mut producer, &mut inbox, |inbox| inbox.docs().last() == Some(&last.0));
    let Got::Marker(0, _, flags) = inbox.got[0].1 else { panic!("a marker from 0 is first") };
    assert_eq!(flags, SnapshotFlags::DISK.with(SnapshotFlags::CHECKPOINT).0);
    let mut newest = BTreeMap::new();
    for (_, got) in &inbox.got {
        if let Got::Doc(_, key, value, _) = got {
            newest.insert(key.clone(), value.clone());
        }
    }
    assert_eq!(newest.len(), 400);
    assert!((0..400).all(|k| newest[&format!("k{k}")].parse::<u64>().is_ok_and(|n| n >= 600)));
    assert!(engine.session("test").get(b"k5").expect("read").is_some(), "from the store");
    // The worker gives the place back right after it has delivered the last of it.
    let deadline = Instant::now() + LONG;
    while engine.stats().backfills > 0 {
        assert!(Instant::now() < deadline, "its place was not given back");
        std::thread::yield_now();
    }
}

#[test]
fn many_vbuckets_with_a_little_each_do_not_hold_memory_for_ever() {
    let settings = EngineSettings { memory_bytes: 400_000, ..EngineSettings::default() };
    let engine = EngineBuilder::new(MemoryStore::new(64)).settings(settings).open().expect("opens");
    let value = "x".repeat(2_000);
    let mut refused = 0;
    for n in 0..2_000_u64 {
        let (vb, key) = (VbId((n % 64) as u16), format!("k{}", n % 640));
        let deadline = Instant::now() + LONG;
        loop {
            let written =
                engine.session("test").update(vb, key.as_bytes(), None, |_| -> Decision<'_, ()> {
                    Decision::Write(Change::set(value.as_bytes()))
                });
            match written {
                Ok(_) => break,
                Err(UpdateError::Busy) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
            assert!(
                Instant::now() < deadline,
                "refused for ever at write {n}: {:?}",
                engine.stats()
            );
            std::thread::yield_now();
        }
    }
    assert!(refused > 0, "4 MB do not fit in 0.4: somebody had to come again");
}

/// A full window whose documents were all persisted used to refuse writes for ever, as long as the engine as a whole
/// had memory left.
#[test]
fn a_window_that_is_full_makes_room_though_memory_is_left() {
    let settings = EngineSettings { window_items: 256, ..EngineSettings::default() };
    let engine = EngineBuilder::new(MemoryStore::new(2)).settings(settings).open().unwrap();
    let mut session = engine.session("test");
    let give_up = Instant::now() + LONG;
    let mut written = 0;
    while written < 5_000_u64 {
        let key = format!("key-{}", written % 7);
        let change = || Decision::Write(Change::set(&b"value"[..]));
        let update =
            session.update(VbId(1), key.as_bytes(), None, |_| -> Decision<'_, ()> { change() });
        match update {
            Ok(version) => {
                written += 1;
                assert!(version.seqno.0 >= written);
            }
            Err(UpdateError::Busy) => {
                assert!(Instant::now() < give_up, "refused for ever after {written} writes");
                std::thread::yield_now();
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn so_many_scans_are_open_at_once_as_memory_allows() {
    let scans = |memory_bytes, backfills_max| {
        EngineSettings { memory_bytes, backfills_max, ..EngineSettings::default() }.backfills_max()
    };
    const MIB: u64 = 1024 * 1024;
    assert_eq!(scans(256 * MIB, 0), 262, "one hundredth, at 10 KiB each");
    assert_eq!(scans(100 * 10 * 1024 * 77, 0), 77);
    assert_eq!(scans(0, 0), 2);
    assert_eq!(scans(3 * MIB, 0), 3);
    assert_eq!(scans(4 * 1024 * MIB, 0), 4096, "and no more, however much memory there is");
    assert_eq!(scans(u64::MAX, 0), 4096);
    assert_eq!(scans(MIB, 17), 17, "unless somebody says so");
}

/// What `garbage_max` bounds was told without its plain memory, so that a full limit did not look like one.
#[test]
fn garbage_is_told_as_the_limit_counts_it() {
    let settings = EngineSettings { memory_bytes: 200_000, ..EngineSettings::default() };
    let builder = EngineBuilder::new(MemoryStore::new(1)).settings(settings);
    let engine = builder.open().expect("opens");
    let write = |n: u64, value: &str| loop {
        let mut session = engine.session("test");
        let key = format!("k{n}");
        let written = session.update(VbId(0), key.as_bytes(), None, |_| -> Decision<'_, ()> {
            Decision::Write(Change::set(value.as_bytes()))
        });
        match written {
            Ok(written) => break written.seqno,
            Err(UpdateError::Busy) => std::thread::yield_now(),
            Err(other) => panic!("{other:?}"),
        }
    };
    for n in 0..1_000 {
        let seqno = write(n, &"v".repeat(500));
        if n % 100 == 99 {
            wait_persisted(&engine, 0, seqno);
        }
    }
    let floor = engine.vbucket(VbId(0)).expect("exists").log_floor;
    assert!(floor > Seqno(200), "the first are in the store only: {floor}");
    let producer = connect(&engine, "c");
    let mut reader = producer.engine_parts().domain.reader("stays");
    let pin = reader.pin();
    // Each takes the place of meta data that the index kept of a version in the store.
    for n in 0..100 {
        let _ = write(n, "new");
    }
    let stats = engine.stats();
    assert!(stats.garbage_plain >= 64, "in batches of 32: {stats:?}");
    assert!(stats.garbage >= stats.garbage_plain);
    drop(pin);
}

/// The housekeeper went through every key of a vbucket under one pin, and nothing was reclaimed, named or told
/// meanwhile. What holds: it has its other work between two slices, with nothing pinned.
#[test]
fn the_housekeeper_does_its_other_work_while_it_looks_for_expired_documents() {
    const KEYS: u64 = 5_000;
    let engine = engine(1);
    let producer = connect(&engine, "c");
    let parts = producer.engine_parts();
    let partition = parts.partition(VbId(0)).expect("exists");
    for n in 0..KEYS {
        let change = Change { expiry: u32::from(n % 2 == 0), ..Change::set(&b"v"[..]) };
        let mut session = engine.session("test");
        let written = session.update(VbId(0), &n.to_be_bytes(), None, |_| -> Decision<'_, ()> {
            Decision::Write(change.clone())
        });
        written.expect("written");
    }
    let mut reader = parts.domain.reader("test");
    let mut turns = 0;
    crate::engine::housekeeper::expire(parts, partition, &mut reader, |reader| {
        turns += 1;
        let inside = engine.stalled(Duration::ZERO);
        assert!(inside.iter().all(|stalled| stalled.label != reader.label()), "{inside:?}");
    });
    assert!(turns >= KEYS / 1_024, "{turns} turns");
    let stats = engine.stats();
    assert_eq!((stats.items, stats.expired), (KEYS / 2, KEYS / 2));
}

/// The documents of a dropped collection were looked for among all keys of the vbucket under one pin. What holds: no
/// pin is held between two slices, and none of the documents is found afterwards.
#[test]
fn the_documents_of_a_dropped_collection_are_forgotten_in_slices() {
    const KEYS: u64 = 5_000;
    let engine = engine(1);
    let producer = connect(&engine, "c");
    let parts = producer.engine_parts();
    let partition = parts.partition(VbId(0)).expect("exists");
    engine.create_collection("_default", "short", 0).expect("made");
    let id = engine.manifest().collections().last().expect("it was made").id;
    for n in 0..KEYS {
        for collection in [CollectionId::ZERO, id] {
            let mut session = engine.session("test");
            let name = n.to_be_bytes();
            let key = Key::new(collection, &name);
            let written = session.update(VbId(0), key, None, |_| -> Decision<'_, ()> {
                Decision::Write(Change::set(&b"v"[..]))
            });
            written.expect("written");
        }
    }
    let mut reader = parts.domain.reader("test");
    let known = partition.collections(&reader.pin());
    let entry = known.find(id).expect("it is known");
    let mut turns = 0;
    crate::engine::collections::forget_documents(partition, entry, &mut reader, |reader| {
        turns += 1;
        let inside = engine.stalled(Duration::ZERO);
        assert!(inside.iter().all(|stalled| stalled.label != reader.label()), "{inside:?}");
    });
    assert!(turns >= 2 * KEYS / 1_024, "{turns} turns");
    let history = partition.history(&reader.pin()).index.clone();
    let pin = reader.pin();
    let mut left = [0; 2];
    history.in_slices(usize::MAX, |keys| {
        for (key, cell) in keys {
            let (of, _) = CollectionId::split(key).expect("a key names its collection");
            assert!(!cell.load(&pin).is_gone());
            left[usize::from(of == id)] += u64::from(of == id || of == CollectionId::ZERO);
        }
        ControlFlow::Continue(())
    });
    assert_eq!((left, engine.stats().items), ([KEYS, 0], KEYS));
}
