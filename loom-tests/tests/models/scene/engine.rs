//! A whole engine without threads, and one connection of it.

use super::ModelStore;
use millstream::engine::EngineSettings;
use millstream::model::{Bare, open};
use millstream::producer::{OpenOptions, Producer};

/// An engine of two vbuckets, and a connection.
pub(crate) fn bare() -> (Bare, Producer) {
    let mut settings = EngineSettings::default();
    settings.window_items = 4;
    let bare = open(ModelStore::FAILING, settings).expect("it opens");
    let producer = bare.engine.connect("model", OpenOptions::default()).expect("it connects");
    // Each of the two readers that threads borrow was inside once, see `Room::reader`.
    let session = bare.engine.session("warm");
    let _ = bare.engine.stats();
    drop(session);
    (bare, producer)
}

/// Everything ends; what was retired is destroyed, by the reaper, which was sole owner each time.
pub(crate) fn finish(bare: Bare, producer: Producer) {
    let Bare { engine, mut reaper, queue } = bare;
    drop((producer, queue));
    assert!(engine.connections().is_empty());
    drop(engine);
    let reaped = reaper.reap();
    assert_eq!((reaped.pending, reaped.held), (0, 0));
}
