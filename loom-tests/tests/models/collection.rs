//! A collection of a vbucket: no document of it follows its drop event.

use crate::scene::{Room, pinned};
use millstream::model::{Collection, Key, Partition};
use millstream::partition::UpdateError;
use millstream::ready::ReadySet;
use millstream::types::{Seqno, VbId};
use millstream_models::Model;
use millstream_reclaim::sync::Arc as Tracked;
use std::sync::Arc;

/// A writer and whoever drops the collection: the document comes before the drop event, or is refused.
#[test]
fn drop_vs_write() {
    let model = Model::new("collection::drop_vs_write", 2).bound(3).floor(100);
    model.deep(Some(4), 100).check(|| {
        let room = Room::new();
        let dirty = Tracked::new(ReadySet::new(2));
        let partition = Arc::new(Partition::new(VbId(1), 4, &dirty, &room.domain));
        let collection = Arc::new(Collection::new());
        let keys = Arc::new([Key::new(), Key::new()]);
        let mut ours = room.reader("ours");
        let writer = pinned(room.reader("theirs"), {
            let (partition, collection) = (Arc::clone(&partition), Arc::clone(&collection));
            let keys = Arc::clone(&keys);
            move |pin| partition.set_in(&collection, &keys[0], b"\x08k", pin)
        });
        let event = partition.drop_collection(&collection, &keys[1], &ours.pin());
        let event = event.expect("an event is never refused").seqno;
        let (written, theirs) = writer.join().unwrap();
        let documents = match written {
            Ok(written) => {
                assert!(written.seqno < event, "{written:?} after {event}");
                assert_eq!(collection.high(), written.seqno);
                vec![written.seqno, event]
            }
            Err(refused) => {
                assert_eq!(refused, UpdateError::UnknownCollection);
                assert_eq!(collection.high(), Seqno::ZERO);
                vec![event]
            }
        };
        let gathered = partition.collect(&ours.pin()).expect("there is something");
        assert_eq!(gathered.records, documents);
        drop((partition, collection, keys, ours, theirs));
        room.finish();
    });
}
