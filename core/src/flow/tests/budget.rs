use super::{Dice, times};
use crate::flow::{Budget, Permit};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;

/// A budget, and how often it drained.
fn counted(limit: u64, drain_percent: u64) -> (Arc<Budget>, Arc<AtomicUsize>) {
    let drained = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&drained);
    let budget = Budget::new(limit, drain_percent, move || {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    (budget, drained)
}

fn times_drained(drained: &AtomicUsize) -> usize {
    drained.load(Ordering::SeqCst)
}

#[test]
fn a_permit_gives_back_what_is_left_of_it() {
    let (budget, drained) = counted(100, 25);
    let mut permit = Budget::take(&budget, 40);
    assert_eq!((budget.used(), permit.bytes()), (40, 40));
    permit.give_back(15);
    permit.give_back(0);
    assert_eq!((budget.used(), permit.bytes()), (25, 25));
    let part = permit.split(20);
    assert_eq!((budget.used(), permit.bytes(), part.bytes()), (25, 5, 20));
    drop(permit);
    assert_eq!(budget.used(), 20);
    drop(part);
    assert_eq!(budget.used(), 0);
    assert_eq!(times_drained(&drained), 0, "it was never full");
}

#[test]
#[should_panic(expected = "41 bytes given back of 40 lent")]
fn a_permit_does_not_give_back_more_than_it_has() {
    let (budget, _) = counted(100, 25);
    Budget::take(&budget, 40).give_back(41);
}

#[test]
#[should_panic(expected = "41 bytes split off 40 lent")]
fn a_permit_does_not_part_with_more_than_it_has() {
    let (budget, _) = counted(100, 25);
    drop(Budget::take(&budget, 40).split(41));
}

#[test]
fn what_is_not_full_takes_an_item_of_any_size() {
    let (budget, _) = counted(100, 25);
    let small = Budget::try_take(&budget, 99).unwrap();
    assert!(!budget.is_full());
    let huge = Budget::try_take(&budget, 20 << 20).unwrap();
    assert!(budget.is_full());
    assert!(Budget::try_take(&budget, 1).is_none());
    let forced = Budget::take(&budget, 3);
    assert_eq!(budget.used(), 99 + (20 << 20) + 3, "counted all the same");
    drop((small, huge, forced));
    assert_eq!(budget.used(), 0);
}

#[test]
fn it_opens_at_the_mark_and_tells_once() {
    let (budget, drained) = counted(100, 25);
    let mut permit = Budget::take(&budget, 110);
    permit.give_back(34);
    assert_eq!(budget.used(), 76);
    assert!(budget.is_full(), "24 of 100 have drained");
    assert!(Budget::try_take(&budget, 1).is_none(), "below the limit, but not drained");
    assert_eq!(times_drained(&drained), 0);
    permit.give_back(1);
    assert!(!budget.is_full());
    assert_eq!(times_drained(&drained), 1);
    permit.give_back(50);
    drop(permit);
    assert_eq!(times_drained(&drained), 1, "only the first to get there tells");
}

#[test]
fn a_drop_tells_as_well() {
    let (budget, drained) = counted(100, 25);
    let permits: Vec<Permit> = (0..5).map(|_| Budget::take(&budget, 20)).collect();
    assert!(budget.is_full());
    drop(permits);
    assert_eq!((times_drained(&drained), budget.is_full()), (1, false));
}

#[test]
fn what_is_taken_while_full_counts_towards_the_mark() {
    let (budget, drained) = counted(100, 25);
    let first = Budget::take(&budget, 100);
    let forced = Budget::take(&budget, 80);
    drop(first);
    assert!(budget.is_full(), "80 are left");
    drop(forced);
    assert_eq!(times_drained(&drained), 1);
}

#[test]
fn odd_limits_and_shares_work() {
    for (limit, percent, mark) in
        [(0, 25, 0), (1, 0, 0), (1, 100, 0), (3, 25, 2), (100, 0, 99), (100, 100, 0), (7, 50, 4)]
    {
        let (budget, drained) = counted(limit, percent);
        assert!(!budget.is_full());
        assert_eq!(budget.limit(), limit.max(1));
        let nothing = Budget::try_take(&budget, 0).unwrap();
        assert!(!budget.is_full(), "nothing fills nothing");
        let mut permit = Budget::try_take(&budget, limit.max(1)).unwrap();
        assert!(budget.is_full(), "limit {limit}");
        while budget.is_full() {
            permit.give_back(1);
        }
        assert_eq!(permit.bytes(), mark, "limit {limit}, {percent} % drain");
        assert_eq!(times_drained(&drained), 1);
        drop((permit, nothing));
        assert_eq!(budget.used(), 0);
    }
}

#[test]
#[should_panic(expected = "no more than all of a budget can drain")]
fn more_than_all_cannot_drain() {
    let _ = Budget::new(100, 101, || ());
}

#[test]
fn permits_sum_up() {
    let operations = times(100_000);
    let mut dice = Dice(0x1234_5678_9ABC_DEF1);
    let (budget, drained) = counted(10_000, 25);
    let mut permits: Vec<Permit> = Vec::new();
    let (mut full, mut drains, mut refused) = (false, 0, 0);
    for _ in 0..operations {
        match dice.roll(6) {
            0..3 => {
                let bytes = dice.roll(800);
                let taken = Budget::try_take(&budget, bytes);
                assert_eq!(taken.is_some(), !full);
                refused += usize::from(full);
                permits.extend(taken);
            }
            3 if !permits.is_empty() => {
                let at = dice.roll(permits.len() as u64) as usize;
                drop(permits.swap_remove(at));
            }
            4 if !permits.is_empty() => {
                let at = dice.roll(permits.len() as u64) as usize;
                let part = dice.roll(permits[at].bytes() + 1);
                permits[at].give_back(part);
            }
            5 if !permits.is_empty() => {
                let at = dice.roll(permits.len() as u64) as usize;
                let part = dice.roll(permits[at].bytes() + 1);
                let split = permits[at].split(part);
                permits.push(split);
            }
            _ => {}
        }
        permits.retain(|permit| permit.bytes() > 0);
        let sum: u64 = permits.iter().map(Permit::bytes).sum();
        assert_eq!(budget.used(), sum);
        if full && sum <= 7500 {
            (full, drains) = (false, drains + 1);
        }
        full |= sum >= 10_000;
        assert_eq!((budget.is_full(), times_drained(&drained)), (full, drains));
    }
    println!("{operations} operations: {drains} times full and drained, {refused} refused");
    assert!(cfg!(miri) || (drains > 50 && refused > 100));
    drop(permits);
    assert_eq!(budget.used(), 0);
}

#[test]
fn one_drain_for_each_time_full() {
    // The budget is filled, then several threads give everything back at once.
    let (budget, drained) = counted(1000, 25);
    let rounds = times(5_000).max(5);
    for round in 1..=rounds {
        let halves = [Budget::take(&budget, 600), Budget::take(&budget, 600)];
        thread::scope(|scope| {
            for mut half in halves {
                scope.spawn(move || {
                    half.give_back(250);
                    drop(half);
                });
            }
        });
        assert_eq!((budget.used(), budget.is_full()), (0, false));
        assert_eq!(times_drained(&drained), round);
    }
}

#[test]
fn nobody_sleeps_for_ever() {
    // Two readers that sleep while the budget is full, and two senders that give back in parts.
    let items = times(200_000) as u64;
    let bell = Arc::new((Mutex::new(0u64), Condvar::new()));
    let ringer = Arc::clone(&bell);
    let budget = Budget::new(2000, 25, move || {
        *ringer.0.lock().expect("no holder panics") += 1;
        ringer.1.notify_all();
    });
    let queue = Arc::new(Mutex::new(Vec::<Permit>::new()));
    let (read, slept) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..2u64)
        .map(|n| {
            let (budget, queue, bell) =
                (Arc::clone(&budget), Arc::clone(&queue), Arc::clone(&bell));
            let (read, slept) = (Arc::clone(&read), Arc::clone(&slept));
            thread::spawn(move || {
                let mut dice = Dice(0xABCD_EF01 + n);
                for _ in 0..items / 2 {
                    loop {
                        let heard = *bell.0.lock().expect("no holder panics");
                        if let Some(permit) = Budget::try_take(&budget, dice.roll(500)) {
                            queue.lock().expect("no holder panics").push(permit);
                            read.fetch_add(1, Ordering::SeqCst);
                            break;
                        }
                        slept.fetch_add(1, Ordering::Relaxed);
                        let rings = bell.0.lock().expect("no holder panics");
                        drop(bell.1.wait_while(rings, |rings| *rings == heard).expect("no panic"));
                    }
                }
            })
        })
        .collect();
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let (queue, read) = (Arc::clone(&queue), Arc::clone(&read));
            thread::spawn(move || {
                loop {
                    let all = read.load(Ordering::SeqCst) == items / 2 * 2;
                    let Some(mut permit) = queue.lock().expect("no holder panics").pop() else {
                        if all {
                            return;
                        }
                        thread::yield_now();
                        continue;
                    };
                    let half = permit.bytes() / 2;
                    permit.give_back(half);
                }
            })
        })
        .collect();
    for thread in readers.into_iter().chain(senders) {
        thread.join().expect("no thread panics");
    }
    println!("{items} items, slept {} times", slept.load(Ordering::Relaxed));
    assert_eq!((budget.used(), budget.is_full()), (0, false));
    assert!(slept.load(Ordering::Relaxed) > 0, "the budget was never full");
}
