//! A partition: what is written is persisted, and nobody who waits for a write sleeps through it.

use crate::scene::{Plain, Room, pinned};
use loom::thread;
use millstream::model::{Key, Partition};
use millstream::ready::ReadySet;
use millstream::types::{Seqno, VbId};
use millstream_models::Model;
use millstream_reclaim::Domain;
use millstream_reclaim::sync::Arc as Tracked;
use std::sync::Arc;

fn partition(dirty: &Tracked<ReadySet>, domain: &Domain) -> Arc<Partition> {
    Arc::new(Partition::new(VbId(1), 4, dirty, domain))
}

/// A write that the flusher's look missed brings the flusher back.
#[test]
fn dirty_vs_flush() {
    let model = Model::new("partition::dirty_vs_flush", 2).bound(3).floor(180);
    model.deep(Some(4), 180).check(|| {
        let room = Room::new();
        let dirty = Tracked::new(ReadySet::new(2));
        let partition = partition(&dirty, &room.domain);
        let keys = [(); 2].map(|()| Arc::new(Key::new()));
        let mut flusher = room.reader("flusher");
        partition.set(&keys[0], b"a", &flusher.pin()).expect("written");
        let writer = pinned(room.reader("writer"), {
            let (partition, key) = (Arc::clone(&partition), Arc::clone(&keys[1]));
            move |pin| partition.set(&key, b"b", pin).expect("written").seqno
        });
        let mut cursor = 0;
        let mut persisted = Vec::new();
        let mut flush = || {
            while let Some(member) = dirty.take(&mut cursor) {
                assert_eq!(member, 1);
                let pin = flusher.pin();
                if let Some(gathered) = partition.collect(&pin) {
                    persisted.extend(gathered.records);
                    partition.settle(gathered.high, &pin);
                }
            }
        };
        flush();
        let (seqno, writer) = writer.join().unwrap();
        assert_eq!(seqno, Seqno(2));
        flush();
        assert_eq!(persisted, [Seqno(1), Seqno(2)], "each once");
        assert_eq!(partition.persisted(), Seqno(2));
        drop((partition, keys, flusher, writer));
        room.finish();
    });
}

/// The flusher comes though there is nothing to persist, and a write slips in behind its look: the write finds the flag
/// cleared, and brings the flusher back.
#[test]
fn dirty_vs_idle_flush() {
    let model = Model::new("partition::dirty_vs_idle_flush", 2).bound(3).floor(1000);
    model.deep(Some(4), 1000).check(|| {
        let room = Room::new();
        let dirty = Tracked::new(ReadySet::new(2));
        let partition = partition(&dirty, &room.domain);
        let key = Arc::new(Key::new());
        let mut flusher = room.reader("flusher");
        partition.mark_dirty();
        let writer = pinned(room.reader("writer"), {
            let (partition, key) = (Arc::clone(&partition), Arc::clone(&key));
            move |pin| partition.set(&key, b"a", pin).expect("written").seqno
        });
        let mut cursor = 0;
        let mut persisted = Vec::new();
        let mut flush = || {
            while dirty.take(&mut cursor).is_some() {
                let pin = flusher.pin();
                if let Some(gathered) = partition.collect(&pin) {
                    persisted.extend(gathered.records);
                    partition.settle(gathered.high, &pin);
                }
            }
        };
        flush();
        let (_, writer) = writer.join().unwrap();
        flush();
        assert_eq!(persisted, [Seqno(1)], "once");
        drop((partition, key, flusher, writer));
        room.finish();
    });
}

/// Whoever sees that a seqno is persisted finds it in the store.
#[test]
fn persisted_is_stored() {
    Model::new("partition::persisted_is_stored", 2).floor(4).check(|| {
        let room = Room::new();
        let dirty = Tracked::new(ReadySet::new(2));
        let partition = partition(&dirty, &room.domain);
        let key = Key::new();
        let stored = Plain::new();
        let mut flusher = room.reader("flusher");
        partition.set(&key, b"a", &flusher.pin()).expect("written");
        let reader = thread::spawn({
            let (partition, stored) = (Arc::clone(&partition), Arc::clone(&stored));
            move || {
                if partition.persisted() == Seqno(1) {
                    assert_eq!(stored.read(), 1);
                }
            }
        });
        {
            let pin = flusher.pin();
            let gathered = partition.collect(&pin).expect("one version");
            stored.write(1);
            partition.settle(gathered.high, &pin);
        }
        reader.join().unwrap();
        drop((partition, key, flusher));
        room.finish();
    });
}

/// Whoever is told that a state is stored finds it in the store.
#[test]
fn state_is_stored() {
    Model::new("partition::state_is_stored", 2).bound(3).floor(2).check(|| {
        let room = Room::new();
        let dirty = Tracked::new(ReadySet::new(2));
        let partition = partition(&dirty, &room.domain);
        let stored = Plain::new();
        let mut flusher = room.reader("flusher");
        let version = partition.change_info(&flusher.pin());
        let asker = thread::spawn({
            let (partition, stored) = (Arc::clone(&partition), Arc::clone(&stored));
            move || {
                if partition.info_stored() >= version {
                    assert_eq!(stored.read(), 1);
                }
            }
        });
        {
            let pin = flusher.pin();
            let gathered = partition.collect(&pin).expect("a state");
            stored.write(1);
            partition.settle(gathered.high, &pin);
        }
        asker.join().unwrap();
        assert_eq!(partition.info_stored(), version);
        drop((partition, flusher));
        room.finish();
    });
}

/// The last document leaves the log, and is the last document all the same.
#[test]
fn high_vs_trim() {
    let model = Model::new("partition::high_vs_trim", 2).bound(3).floor(1_300);
    model.deep(Some(4), 1_300).check(|| {
        let room = Room::new();
        let dirty = Tracked::new(ReadySet::new(2));
        let partition = partition(&dirty, &room.domain);
        let key = Key::new();
        let mut flusher = room.reader("flusher");
        partition.set(&key, b"a", &flusher.pin()).expect("written");
        let reader = pinned(room.reader("reader"), {
            let partition = Arc::clone(&partition);
            move |pin| assert_eq!(partition.high(pin), Seqno(1))
        });
        {
            let pin = flusher.pin();
            let gathered = partition.collect(&pin).expect("one version");
            partition.settle(gathered.high, &pin);
            assert!(partition.trim(&pin) > 0, "one segment is full");
        }
        let ((), reader) = reader.join().unwrap();
        assert_eq!(partition.high(&flusher.pin()), Seqno(1));
        drop((partition, key, flusher, reader));
        room.finish();
    });
}

/// Two writers of one key: both write, in the order of their seqnos, and a seqno that was lost in the race is void.
#[test]
fn one_key_two_writers() {
    let model = Model::new("partition::one_key_two_writers", 2).bound(3).floor(1800);
    model.deep(Some(4), 1800).check(|| {
        let room = Room::new();
        let dirty = Tracked::new(ReadySet::new(2));
        let partition = partition(&dirty, &room.domain);
        let key = Arc::new(Key::new());
        let mut ours = room.reader("ours");
        let writer = pinned(room.reader("theirs"), {
            let (partition, key) = (Arc::clone(&partition), Arc::clone(&key));
            move |pin| partition.set(&key, b"a", pin).expect("written")
        });
        let first = partition.set(&key, b"a", &ours.pin()).expect("written");
        let (second, theirs) = writer.join().unwrap();
        let (older, newer) = if first.rev < second.rev { (first, second) } else { (second, first) };
        assert_eq!((older.rev.0, newer.rev.0), (1, 2), "one saw the other");
        assert!(older.seqno < newer.seqno && older.cas < newer.cas, "{older:?} {newer:?}");
        let gathered = partition.collect(&ours.pin()).expect("there is something");
        assert_eq!(gathered.records, [newer.seqno], "the newest alone");
        assert_eq!(gathered.high, partition.high(&ours.pin()));
        drop((partition, key, ours, theirs));
        room.finish();
    });
}
