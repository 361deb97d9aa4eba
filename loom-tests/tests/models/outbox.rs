//! What a backfill delivers, against an owner that lets go: every byte that was lent is given back.

use loom::thread;
use millstream::flow::Budget;
use millstream::model::{Delivered, outbox};
use millstream::ready::ReadySet;
use millstream_models::Model;
use millstream_reclaim::sync::Arc as Tracked;

/// The owner takes what it finds and drops the rest, while the worker delivers.
#[test]
fn dropped_vs_delivered() {
    let model = Model::new("outbox::dropped_vs_delivered", 2).bound(3).floor(320);
    model.deep(None, 320).check(|| {
        let budget = Budget::new(8, 50, || ());
        let (feed, mut outbox) = outbox(&Tracked::new(ReadySet::new(2)), 1);
        let worker = thread::spawn({
            let budget = budget.clone();
            move || {
                for bytes in [1, 2] {
                    let permit = Budget::take(&budget, bytes);
                    if feed.is_abandoned() {
                        return;
                    }
                    feed.deliver(permit);
                }
            }
        });
        assert!(matches!(outbox.next(), None | Some(Delivered::Slice(0))));
        drop(outbox);
        worker.join().unwrap();
        assert_eq!(budget.used(), 0, "all was given back");
    });
}
