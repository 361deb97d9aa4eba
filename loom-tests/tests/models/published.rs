//! The published cell over the real arc-swap and the real epoch. Every model checks that destructors run on the
//! reaper's thread, once, after the last reader, and that the reaper was sole owner each time.

use loom::thread::{self, JoinHandle};
use millstream_models::{Canary, Drops, Model};
use millstream_reclaim::sync::atomic::{AtomicPtr, Ordering};
use millstream_reclaim::{Domain, DomainConfig, Published, Reader, Reaper, ReplaceError};
use std::ptr;
use std::sync::Arc;

/// A domain with one published value; the main thread is the reaper's.
pub(super) struct World {
    pub(super) reaper: Reaper,
    pub(super) domain: Domain,
    pub(super) drops: Drops,
    pub(super) cell: Arc<Published<Canary>>,
}

impl World {
    pub(super) fn new() -> Self {
        let (domain, reaper) = Domain::new(DomainConfig::default());
        let drops = Drops::new();
        let cell = Arc::new(domain.publish(Canary::new(7, &drops)).unwrap());
        Self { reaper, domain, drops, cell }
    }

    /// Reads once on a thread of its own; gives its reader back, so that nothing is dropped there.
    pub(super) fn reading(&self) -> JoinHandle<Reader> {
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

    /// With everybody outside, one reap destroys everything.
    pub(super) fn finish(mut self, destroyed: usize) {
        let reaped = self.reaper.reap();
        assert_eq!((reaped.pending, reaped.held), (0, 0));
        assert_eq!(self.drops.count(), destroyed);
        assert_eq!(self.domain.stats().held_total, 0, "the reaper was sole owner every time");
    }
}

#[test]
fn one_closer_one_reader() {
    let model = Model::new("published::one_closer_one_reader", 2).bound(4).floor(1_200);
    model.deep(Some(5), 1_200).check(|| {
        let world = World::new();
        let mut closer = world.domain.reader("closer");
        let reading = world.reading();
        assert!(world.cell.retire(&closer.pin()));
        let reader = reading.join().unwrap();
        world.finish(1);
        drop((reader, closer));
    });
}

#[test]
fn two_closers_one_reader() {
    let model = Model::new("published::two_closers_one_reader", 3).bound(2).floor(5_000);
    model.deep(Some(3), 5_000).check(|| {
        let world = World::new();
        let (mut ours, mut theirs) = (world.domain.reader("ours"), world.domain.reader("theirs"));
        let reading = world.reading();
        let closing = thread::spawn({
            let cell = Arc::clone(&world.cell);
            move || {
                let won = cell.retire(&theirs.pin());
                (won, theirs)
            }
        });
        let won = world.cell.retire(&ours.pin());
        let reader = reading.join().unwrap();
        let (other_won, theirs) = closing.join().unwrap();
        assert!(won ^ other_won, "exactly one wins");
        world.finish(1);
        drop((reader, ours, theirs));
    });
}

/// Whoever is told that the cell is retired finds it empty.
#[test]
fn flag_follows() {
    let model = Model::new("published::flag_follows", 2).bound(4).floor(250);
    model.deep(Some(5), 250).check(|| {
        let world = World::new();
        let (mut closer, mut observer) =
            (world.domain.reader("closer"), world.domain.reader("observer"));
        let observing = thread::spawn({
            let cell = Arc::clone(&world.cell);
            move || {
                let told = cell.is_retired();
                assert!(!told || cell.get(&observer.pin()).is_none(), "told too soon");
                observer
            }
        });
        assert!(world.cell.retire(&closer.pin()));
        assert!(world.cell.is_retired());
        let observer = observing.join().unwrap();
        world.finish(1);
        drop((closer, observer));
    });
}

#[test]
fn one_pin_two_cells() {
    let model = Model::new("published::one_pin_two_cells", 2).bound(3).floor(1_200);
    model.deep(Some(4), 7_000).check(|| {
        let world = World::new();
        let second = Arc::new(world.domain.publish(Canary::new(8, &world.drops)).unwrap());
        let (mut reader, mut closer) =
            (world.domain.reader("reader"), world.domain.reader("closer"));
        let cells = (Arc::clone(&world.cell), Arc::clone(&second));
        let reading = thread::spawn(move || {
            let pin = reader.pin();
            let (first, second) = (cells.0.get(&pin), cells.1.get(&pin));
            assert!(first.is_some() || second.is_none(), "the second is retired first");
            assert!(first.is_none_or(|live| live.read() == 7));
            assert!(second.is_none_or(|live| live.read() == 8));
            drop(pin);
            reader
        });
        let pin = closer.pin();
        assert!(second.retire(&pin));
        assert!(world.cell.retire(&pin));
        drop(pin);
        let reader = reading.join().unwrap();
        world.finish(2);
        drop((reader, closer));
    });
}

/// A retired cell stays retired: the writer's exchange never fills it again.
#[test]
fn replace_vs_retire() {
    let model = Model::new("published::replace_vs_retire", 2).bound(3).floor(1_400);
    model.deep(Some(4), 10_000).check(|| {
        let world = World::new();
        let mut closer = world.domain.reader("closer");
        let (mut writer, cell) = (world.domain.reader("writer"), Arc::clone(&world.cell));
        let drops = world.drops.clone();
        let replacing = thread::spawn(move || {
            // What is not published is dropped where it was made.
            let replaced = cell.replace(Canary::anywhere(8, &drops), &writer.pin());
            (replaced, writer)
        });
        assert!(world.cell.retire(&closer.pin()));
        let (replaced, writer) = replacing.join().unwrap();
        assert!(matches!(replaced, Ok(()) | Err(ReplaceError::Closed)));
        assert!(world.cell.get(&closer.pin()).is_none(), "nothing resurrects it");
        world.finish(2);
        drop((writer, closer));
    });
}

/// Two read-copy-updates: none is lost.
#[test]
fn update_vs_update() {
    let model = Model::new("published::update_vs_update", 2).bound(2).floor(800);
    model.deep(Some(3), 10_000).check(|| {
        let World { mut reaper, domain, drops, cell } = World::new();
        let (mut ours, mut theirs) = (domain.reader("ours"), domain.reader("theirs"));
        let made = drops.clone();
        let edit = move |old: &Canary| Some(Canary::anywhere(old.read() + 1, &made));
        let updating = thread::spawn({
            let (cell, edit) = (Arc::clone(&cell), edit.clone());
            move || {
                assert_eq!(cell.update(&theirs.pin(), edit), Ok(true));
                theirs
            }
        });
        assert_eq!(cell.update(&ours.pin(), edit), Ok(true));
        let theirs = updating.join().unwrap();
        assert_eq!(cell.get(&ours.pin()).map(|live| live.read()), Some(9));
        assert!(cell.retire(&ours.pin()));
        assert_eq!(reaper.reap().pending, 0);
        assert_eq!(domain.stats().held_total, 0);
        assert!(
            drops.count() >= 3,
            "the first value and both new ones; more if an edit was in vain"
        );
        drop((theirs, ours, cell));
    });
}

/// A pointer of the embedder's own, retired under a pin, against a reader of it.
#[test]
fn raw_pointer() {
    let model = Model::new("published::raw_pointer", 2).bound(4).floor(450);
    model.deep(None, 450).check(|| {
        let (domain, mut reaper) = Domain::new(DomainConfig::default());
        let drops = Drops::new();
        let value = Box::into_raw(Box::new(Canary::new(7, &drops)));
        let shared = Arc::new(AtomicPtr::new(value));
        let (mut reader, mut closer) = (domain.reader("reader"), domain.reader("closer"));
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
        let pin = closer.pin();
        let unlinked = shared.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: made by `Box::into_raw`, and unlinked by the only swap.
        unsafe { pin.retire_raw(unlinked) };
        drop(pin);
        reaper.reap();
        let reader = reading.join().unwrap();
        assert_eq!(reaper.reap().pending, 0);
        assert_eq!(drops.count(), 1);
        drop((reader, closer));
    });
}
