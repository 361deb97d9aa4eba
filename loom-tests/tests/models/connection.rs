//! Closing a connection at any instant: every stream ends once, none is opened behind the closers, and its backfill
//! manager is destroyed once, by the reaper, after the last who looked at it.

use crate::scene::{Room, pinned};
use loom::thread::JoinHandle;
use millstream::model::{Backfills, Connection, Gate, Queue};
use millstream::ready::ReadySet;
use millstream::stream::{Advanced, Claimed, Killed, StreamState};
use millstream::types::{EndReason, VbId};
use millstream_models::{Canary, Drops, Model};
use millstream_reclaim::sync::Arc as Tracked;
use millstream_reclaim::{Pin, Reader};

/// A connection; what its manager lends from ends on the main thread, which is the reaper's.
struct Scene {
    room: Room,
    drops: Drops,
    ready: Tracked<ReadySet>,
    backfills: Backfills,
    _queue: Queue,
    connection: Connection,
}

impl Scene {
    fn new() -> Self {
        let (room, drops) = (Room::new(), Drops::new());
        let ready = Tracked::new(ReadySet::new(2));
        let (backfills, queue) =
            Backfills::new(&room.domain, 1, &Gate::new(1), Canary::new(7, &drops));
        let connection = Connection::new(1, 2, &ready, &backfills);
        Self { room, drops, ready, backfills, _queue: queue, connection }
    }

    fn closing(&self) -> JoinHandle<(usize, Reader)> {
        let connection = self.connection.clone();
        pinned(self.room.reader("closer"), move |pin| connection.close_all(pin))
    }

    /// Opens a stream as its owner does. Whether there is one.
    fn open(&self, member: usize) -> bool {
        let claimed = self.connection.word_for_open(member).map(|word| word.claim());
        assert_ne!(claimed, Some(Claimed::Busy));
        matches!(claimed, Some(Claimed::Opened(_)))
    }

    /// Has a stream read the store, and ends it if it cannot, as `ActiveStream` does. Whether the owner ended it.
    fn backfill(&self, member: usize, pin: &Pin<'_>) -> bool {
        let word = self.connection.word_for_open(member).expect("it was opened");
        if let Advanced::Dead(reason) = word.advance(StreamState::Backfilling) {
            assert_eq!(reason, EndReason::Disconnected);
            return false;
        }
        let outbox = self.backfills.schedule(VbId(member as u16), &self.ready, pin);
        outbox.is_none() && word.kill(EndReason::Disconnected) == Killed::First
    }

    fn assert_closed(&self, slots: usize) {
        assert!(self.connection.is_closed());
        for member in 0..slots {
            if let Some(word) = self.connection.word_for_open(member) {
                assert!(matches!(word.load(), StreamState::Free | StreamState::Dead(_)));
                word.release();
            }
            assert!(!self.open(member), "nothing is opened any more");
        }
    }

    /// With everybody outside, one reap destroys the manager.
    fn finish(self) {
        let Self { room, drops, ready, backfills, _queue, connection } = self;
        assert_eq!(drops.count(), 0, "not before");
        assert_eq!(room.finish(), 1, "the manager");
        drop((ready, backfills, _queue, connection));
        assert_eq!(drops.count(), 1);
    }
}

#[test]
fn two_closers_and_a_request() {
    let model = Model::new("connection::two_closers_and_a_request", 3).bound(2).floor(67_000);
    model.deep(Some(3), 67_000).check(|| {
        let scene = Scene::new();
        let mut owner = scene.room.reader("owner");
        assert!(scene.open(0));
        let closing = [scene.closing(), scene.closing()];
        let (opened, ended_here) = {
            let pin = owner.pin();
            let opened = 1 + usize::from(scene.open(1));
            (opened, usize::from(scene.backfill(0, &pin)))
        };
        let closers = closing.map(|closer| closer.join().unwrap());
        let ended: usize = closers.iter().map(|(ended, _)| ended).sum();
        assert_eq!(ended + ended_here, opened, "every stream ends once");
        scene.assert_closed(2);
        drop((owner, closers));
        scene.finish();
    });
}

/// The owner sleeps; a close that does not wake it is a deadlock, which loom reports.
#[test]
fn wakes_the_owner() {
    use millstream_models::block_on;
    use std::{future::poll_fn, task::Poll};
    let model = Model::new("connection::wakes_the_owner", 2).bound(3).floor(400);
    model.deep(None, 400).check(|| {
        let scene = Scene::new();
        let closing = scene.closing();
        block_on(poll_fn(|cx| {
            scene.ready.register(cx.waker());
            if scene.connection.is_closed() { Poll::Ready(()) } else { Poll::Pending }
        }));
        let (ended, closer) = closing.join().unwrap();
        assert_eq!(ended, 0, "it had no stream");
        drop(closer);
        scene.finish();
    });
}

/// A state change and a close meet at one stream: one of them ends it, and both go on.
#[test]
fn state_change_vs_close() {
    let model = Model::new("connection::state_change_vs_close", 3).bound(2).floor(1500);
    model.deep(Some(3), 1500).check(|| {
        let scene = Scene::new();
        let mut owner = scene.room.reader("owner");
        assert!(scene.open(1));
        let closing = scene.closing();
        let changing = loom::thread::spawn({
            let connection = scene.connection.clone();
            move || connection.kill_vbucket(VbId(1), EndReason::StateChanged)
        });
        let ended_here = usize::from(scene.backfill_or_dead(1, &owner.pin()));
        let (ended, closer) = closing.join().unwrap();
        let changed = changing.join().unwrap();
        assert_eq!(ended + changed + ended_here, 1, "one end");
        let word = scene.connection.word_for_open(1).expect("its block is there");
        let reason = if changed == 1 { EndReason::StateChanged } else { EndReason::Disconnected };
        assert_eq!(word.load(), StreamState::Dead(reason), "with the first reason");
        scene.assert_closed(2);
        drop((owner, closer));
        scene.finish();
    });
}

impl Scene {
    /// As [`backfill`](Self::backfill), where somebody else may have ended the stream for another reason.
    fn backfill_or_dead(&self, member: usize, pin: &Pin<'_>) -> bool {
        let word = self.connection.word_for_open(member).expect("it was opened");
        if let Advanced::Dead(_) = word.advance(StreamState::Backfilling) {
            return false;
        }
        let outbox = self.backfills.schedule(VbId(member as u16), &self.ready, pin);
        outbox.is_none() && word.kill(EndReason::Disconnected) == Killed::First
    }
}
