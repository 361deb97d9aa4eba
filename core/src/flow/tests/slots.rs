use super::times;
use crate::flow::Slots;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

#[test]
fn a_place_is_taken_and_given_back() {
    let slots = Slots::new(2);
    let first = Slots::try_take(&slots).unwrap();
    let second = Slots::try_take(&slots).unwrap();
    assert!(Slots::try_take(&slots).is_none());
    assert_eq!((slots.taken(), slots.free(), slots.limit()), (2, 0, 2));
    drop(first);
    assert_eq!((slots.taken(), slots.free()), (1, 1));
    let third = Slots::try_take(&slots).unwrap();
    assert!(Slots::try_take(&slots).is_none());
    drop((second, third));
    assert_eq!(slots.taken(), 0);
}

#[test]
fn no_places_is_no_place() {
    assert!(Slots::try_take(&Slots::new(0)).is_none());
}

#[test]
fn never_more_than_the_limit() {
    const LIMIT: usize = 3;
    let slots = Slots::new(LIMIT);
    let (inside, most, entered) =
        (AtomicUsize::new(0), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let mut mine = 0;
                while mine < times(50_000) {
                    let Some(permit) = Slots::try_take(&slots) else {
                        thread::yield_now();
                        continue;
                    };
                    let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    mine += 1;
                    if mine % 64 == 0 {
                        thread::yield_now();
                    }
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
                entered.fetch_add(mine, Ordering::SeqCst);
            });
        }
    });
    let most = most.into_inner();
    println!("{} entered, at most {most} at once", entered.load(Ordering::SeqCst));
    assert!(most <= LIMIT, "{most} inside at once");
    assert_eq!(slots.taken(), 0);
}
