//! The ready set and the wait list.

use super::{ReadySet, WaitList, Waiter, thread_waker};
use core::task::{Context, Poll};
use millstream_reclaim::sync::Arc;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Wake;

fn drain(set: &ReadySet, cursor: &mut usize) -> Vec<usize> {
    core::iter::from_fn(|| set.take(cursor)).collect()
}

#[test]
fn members_are_taken_once_and_go_round() {
    let set = ReadySet::new(10_000);
    for member in [0, 1, 63, 64, 4095, 4096, 9_999] {
        set.mark(member);
        set.mark(member);
    }
    let mut cursor = 63;
    assert_eq!(drain(&set, &mut cursor), vec![64, 4095, 4096, 9_999, 0, 1, 63]);
    assert!(!set.any());
    set.mark(5);
    assert_eq!(set.take(&mut cursor), Some(5));
    assert_eq!(set.take(&mut cursor), None);
}

#[test]
fn a_small_set_wraps_within_its_word() {
    let set = ReadySet::new(3);
    let mut cursor = 1;
    for member in 0..3 {
        set.mark(member);
    }
    assert_eq!(drain(&set, &mut cursor), vec![2, 0, 1]);
}

#[test]
fn a_set_grows() {
    let set = ReadySet::growing(100, 3);
    let first = ReadySet::first_further(100);
    assert_eq!(first, 4096);
    assert!(set.grow_to(99) && set.grow_to(first) && set.grow_to(first + 4096));
    assert!(!set.grow_to(first + 7 * 4096), "three shelves hold seven groups");
    let far = first + 3 * 4096 - 1;
    for member in [99, first, first + 63, first + 4095, first + 4096, far] {
        set.mark(member);
    }
    set.mark_word(1, 1 << 35 | 1);
    let mut cursor = first;
    let expected = [first + 63, first + 4095, first + 4096, far, 64, 99, first];
    assert_eq!(drain(&set, &mut cursor), expected);
    assert!(!set.any());
    assert!(set.grow_to(first + 7 * 4096 - 1));
    set.mark(first + 7 * 4096 - 1);
    assert!(set.any());
    assert_eq!(drain(&set, &mut cursor), [first + 7 * 4096 - 1]);
}

struct Count(AtomicU64);

impl Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_sleeper_is_woken_by_the_first_mark_only() {
    let set = ReadySet::new(64);
    let count = std::sync::Arc::new(Count(AtomicU64::new(0)));
    set.register(&std::task::Waker::from(std::sync::Arc::clone(&count)));
    set.mark(1);
    set.mark(2);
    assert_eq!(count.0.load(Ordering::SeqCst), 1, "one wake for one sleep");
}

/// Marks from two threads while a third takes and sleeps: every mark is followed by a take, and nobody sleeps for
/// ever.
#[test]
fn no_mark_is_lost() {
    const MARKS: u64 = if cfg!(miri) { 200 } else { 200_000 };
    let set = Arc::new(ReadySet::new(300));
    let counts: Vec<AtomicU64> = (0..300).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for marker in 0..2_u64 {
            let (set, counts) = (&set, &counts);
            scope.spawn(move || {
                for n in 0..MARKS {
                    let member = ((n * 7 + marker * 13) % 300) as usize;
                    counts[member].fetch_add(1, Ordering::AcqRel);
                    set.mark(member);
                }
            });
        }
        let (mut taken, mut cursor) = (0, 0);
        let waker = thread_waker();
        while taken < 2 * MARKS {
            let Some(member) = set.take(&mut cursor) else {
                set.register(&waker);
                if !set.any() {
                    std::thread::park();
                }
                continue;
            };
            taken += counts[member].swap(0, Ordering::AcqRel);
        }
        println!("ready: {taken} marks seen");
    });
}

#[test]
fn a_parked_waiter_is_marked_by_the_next_write() {
    let (set, list) = (Arc::new(ReadySet::new(8)), WaitList::new());
    let waiter = Waiter::new(Arc::clone(&set), 3);
    list.enter();
    list.wake_all();
    assert!(!set.any(), "nobody was parked");
    list.park(&waiter);
    list.park(&waiter);
    list.wake_all();
    assert_eq!(set.take(&mut 0), Some(3));
    list.wake_all();
    assert!(!set.any(), "a wake empties the list");
    list.park(&waiter);
    list.wake_all();
    assert_eq!(set.take(&mut 0), Some(3), "a waiter parks again after a wake");
    list.leave();
}

#[test]
fn closed_waiters_do_not_pile_up() {
    let (set, list) = (Arc::new(ReadySet::new(8)), WaitList::new());
    let mut weak = Vec::new();
    for _ in 0..10_000 {
        list.enter();
        let waiter = Waiter::new(Arc::clone(&set), 1);
        list.park(&waiter);
        weak.push(std::sync::Arc::downgrade(&waiter));
        list.leave();
    }
    let kept = weak.iter().filter(|waiter| waiter.strong_count() > 0).count();
    assert!(kept <= 70, "{kept} waiters of closed streams are kept");
}

#[test]
fn the_waker_of_a_thread_unparks_it() {
    let waker = thread_waker();
    let mut cx = Context::from_waker(&waker);
    let mut polls = HashSet::new();
    let poll = |cx: &mut Context<'_>, polls: &mut HashSet<u32>| {
        cx.waker().wake_by_ref();
        polls.insert(1);
        Poll::<()>::Pending
    };
    assert!(poll(&mut cx, &mut polls).is_pending());
    std::thread::park();
    assert_eq!(polls.len(), 1, "park returned, for the waker was called");
}
