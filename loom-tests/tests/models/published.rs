//! The published cell over the real arc-swap and the real epoch. Every model checks that destructors run on the reaper's
//! thread, once, after the last reader, and that the reaper was sole owner each time.

use loom::thread::{self, JoinHandle};
use millstream_models::{Canary, Drops, Model};
use millstream_reclaim::{Domain, DomainConfig, Published, Reader, Reaper, ReplaceError};
use std::sync::Arc;

/// A domain with one published value; the main thread is the reaper's.
struct World {
    reaper: Reaper,
    domain: Domain,
    drops: Drops,
    cell: Arc<Published<Canary>>,
}

impl World {
    fn new() -> Self {
        let (domain, reaper) = Domain::new(DomainConfig::default());
        let drops = Drops::new();
        let cell = Arc::new(domain.publish(Canary::new(7, &drops)).unwrap());
        Self {
            reaper,
            domain,
            drops,
            cell,
        }
    }

    /// Reads once on a thread of its own; gives its reader back, so that nothing is dropped there.
    fn reading(&self) -> JoinHandle<Reader> {
        let (mut reader, cell) = (self.domain.reader("reader"), Arc::clone(&self.cell));
        thread::spawn(move || {
            let pin = reader.pin();
            if let Some(live) = cell.get(&pin) {
                assert_eq!(live.read(), 7);
            }
            drop(pin);
            reader
        })
    }

    /// Retires on a thread of its own.
    fn closing(&self) -> JoinHandle<(bool, Reader)> {
        let (mut closer, cell) = (self.domain.reader("closer"), Arc::clone(&self.cell));
        thread::spawn(move || {
            let won = cell.retire(&closer.pin());
            if won {
                assert!(cell.is_retired());
            }
            (won, closer)
        })
    }

    /// With everybody outside, one reap destroys everything.
    fn finish(mut self, destroyed: usize) {
        let reaped = self.reaper.reap();
        assert_eq!((reaped.pending, reaped.held), (0, 0));
        assert_eq!(self.drops.count(), destroyed);
        assert_eq!(
            self.domain.stats().held_total,
            0,
            "the reaper was sole owner every time"
        );
    }
}

#[test]
fn one_closer_one_reader() {
    let model = Model::new("published::one_closer_one_reader", 2)
        .bound(2)
        .floor(1);
    model.deep(Some(3), 1).check(|| {
        let world = World::new();
        let (reading, closing) = (world.reading(), world.closing());
        let reader = reading.join().unwrap();
        let (won, closer) = closing.join().unwrap();
        assert!(won);
        world.finish(1);
        drop((reader, closer));
    });
}

#[test]
fn two_closers_one_reader() {
    let model = Model::new("published::two_closers_one_reader", 3)
        .bound(2)
        .floor(1);
    model.deep(Some(2), 1).check(|| {
        let world = World::new();
        let (reading, closing) = (world.reading(), [world.closing(), world.closing()]);
        let reader = reading.join().unwrap();
        let closers = closing.map(|closer| closer.join().unwrap());
        assert!(closers[0].0 ^ closers[1].0, "exactly one wins");
        world.finish(1);
        drop((reader, closers));
    });
}

#[test]
fn reaper_racing() {
    let model = Model::new("published::reaper_racing", 3).bound(2).floor(1);
    model.deep(Some(3), 1).check(|| {
        let mut world = World::new();
        let (reading, closing) = (world.reading(), world.closing());
        let racing = world.reaper.reap();
        assert!(
            racing.destroyed as u64 + racing.pending <= 1,
            "pending never wraps"
        );
        let reader = reading.join().unwrap();
        let (won, closer) = closing.join().unwrap();
        assert!(won);
        world.finish(1);
        drop((reader, closer));
    });
}

/// The closer's own participant collects while the reaper takes from the list: values pass between the two.
#[test]
fn closer_collects() {
    let model = Model::new("published::closer_collects", 2)
        .bound(1)
        .floor(1);
    model.deep(Some(3), 1).check(|| {
        let mut world = World::new();
        let (mut closer, cell) = (world.domain.reader("closer"), Arc::clone(&world.cell));
        let drops = world.drops.clone();
        let other = Canary::new(8, &drops);
        let closing = thread::spawn(move || {
            assert!(cell.retire(&closer.pin()));
            closer.pin().retire(Box::new(other));
            closer
        });
        world.reaper.reap();
        let closer = closing.join().unwrap();
        world.finish(2);
        drop(closer);
    });
}

#[test]
fn one_pin_two_cells() {
    let model = Model::new("published::one_pin_two_cells", 2)
        .bound(2)
        .floor(1);
    model.deep(Some(3), 1).check(|| {
        let world = World::new();
        let second = Arc::new(world.domain.publish(Canary::new(8, &world.drops)).unwrap());
        let (mut reader, mut closer) =
            (world.domain.reader("reader"), world.domain.reader("closer"));
        let cells = (Arc::clone(&world.cell), Arc::clone(&second));
        let reading = thread::spawn(move || {
            let pin = reader.pin();
            let (first, second) = (cells.0.get(&pin), cells.1.get(&pin));
            assert!(
                first.is_some() || second.is_none(),
                "the second is retired first"
            );
            assert!(first.is_none_or(|live| live.read() == 7));
            assert!(second.is_none_or(|live| live.read() == 8));
            drop(pin);
            reader
        });
        let (first, second) = (Arc::clone(&world.cell), second);
        let closing = thread::spawn(move || {
            let pin = closer.pin();
            assert!(second.retire(&pin));
            assert!(first.retire(&pin));
            drop(pin);
            closer
        });
        let reader = reading.join().unwrap();
        let closer = closing.join().unwrap();
        world.finish(2);
        drop((reader, closer));
    });
}

/// A retired cell stays retired: the writer's exchange never fills it again.
#[test]
fn replace_vs_retire() {
    let model = Model::new("published::replace_vs_retire", 2)
        .bound(2)
        .floor(1);
    model.deep(Some(3), 1).check(|| {
        let world = World::new();
        let (mut writer, cell) = (world.domain.reader("writer"), Arc::clone(&world.cell));
        let drops = world.drops.clone();
        let replacing = thread::spawn(move || {
            // What is not published is dropped where it was made.
            let replaced = cell.replace(Canary::anywhere(8, &drops), &writer.pin());
            (replaced, writer)
        });
        let closing = world.closing();
        let (replaced, writer) = replacing.join().unwrap();
        let (won, mut closer) = closing.join().unwrap();
        assert!(won);
        assert!(matches!(replaced, Ok(()) | Err(ReplaceError::Closed)));
        assert!(
            world.cell.get(&closer.pin()).is_none(),
            "nothing resurrects it"
        );
        world.finish(2);
        drop((writer, closer));
    });
}

/// Two read-copy-updates: none is lost.
#[test]
fn update_vs_update() {
    let model = Model::new("published::update_vs_update", 2)
        .bound(1)
        .floor(1);
    model.deep(Some(3), 1).check(|| {
        let world = World::new();
        let made = world.drops.clone();
        let updating = ["first", "second"].map(|label| {
            let (mut reader, cell) = (world.domain.reader(label), Arc::clone(&world.cell));
            let made = made.clone();
            thread::spawn(move || {
                let edit = |old: &Canary| Some(Canary::anywhere(old.read() + 1, &made));
                assert_eq!(cell.update(&reader.pin(), edit), Ok(true));
                reader
            })
        });
        let [mut ours, theirs] = updating.map(|thread| thread.join().unwrap());
        assert_eq!(world.cell.get(&ours.pin()).map(|live| live.read()), Some(9));
        assert!(world.cell.retire(&ours.pin()));
        let World {
            mut reaper,
            domain,
            cell,
            ..
        } = world;
        assert_eq!(reaper.reap().pending, 0);
        assert_eq!(domain.stats().held_total, 0);
        assert!(
            made.count() >= 3,
            "the first value and both new ones; more if an edit was in vain"
        );
        drop((theirs, ours, cell));
    });
}

/// A pointer of the embedder's own, retired under a pin, against a reader of it.
#[test]
fn raw_pointer() {
    use loom::sync::atomic::{AtomicPtr, Ordering};
    let model = Model::new("published::raw_pointer", 2).bound(2).floor(1);
    model.deep(Some(3), 1).check(|| {
        let world = World::new();
        let value = Box::into_raw(Box::new(Canary::new(7, &world.drops)));
        let shared = Arc::new(AtomicPtr::new(value));
        let (mut reader, mut closer) =
            (world.domain.reader("reader"), world.domain.reader("closer"));
        let reading = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let pin = reader.pin();
                // SAFETY: loaded under a pin of the domain that it is retired into.
                let canary = unsafe { shared.load(Ordering::Acquire).as_ref() };
                assert!(canary.is_none_or(|canary| canary.read() == 7));
                drop(pin);
                reader
            }
        });
        let closing = thread::spawn(move || {
            let pin = closer.pin();
            let unlinked = shared.swap(std::ptr::null_mut(), Ordering::AcqRel);
            // SAFETY: made by `Box::into_raw`, and unlinked by the only swap.
            unsafe { pin.retire_raw(unlinked) };
            drop(pin);
            closer
        });
        let World {
            mut reaper,
            domain,
            drops,
            cell,
        } = world;
        let (reader, closer) = (reading.join().unwrap(), closing.join().unwrap());
        assert_eq!(reaper.reap().pending, 0);
        assert_eq!(drops.count(), 1);
        drop((reader, closer, cell));
        assert_eq!(
            reaper.reap().destroyed,
            1,
            "the cell's value, handed over when the cell was dropped"
        );
        drop(domain);
    });
}
