//! Whose turn it is to run a connection's backfills: what is handed in is run, whoever comes in between.

use crate::scene::{DOCUMENT_BYTES, ModelStore, Room, pinned};
use millstream::model::{Backfills, Delivered, Gate};
use millstream::ready::ReadySet;
use millstream::types::{EndReason, Seqno, VbId};
use millstream_models::{Canary, Drops, Model};
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
        while queue.run_next(&ModelStore::FAILING, &mut worker) {
            turns += 1;
        }
        let (mut second, mut owner) = owner.join().unwrap();
        while queue.run_next(&ModelStore::FAILING, &mut worker) {
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
        while queue.run_next(&ModelStore::FAILING, &mut worker) {}
        let (closed, closer) = closer.join().unwrap();
        assert!(closed);
        assert!(backfills.schedule(VbId(1), &ready, &worker.pin()).is_none(), "it stays closed");
        while queue.run_next(&ModelStore::FAILING, &mut worker) {}
        drop((outbox, worker, closer));
        assert_eq!(room.finish(), 1, "the manager");
    });
}

/// What a backfill of [`ModelStore::TWO`] delivers.
const ALL: [Delivered; 4] = [
    Delivered::Opened(Seqno(2)),
    Delivered::Slice(1),
    Delivered::Slice(1),
    Delivered::Done(Seqno(2)),
];

/// The buffer is full after one slice. The owner takes it out while the worker finds the buffer full and goes idle; if
/// nobody brings the worker back, the second slice is never read.
#[test]
fn drained_vs_full() {
    let model = Model::new("turns::drained_vs_full", 2).bound(2).floor(1700);
    model.deep(Some(3), 1700).check(|| {
        let room = Room::new();
        let gate = Gate::new(1);
        let (backfills, queue) = Backfills::new(&room.domain, DOCUMENT_BYTES, &gate, ());
        let ready = Tracked::new(ReadySet::new(2));
        let mut worker = room.reader("worker");
        let mut outbox = backfills.schedule(VbId(0), &ready, &worker.pin()).expect("open");
        let owner = loom::thread::spawn({
            let backfills = backfills.clone();
            move || {
                let mut delivered = Vec::new();
                // As often as the worker may have something for it; what comes later is taken below.
                for _ in 0..2 {
                    delivered.extend(core::iter::from_fn(|| outbox.next()));
                    backfills.kick_if_drained();
                }
                (outbox, delivered)
            }
        });
        while queue.run_next(&ModelStore::TWO, &mut worker) {}
        let (mut outbox, mut delivered) = owner.join().unwrap();
        loop {
            delivered.extend(core::iter::from_fn(|| outbox.next()));
            backfills.kick_if_drained();
            if !queue.run_next(&ModelStore::TWO, &mut worker) {
                break;
            }
        }
        assert_eq!(delivered, ALL, "nobody sleeps on a drained buffer");
        assert_eq!(gate.running(), 0, "its place was given back");
        assert!(backfills.close(&worker.pin()));
        drop((outbox, worker));
        assert_eq!(room.finish(), 1, "the manager");
    });
}

/// A connection closes while its backfill is being read: whatever was delivered is whole and in order, the scan's place
/// and every byte are given back, and the manager is destroyed once.
#[test]
fn close_vs_read() {
    let model = Model::new("turns::close_vs_read", 2).bound(2).floor(580);
    model.deep(Some(3), 580).check(|| {
        let (room, drops) = (Room::new(), Drops::new());
        let gate = Gate::new(1);
        let witness = Canary::new(7, &drops);
        let (backfills, queue) = Backfills::new(&room.domain, 8, &gate, witness);
        let ready = Tracked::new(ReadySet::new(2));
        let mut worker = room.reader("worker");
        let mut outbox = backfills.schedule(VbId(0), &ready, &worker.pin()).expect("open");
        let closer = pinned(room.reader("closer"), {
            let backfills = backfills.clone();
            move |pin| backfills.close(pin)
        });
        while queue.run_next(&ModelStore::TWO, &mut worker) {}
        let (closed, closer) = closer.join().unwrap();
        assert!(closed, "by its one closer");
        while queue.run_next(&ModelStore::TWO, &mut worker) {}
        let delivered: Vec<_> = core::iter::from_fn(|| outbox.next()).collect();
        assert!(ALL.starts_with(&delivered), "in order: {delivered:?}");
        assert_eq!(drops.count(), 0, "nothing is destroyed before the reaper comes");
        drop((outbox, queue, worker, closer));
        assert_eq!(room.finish(), 1, "the manager");
        assert_eq!(gate.running(), 0, "with it the place of what it had not finished");
        drop(backfills);
        assert_eq!(drops.count(), 1, "and what it lent from, once every byte was back");
    });
}
