//! The real arc-swap, on its own: that one swap wins, that a guard's value lives, that an address may be used again.

use loom::thread;
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

fn close(cell: &Cell) -> bool {
    cell.swap(None).is_some()
}

#[test]
fn one_reader_one_closer() {
    Model::new("arc_swap::one_reader_one_closer", 2)
        .bound(3)
        .floor(1)
        .deep(None, 1)
        .check(|| {
            let cell = cell(7);
            let reader = thread::spawn({
                let cell = cell.clone();
                move || assert!(matches!(read(&cell), None | Some(7)))
            });
            assert!(close(&cell));
            reader.join().unwrap();
            assert_eq!(read(&cell), None);
        });
}

#[test]
fn two_closers() {
    Model::new("arc_swap::two_closers", 2)
        .bound(3)
        .floor(1)
        .deep(None, 1)
        .check(|| {
            let cell = cell(7);
            let other = thread::spawn({
                let cell = cell.clone();
                move || close(&cell)
            });
            let ours = close(&cell);
            assert!(ours ^ other.join().unwrap(), "exactly one wins");
        });
}

#[test]
fn one_reader_two_closers() {
    Model::new("arc_swap::one_reader_two_closers", 3)
        .bound(2)
        .floor(1)
        .deep(Some(4), 1)
        .check(|| {
            let cell = cell(7);
            let reader = thread::spawn({
                let cell = cell.clone();
                move || {
                    let first = read(&cell);
                    assert!(matches!(first, None | Some(7)));
                }
            });
            let other = thread::spawn({
                let cell = cell.clone();
                move || close(&cell)
            });
            let ours = close(&cell);
            reader.join().unwrap();
            assert!(ours ^ other.join().unwrap(), "exactly one wins");
        });
}

#[test]
fn load_full_vs_swap() {
    Model::new("arc_swap::load_full_vs_swap", 2)
        .bound(3)
        .floor(1)
        .deep(None, 1)
        .check(|| {
            let cell = cell(7);
            let reader = thread::spawn({
                let cell = cell.clone();
                move || assert!(matches!(cell.load_full().as_deref(), None | Some(7)))
            });
            assert!(close(&cell));
            reader.join().unwrap();
        });
}

/// Large enough that nothing else in a model has its size: what is freed is what the next one gets.
const LARGE: usize = 1009;

/// A reader of one cell must never be given the value of another cell that came to the same address meanwhile.
#[test]
fn address_reused() {
    let reused = Untracked::new(AtomicBool::new(false));
    let seen = Untracked::clone(&reused);
    let model = Model::new("arc_swap::address_reused", 2)
        .bound(4)
        .floor(1);
    model.deep(Some(5), 1).check(move || {
        let large = |value: u8| Some(Arc::new([value; LARGE]));
        let cell = Untracked::new(SwapOption::from(large(1)));
        let reader = thread::spawn({
            let cell = Untracked::clone(&cell);
            move || {
                let found = cell.load();
                assert!(
                    found.as_ref().is_none_or(|value| value[0] == 1),
                    "another cell's value"
                );
            }
        });
        let freed = cell.load().as_ref().map(Arc::as_ptr);
        cell.store(None);
        let value = large(100);
        if value.as_ref().map(Arc::as_ptr) == freed {
            seen.store(true, Ordering::Relaxed);
        }
        let other = SwapOption::from(value);
        other.store(None);
        reader.join().unwrap();
    });
    assert!(
        reused.load(Ordering::Relaxed),
        "no execution came to the same address twice"
    );
}

/// With its fast slots full, a reader takes the slow path, in which the writer hands it a value.
#[test]
fn helped_reader() {
    Model::new("arc_swap::helped_reader", 2)
        .bound(3)
        .floor(1)
        .deep(Some(4), 1)
        .check(|| {
            let cell = cell(7);
            let reader = thread::spawn({
                let cell = cell.clone();
                move || {
                    let full = SwapOption::from(Some(Arc::new(1)));
                    let guards = [full.load(), full.load()];
                    assert!(matches!(read(&cell), None | Some(7)));
                    drop(guards);
                }
            });
            assert!(close(&cell));
            reader.join().unwrap();
        });
}

/// A compare-and-swap that saw a value must not put one into a cell that was emptied since.
#[test]
fn exchange_vs_closer() {
    Model::new("arc_swap::exchange_vs_closer", 2).bound(3).floor(1).deep(Some(5), 1).check(|| {
        let cell = cell(7);
        let writer = thread::spawn({
            let cell = cell.clone();
            move || {
                let current = cell.load();
                if current.is_none() {
                    return false;
                }
                let found = cell.compare_and_swap(&current, Some(Arc::new(8)));
                matches!((&*current, &*found), (Some(seen), Some(found)) if Arc::ptr_eq(seen, found))
            }
        });
        let closed = cell.swap(None).map(|value| *value);
        let exchanged = writer.join().unwrap();
        assert_eq!(closed, Some(if exchanged { 8 } else { 7 }));
        assert_eq!(read(&cell), None, "it stays empty");
    });
}
