//! Waiting for the last reader: no wake-up is lost. A lost one is a deadlock, which loom reports.

use loom::thread;
use millstream_models::{Canary, Drops, Model, block_on};
use millstream_reclaim::{Domain, DomainConfig};
use std::sync::Arc;

#[test]
fn leaving_reader() {
    let model = Model::new("quiesce::leaving_reader", 2).bound(3).floor(2_000);
    model.deep(Some(5), 2_000).check(|| {
        let (domain, mut reaper) = Domain::new(DomainConfig::default());
        let drops = Drops::new();
        let cell = Arc::new(domain.publish(Canary::new(7, &drops)).unwrap());
        let (mut reader, mut closer) = (domain.reader("reader"), domain.reader("closer"));
        let reading = thread::spawn({
            let cell = Arc::clone(&cell);
            move || {
                let pin = reader.pin();
                assert!(cell.get(&pin).is_none_or(|live| live.read() == 7));
                drop(pin);
                reader
            }
        });
        assert!(cell.retire(&closer.pin()));
        block_on(reaper.quiesce());
        assert_eq!(drops.count(), 1, "quiet means destroyed");
        let reader = reading.join().unwrap();
        drop((reader, closer));
    });
}
