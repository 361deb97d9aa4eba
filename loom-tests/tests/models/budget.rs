//! The budget: who waits for it to drain is told, once, and finds done what the givers did.

use loom::cell::UnsafeCell;
use loom::sync::Notify;
use loom::thread;
use millstream::flow::{Budget, Permit};
use millstream_models::Model;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Memory that nothing but the budget orders.
struct Plain(UnsafeCell<u32>);

// SAFETY: that nobody reads while another writes is what loom checks.
unsafe impl Sync for Plain {}

impl Plain {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }

    fn write(&self, value: u32) {
        // SAFETY: loom fails the model if another thread may look meanwhile.
        self.0.with_mut(|cell| unsafe { *cell = value });
    }

    fn read(&self) -> u32 {
        // SAFETY: loom fails the model if another thread may write meanwhile.
        self.0.with(|cell| unsafe { *cell })
    }
}

fn give_back(permit: Permit) -> thread::JoinHandle<()> {
    thread::spawn(move || drop(permit))
}

/// A reader that is refused sleeps until the budget has drained; one that is not told is a deadlock.
#[test]
fn full_vs_drained() {
    let model = Model::new("budget::full_vs_drained", 3).bound(3).floor(100);
    model.deep(None, 100).check(|| {
        let bell = Arc::new(Notify::new());
        let ringer = Arc::clone(&bell);
        let budget = Budget::new(2, 50, move || ringer.notify());
        let givers = [Budget::take(&budget, 1), Budget::take(&budget, 1)].map(give_back);
        let taken = loop {
            match Budget::try_take(&budget, 1) {
                Some(permit) => break permit,
                None => bell.wait(),
            }
        };
        givers.into_iter().for_each(|giver| giver.join().unwrap());
        assert_eq!(budget.used(), 1);
        drop(taken);
        assert!(!budget.is_full());
    });
}

/// Of several who give back at once, one tells.
#[test]
fn told_once() {
    let model = Model::new("budget::told_once", 3).bound(3).floor(20);
    model.deep(None, 20).check(|| {
        // Not loom's: counting must not add an order between threads.
        let told = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&told);
        let budget = Budget::new(3, 30, move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let permits = [(); 3].map(|()| Budget::take(&budget, 1));
        let [here, others @ ..] = permits;
        let others = others.map(give_back);
        drop(here);
        others.into_iter().for_each(|giver| giver.join().unwrap());
        assert_eq!((budget.used(), budget.is_full()), (0, false));
        assert_eq!(told.load(Ordering::Relaxed), 1);
    });
}

/// What is taken although the budget is full comes between a giver's subtraction and its clearing of the bit; the
/// giver looks again, or nobody would.
#[test]
fn forced_while_draining() {
    let model = Model::new("budget::forced_while_draining", 2).floor(20);
    model.check(|| {
        let bell = Arc::new(Notify::new());
        let ringer = Arc::clone(&bell);
        let budget = Budget::new(2, 50, move || ringer.notify());
        let giver = give_back(Budget::take(&budget, 2));
        let forced = Budget::take(&budget, 1);
        let taken = loop {
            match Budget::try_take(&budget, 0) {
                Some(permit) => break permit,
                None => bell.wait(),
            }
        };
        giver.join().unwrap();
        assert_eq!((forced.bytes(), taken.bytes()), (1, 0));
        assert_eq!((budget.used(), budget.is_full()), (1, false));
    });
}

/// Two givers that each do something before they give back, to a budget that opens when both have.
fn givers(
    budget: &millstream_reclaim::sync::Arc<Budget>,
    cells: &[Arc<Plain>; 2],
) -> [thread::JoinHandle<()>; 2] {
    let permits = [0, 1].map(|_| Budget::take(budget, 1));
    let mut cells = cells.iter().map(Arc::clone);
    permits.map(|permit| {
        let cell = cells.next().expect("a cell for each");
        thread::spawn(move || {
            cell.write(7);
            drop(permit);
        })
    })
}

/// Who finds the budget open finds done what each giver did before it gave back.
#[test]
fn handed_on() {
    let model = Model::new("budget::handed_on", 3).bound(3).floor(20);
    model.deep(None, 20).check(|| {
        let (budget, cells) = (Budget::new(2, 100, || ()), [Plain::new(), Plain::new()]);
        let givers = givers(&budget, &cells);
        if !budget.is_full() {
            assert!(cells.iter().all(|cell| cell.read() == 7));
        }
        givers.into_iter().for_each(|giver| giver.join().unwrap());
    });
}

/// So does who takes what was given back.
#[test]
fn made_room() {
    let model = Model::new("budget::made_room", 3).bound(3).floor(20);
    model.deep(None, 20).check(|| {
        let (budget, cells) = (Budget::new(2, 100, || ()), [Plain::new(), Plain::new()]);
        let givers = givers(&budget, &cells);
        if let Some(permit) = Budget::try_take(&budget, 1) {
            assert!(cells.iter().all(|cell| cell.read() == 7));
            drop(permit);
        }
        givers.into_iter().for_each(|giver| giver.join().unwrap());
    });
}
