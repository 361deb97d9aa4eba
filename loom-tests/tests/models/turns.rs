//! Whose turn it is to run a connection's backfills: what is handed in is run, whoever comes in between.

use crate::scene::{FailingStore, Room, pinned};
use millstream::model::{Backfills, Delivered, Gate};
use millstream::ready::ReadySet;
use millstream::types::{EndReason, VbId};
use millstream_models::Model;
use millstream_reclaim::sync::Arc as Tracked;

const FAILED: Option<Delivered> = Some(Delivered::Failed(EndReason::BackfillFailed));

/// Work that comes in while the worker is about to go idle is run.
#[test]
fn kick_vs_idle() {
    let model = Model::new("turns::kick_vs_idle", 2).bound(3).floor(250);
    model.deep(Some(4), 250).check(|| {
        let room = Room::new();
        let (backfills, queue) = Backfills::new(&room.domain, 1, &Gate::new(1), ());
        let ready = Tracked::new(ReadySet::new(2));
        let mut worker = room.reader("worker");
        let mut first = backfills.schedule(VbId(0), &ready, &worker.pin()).expect("open");
        let owner = pinned(room.reader("owner"), {
            let (backfills, ready) = (backfills.clone(), ready.clone());
            move |pin| backfills.schedule(VbId(1), &ready, pin).expect("open")
        });
        let mut turns = 0;
        while queue.run_next(&FailingStore, &mut worker) {
            turns += 1;
        }
        let (mut second, mut owner) = owner.join().unwrap();
        while queue.run_next(&FailingStore, &mut worker) {
            turns += 1;
        }
        assert!((1..=5).contains(&turns), "{turns} turns");
        assert_eq!((first.next(), second.next()), (FAILED, FAILED), "both were run");
        assert!(backfills.close(&owner.pin()));
        drop((first, second, worker, owner));
        assert_eq!(room.finish(), 1, "the manager");
    });
}

/// A connection that closes while work is handed in and run: its manager is destroyed once, by the reaper, and what it
/// held is given back.
#[test]
fn close_vs_run() {
    let model = Model::new("turns::close_vs_run", 2).bound(3).floor(1100);
    model.deep(Some(4), 1100).check(|| {
        let room = Room::new();
        let (backfills, queue) = Backfills::new(&room.domain, 1, &Gate::new(1), ());
        let ready = Tracked::new(ReadySet::new(2));
        let mut worker = room.reader("worker");
        let outbox = backfills.schedule(VbId(0), &ready, &worker.pin()).expect("open");
        let closer = pinned(room.reader("closer"), {
            let backfills = backfills.clone();
            move |pin| backfills.close(pin)
        });
        while queue.run_next(&FailingStore, &mut worker) {}
        let (closed, closer) = closer.join().unwrap();
        assert!(closed);
        assert!(backfills.schedule(VbId(1), &ready, &worker.pin()).is_none(), "it stays closed");
        while queue.run_next(&FailingStore, &mut worker) {}
        drop((outbox, worker, closer));
        assert_eq!(room.finish(), 1, "the manager");
    });
}
