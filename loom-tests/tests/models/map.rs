//! The connection map: nothing is added behind a shutdown, and nothing that was added is overlooked by it.

use crate::scene::{Room, pinned};
use millstream::model::{Backfills, Connection, ConnectionMap, Gate};
use millstream::ready::ReadySet;
use millstream_models::Model;
use millstream_reclaim::Domain;
use millstream_reclaim::sync::Arc as Tracked;
use std::sync::Arc;

fn connection(domain: &Domain, id: u64) -> Connection {
    let (backfills, _) = Backfills::new(domain, 1, &Gate::new(1), ());
    Connection::new(id, 2, &Tracked::new(ReadySet::new(2)), &backfills)
}

/// A connection that was added is in the roster that the shutdown walks; one that was not is told so.
#[test]
fn insert_vs_close() {
    let model = Model::new("map::insert_vs_close", 2).bound(2).floor(440);
    model.deep(Some(3), 440).check(|| {
        let room = Room::new();
        let map = Arc::new(ConnectionMap::new(&room.domain));
        let newcomer = connection(&room.domain, 1);
        let mut closer = room.reader("shutdown");
        let inserting = pinned(room.reader("connect"), {
            let map = Arc::clone(&map);
            move |pin| map.insert(&newcomer, pin).is_ok()
        });
        let walked = {
            let pin = closer.pin();
            assert!(map.close(&pin), "the first to close");
            map.ids(&pin)
        };
        let (inserted, mut reader) = inserting.join().unwrap();
        assert_eq!(walked.len(), usize::from(inserted), "seen by the walk, or refused");
        assert!(!map.close(&reader.pin()), "it stays closed");
        drop((closer, reader, map));
        room.finish();
    });
}

/// Of a newcomer and one that leaves, neither undoes the other.
#[test]
fn insert_vs_remove() {
    let model = Model::new("map::insert_vs_remove", 2).bound(2).floor(720);
    model.deep(Some(3), 720).check(|| {
        let room = Room::new();
        let map = Arc::new(ConnectionMap::new(&room.domain));
        let mut owner = room.reader("owner");
        map.insert(&connection(&room.domain, 1), &owner.pin()).unwrap();
        let newcomer = connection(&room.domain, 2);
        let inserting = pinned(room.reader("connect"), {
            let map = Arc::clone(&map);
            move |pin| map.insert(&newcomer, pin).is_ok()
        });
        map.remove(1, &owner.pin());
        let (inserted, reader) = inserting.join().unwrap();
        assert!(inserted);
        assert_eq!(map.ids(&owner.pin()), [2]);
        drop((owner, reader, map));
        room.finish();
    });
}
