//! The engine's limit on scans: who waits for a place is told when one becomes free.

use crate::scene::{ModelStore, Room};
use loom::thread;
use millstream::model::{Backfills, Delivered, Gate};
use millstream::ready::ReadySet;
use millstream::types::{EndReason, VbId};
use millstream_models::Model;
use millstream_reclaim::sync::Arc as Tracked;

/// Two connections, one place, two workers: whoever finds the place taken waits, and the one who leaves it tells.
#[test]
fn full_gate() {
    let model = Model::new("backfill::full_gate", 2).bound(2).floor(68);
    model.deep(Some(3), 68).check(|| {
        let room = Room::new();
        let gate = Gate::new(1);
        let ready = Tracked::new(ReadySet::new(2));
        let (ours, our_queue) = Backfills::new(&room.domain, 1, &gate, ());
        let (theirs, their_queue) = Backfills::new(&room.domain, 1, &gate, ());
        let (mut worker, mut other) = (room.reader("worker"), room.reader("other worker"));
        let mut outboxes = {
            let pin = worker.pin();
            [&ours, &theirs]
                .map(|backfills| backfills.schedule(VbId(0), &ready, &pin).expect("open"))
        };
        let running = thread::spawn(move || {
            while their_queue.run_next(&ModelStore::FAILING, &mut other) {}
            (their_queue, other)
        });
        while our_queue.run_next(&ModelStore::FAILING, &mut worker) {}
        let (their_queue, mut other) = running.join().unwrap();
        while their_queue.run_next(&ModelStore::FAILING, &mut other)
            || our_queue.run_next(&ModelStore::FAILING, &mut worker)
        {}
        let failed = Some(Delivered::Failed(EndReason::BackfillFailed));
        assert_eq!(outboxes.each_mut().map(|outbox| outbox.next()), [failed; 2], "both were run");
        assert_eq!(gate.running(), 0, "and the place is free");
        {
            let pin = worker.pin();
            assert!(ours.close(&pin) && theirs.close(&pin));
        }
        drop((outboxes, worker, other));
        assert_eq!(room.finish(), 2, "both managers");
    });
}
