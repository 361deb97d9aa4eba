//! The real arc-swap, on its own: that one swap wins, that a guard's value lives, that an address may be used again.

use loom::thread::{self, JoinHandle};
use millstream_models::Model;
use millstream_reclaim::sync::{Arc, SwapOption};
use std::sync::Arc as Untracked;
use std::sync::atomic::{AtomicBool, Ordering};

type Cell = Untracked<SwapOption<u32>>;

fn cell(value: u32) -> Cell {
    Untracked::new(SwapOption::from(Some(Arc::new(value))))
}

fn read(cell: &Cell) -> Option<u32> {
    cell.load().as_deref().copied()
}

fn reading(cell: &Cell) -> JoinHandle<()> {
    let cell = cell.clone();
    thread::spawn(move || assert!(matches!(read(&cell), None | Some(7))))
}

/// Empties the cell; gives what was in it.
fn close(cell: &Cell) -> Option<u32> {
    cell.swap(None).map(|value| *value)
}

#[test]
fn one_reader_one_closer() {
    let model = Model::new("arc_swap::one_reader_one_closer", 2).bound(5).floor(2_200);
    model.deep(None, 100_000).check(|| {
        let cell = cell(7);
        let reading = reading(&cell);
        assert_eq!(close(&cell), Some(7));
        reading.join().unwrap();
        assert_eq!(read(&cell), None);
    });
}

#[test]
fn two_closers() {
    let model = Model::new("arc_swap::two_closers", 2).bound(5).floor(1_200);
    model.deep(None, 15_000).check(|| {
        let cell = cell(7);
        let closing = thread::spawn({
            let cell = cell.clone();
            move || close(&cell)
        });
        let taken = [close(&cell), closing.join().unwrap()];
        assert!(matches!(taken, [Some(7), None] | [None, Some(7)]), "exactly one wins");
    });
}

#[test]
fn one_reader_two_closers() {
    let model = Model::new("arc_swap::one_reader_two_closers", 3).bound(4).floor(100_000);
    model.check(|| {
        let cell = cell(7);
        let reading = reading(&cell);
        let closing = thread::spawn({
            let cell = cell.clone();
            move || close(&cell)
        });
        let ours = close(&cell);
        reading.join().unwrap();
        let taken = [ours, closing.join().unwrap()];
        assert!(matches!(taken, [Some(7), None] | [None, Some(7)]), "exactly one wins");
    });
}

/// A reader that takes a share with it, instead of a debt that it pays back.
#[test]
fn load_full_vs_swap() {
    let model = Model::new("arc_swap::load_full_vs_swap", 2).bound(5).floor(2_500);
    model.deep(None, 100_000).check(|| {
        let cell = cell(7);
        let owning = thread::spawn({
            let cell = cell.clone();
            move || assert!(matches!(cell.load_full().as_deref(), None | Some(7)))
        });
        assert_eq!(close(&cell), Some(7));
        owning.join().unwrap();
    });
}

/// Large enough that nothing else in a model has its size: what is freed is what the next one gets.
const LARGE: usize = 1009;

fn large(value: u8) -> Option<Arc<[u8; LARGE]>> {
    Some(Arc::new([value; LARGE]))
}

/// A reader of one cell must never be given the value of another cell that came to the same address meanwhile.
#[test]
fn address_reused() {
    let reused = Untracked::new(AtomicBool::new(false));
    let seen = Untracked::clone(&reused);
    let model = Model::new("arc_swap::address_reused", 2).bound(4).floor(900);
    model.deep(Some(5), 900).check(move || {
        let value = large(1);
        let first_address = value.as_ref().map(Arc::as_ptr);
        let cell = Untracked::new(SwapOption::from(value));
        let reading = thread::spawn({
            let cell = Untracked::clone(&cell);
            move || {
                let found = cell.load();
                let first = found.as_ref().is_none_or(|value| value[0] == 1);
                assert!(first, "another cell's value");
            }
        });
        cell.store(None);
        let value = large(100);
        if value.as_ref().map(Arc::as_ptr) == first_address {
            seen.store(true, Ordering::Relaxed);
        }
        let other = SwapOption::from(value);
        other.store(None);
        reading.join().unwrap();
    });
    assert!(reused.load(Ordering::Relaxed), "no execution came to one address twice");
}

/// With its fast slots full, a reader takes the slow path, in which the writer hands it a value.
#[test]
fn helped_reader() {
    let model = Model::new("arc_swap::helped_reader", 2).bound(4).floor(2_500);
    model.deep(Some(6), 2_500).check(|| {
        let cell = cell(7);
        let reading = thread::spawn({
            let cell = cell.clone();
            move || {
                let other = SwapOption::from(Some(Arc::new(1)));
                let full = [other.load(), other.load()];
                assert!(matches!(read(&cell), None | Some(7)));
                drop(full);
            }
        });
        assert_eq!(close(&cell), Some(7));
        reading.join().unwrap();
    });
}

/// A compare-and-swap that saw a value must not put one into a cell that was emptied since.
#[test]
fn exchange_vs_closer() {
    let model = Model::new("arc_swap::exchange_vs_closer", 2).bound(3).floor(400);
    model.deep(Some(5), 400).check(|| {
        let cell = cell(7);
        let exchanging = thread::spawn({
            let cell = cell.clone();
            move || {
                let seen = cell.load();
                let found = cell.compare_and_swap(&seen, seen.is_some().then(|| Arc::new(8)));
                matches!((&*seen, &*found), (Some(a), Some(b)) if Arc::ptr_eq(a, b))
            }
        });
        let closed = close(&cell);
        let exchanged = exchanging.join().unwrap();
        assert_eq!(closed, Some(if exchanged { 8 } else { 7 }));
        assert_eq!(read(&cell), None, "it stays empty");
    });
}
