//! What waits for the reaper while it is at work: values pass between threads that collect and the one that destroys.

use super::published::World;
use loom::thread;
use millstream_models::{Canary, Model};
use std::sync::Arc;

#[test]
fn reaper_racing() {
    let model = Model::new("garbage::reaper_racing", 2).bound(4).floor(3_000);
    model.deep(Some(5), 3_000).check(|| {
        let mut world = World::new();
        let mut closer = world.domain.reader("closer");
        let reading = world.reading();
        assert!(world.cell.retire(&closer.pin()));
        let racing = world.reaper.reap();
        assert_eq!(racing.destroyed as u64 + racing.pending, 1);
        let reader = reading.join().unwrap();
        world.finish(1);
        drop((reader, closer));
    });
}

/// The closer's own participant collects while the reaper takes from the list: values pass between the two.
#[test]
fn closer_collects() {
    let model = Model::new("garbage::closer_collects", 2).bound(2).floor(1_600);
    model.deep(Some(3), 25_000).check(|| {
        let mut world = World::new();
        let (mut closer, cell) = (world.domain.reader("closer"), Arc::clone(&world.cell));
        let other = Canary::new(8, &world.drops);
        let closing = thread::spawn(move || {
            assert!(cell.retire(&closer.pin()));
            closer.pin().retire(Box::new(other));
            closer
        });
        let racing = world.reaper.reap();
        assert!(racing.destroyed as u64 + racing.pending <= 2, "pending never wraps");
        let closer = closing.join().unwrap();
        world.finish(2);
        drop(closer);
    });
}

/// A cell that is dropped unretired hands its value to the reaper, which is at work on another one's meanwhile.
#[test]
fn dropped_unretired() {
    let model = Model::new("garbage::dropped_unretired", 2).bound(4).floor(50);
    model.deep(None, 50).check(|| {
        let World { mut reaper, domain, drops, cell } = World::new();
        let cell = Arc::into_inner(cell).expect("nobody has it yet");
        let other = domain.publish(Canary::new(8, &drops)).unwrap();
        let dropping = thread::spawn(move || drop(cell));
        drop(other);
        assert!(reaper.reap().pending <= 1, "counted before it can be destroyed");
        dropping.join().unwrap();
        assert_eq!(reaper.reap().pending, 0);
        assert_eq!((drops.count(), domain.stats().held_total), (2, 0));
    });
}

/// An observer never sees a destruction without the retirement before it.
#[test]
fn pending_never_wraps() {
    let model = Model::new("garbage::pending_never_wraps", 3).bound(3).floor(20);
    model.deep(Some(4), 20).check(|| {
        let World { mut reaper, domain, drops, cell } = World::new();
        let cell = Arc::into_inner(cell).expect("nobody has it yet");
        let dropping = thread::spawn(move || drop(cell));
        let observing = thread::spawn(move || {
            let pending = domain.stats().pending;
            assert!(pending <= 1, "{pending} pending of one");
            domain
        });
        reaper.reap();
        dropping.join().unwrap();
        let domain = observing.join().unwrap();
        assert_eq!(reaper.reap().pending, 0);
        assert_eq!((drops.count(), domain.stats().pending), (1, 0));
    });
}
