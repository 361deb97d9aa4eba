use super::{AppendList, PushList};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const PUSHERS: usize = 4;
const EACH: usize = if cfg!(miri) { 50 } else { 50_000 };

struct Counted<'c>(&'c AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn values_come_in_the_order_of_their_pushes() {
    let list = PushList::new();
    assert!(list.is_empty());
    assert!(list.push(1));
    assert!(!list.push(2));
    assert!(!list.push(3));
    assert!(!list.is_empty());
    assert_eq!(list.take_all().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(list.is_empty());
    assert_eq!(list.take_all().count(), 0);
}

#[test]
fn what_is_not_taken_is_dropped_once() {
    let drops = AtomicUsize::new(0);
    let list = PushList::new();
    for _ in 0..5 {
        list.push(Counted(&drops));
    }
    let mut batch = list.take_all();
    list.push(Counted(&drops));
    drop(batch.next());
    assert_eq!(drops.load(Ordering::Relaxed), 1);
    drop(batch);
    assert_eq!(drops.load(Ordering::Relaxed), 5);
    drop(list);
    assert_eq!(drops.load(Ordering::Relaxed), 6);
}

#[test]
fn a_list_of_values_that_stay_on_their_thread_works() {
    let list = PushList::new();
    list.push(Rc::new(7));
    assert_eq!(list.take_all().map(|seven| *seven).sum::<i32>(), 7);
}

#[test]
fn many_pushers_one_taker() {
    let list = PushList::new();
    let mut next = [0; PUSHERS];
    thread::scope(|scope| {
        for pusher in 0..PUSHERS {
            let list = &list;
            scope.spawn(move || (0..EACH).for_each(|n| _ = list.push((pusher, n))));
        }
        while next.iter().sum::<usize>() < PUSHERS * EACH {
            for (pusher, n) in list.take_all() {
                assert_eq!(n, next[pusher], "lost, doubled or out of order");
                next[pusher] += 1;
            }
            thread::yield_now();
        }
    });
    assert_eq!(next, [EACH; PUSHERS]);
    assert!(list.is_empty());
}

#[test]
fn many_takers_share_without_loss() {
    let list = PushList::new();
    let taken = AtomicUsize::new(0);
    let sum = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (1..=EACH).for_each(|n| _ = list.push(n)));
            scope.spawn(|| {
                while taken.load(Ordering::Relaxed) < 2 * EACH {
                    for n in list.take_all() {
                        sum.fetch_add(n, Ordering::Relaxed);
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                    thread::yield_now();
                }
            });
        }
    });
    assert_eq!(sum.load(Ordering::Relaxed), EACH * (EACH + 1));
}

#[test]
fn append_list_indexes_are_dense() {
    let each = EACH.min(500);
    let list = AppendList::new();
    thread::scope(|scope| {
        for appender in 0..PUSHERS {
            let list = &list;
            scope.spawn(move || {
                for n in 0..each {
                    let index = list.append((appender, n));
                    assert_eq!(list.get(index), Some(&(appender, n)));
                }
            });
        }
    });
    let indexes: Vec<_> = list.iter().map(|(index, _)| index).collect();
    assert!(
        indexes.iter().rev().copied().eq(0..PUSHERS * each),
        "from newest to oldest, without gaps"
    );
    let values: HashSet<_> = list.iter().map(|(_, value)| *value).collect();
    assert_eq!(values.len(), PUSHERS * each);
    assert_eq!(list.get(PUSHERS * each), None);
}
