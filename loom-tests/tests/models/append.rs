//! The list that only grows, as a domain uses it: for its readers' places and labels.

use loom::thread;
use millstream_models::Model;
use millstream_reclaim::{Domain, DomainConfig};
use std::time::Duration;

/// Two registrations and a report at once: each walker sees whole nodes, and no place is lost or given twice.
#[test]
fn walk_vs_append() {
    let model = Model::new("append::walk_vs_append", 3).bound(1).floor(1_400);
    model.deep(Some(2), 8_000).check(|| {
        let (domain, reaper) = Domain::new(DomainConfig::default());
        let registering = ["first", "second"].map(|label| {
            let domain = domain.clone();
            thread::spawn(move || domain.reader(label))
        });
        assert!(domain.stats().readers <= 2);
        let mut readers = registering.map(|thread| thread.join().unwrap());
        assert_eq!(domain.stats().readers, 2);
        let pins = readers.each_mut().map(|reader| reader.pin());
        let mut inside: Vec<_> =
            domain.stalled(Duration::ZERO).iter().map(|one| one.label).collect();
        inside.sort_unstable();
        assert_eq!(inside, ["first", "second"]);
        drop(pins);
        drop((readers, reaper));
    });
}
