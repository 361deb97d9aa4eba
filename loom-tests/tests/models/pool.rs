//! Borrowed readers: one borrower at a time, and none left when the last domain is gone.

use loom::thread;
use millstream_models::{Canary, Drops, Model};
use millstream_reclaim::{Domain, DomainConfig};
use std::sync::Arc;

/// A pooled reader passes from one thread to another with all of its state: its participant's cells are plain
/// memory, so a hand-over without an order would be a race in the epoch's own bag.
#[test]
fn two_borrowers() {
    let model = Model::new("pool::two_borrowers", 2).bound(3).floor(6_000);
    model.check(|| {
        let (domain, mut reaper) = Domain::new(DomainConfig::default());
        let domain = Arc::new(domain);
        let drops = Drops::new();
        drop(domain.borrow("made before"));
        let retire = |domain: &Domain, canary| {
            let mut lent = domain.borrow("lent");
            lent.pin().retire(Box::new(canary));
        };
        let (ours, theirs) = (Canary::new(1, &drops), Canary::new(2, &drops));
        let other = thread::spawn({
            let domain = Arc::clone(&domain);
            move || retire(&domain, theirs)
        });
        retire(&domain, ours);
        other.join().unwrap();
        let readers = domain.stats().readers;
        assert!((1..=2).contains(&readers), "as many as were borrowed at once");
        assert_eq!(reaper.reap().pending, 0);
        assert_eq!(drops.count(), 2);
    });
}
