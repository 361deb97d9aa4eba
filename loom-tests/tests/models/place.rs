//! A reader's place: claimed by one at a time, used again when it is free.

use loom::thread;
use millstream_models::Model;
use millstream_reclaim::{Domain, DomainConfig};
use std::time::Duration;

/// One reader leaves for good while two others register: both have a place of their own at the end, and of the places
/// that were free one is used again.
#[test]
fn release_vs_claims() {
    let model = Model::new("place::release_vs_claims", 2).bound(2).floor(1);
    model.deep(Some(3), 1).check(|| {
        let (domain, reaper) = Domain::new(DomainConfig::default());
        let leaving = domain.reader("leaving");
        let registering = thread::spawn({
            let domain = domain.clone();
            move || domain.reader("first")
        });
        drop(leaving);
        let mut second = domain.reader("second");
        let mut first = registering.join().unwrap();
        assert_eq!(domain.stats().readers, 2);
        let pins = (first.pin(), second.pin());
        let inside = domain.stalled(Duration::ZERO);
        let mut inside: Vec<_> = inside.iter().map(|stalled| stalled.label).collect();
        inside.sort_unstable();
        assert_eq!(inside, ["first", "second"], "each has a place of its own");
        drop(pins);
        drop((first, second, reaper));
    });
}
