//! The list that is taken whole: order, no loss, and that the edge from empty wakes a taker.

use loom::thread;
use millstream_models::{Canary, Drops, Model, block_on};
use millstream_reclaim::PushList;
use millstream_reclaim::sync::AtomicWaker;
use millstream_reclaim::sync::atomic::{AtomicBool, Ordering, fence};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

#[test]
fn two_pushers_one_taker() {
    let model = Model::new("push::two_pushers_one_taker", 3).bound(3).floor(1_300);
    model.deep(None, 60_000).check(|| {
        let list = Arc::new(PushList::new());
        let drops = Drops::new();
        let pushers = [1, 3].map(|first| {
            let (list, drops) = (Arc::clone(&list), drops.clone());
            thread::spawn(move || {
                let edges = [first, first + 1].map(|n| list.push((n, Canary::anywhere(n, &drops))));
                edges.iter().filter(|edge| **edge).count()
            })
        });
        let mut taken: Vec<_> = list.take_all().collect();
        let edges: usize = pushers.map(|pusher| pusher.join().unwrap()).iter().sum();
        let mut takes_that_found = usize::from(!taken.is_empty());
        let rest: Vec<_> = list.take_all().collect();
        takes_that_found += usize::from(!rest.is_empty());
        taken.extend(rest);
        assert_eq!(edges, takes_that_found, "each emptying take was begun by one edge");
        let order: Vec<_> = taken.iter().map(|(n, canary)| (*n, canary.read())).collect();
        assert!(order.iter().all(|(n, read)| n == read));
        for first in [1, 3] {
            let own: Vec<_> =
                order.iter().map(|(n, _)| *n).filter(|n| (*n - 1) / 2 == (first - 1) / 2).collect();
            assert_eq!(own, [first, first + 1], "a pusher's values come in its order");
        }
        drop(taken);
        assert_eq!(drops.count(), 4);
        assert!(list.is_empty());
    });
}

/// What is dropped with the list is dropped once, whoever pushed it.
#[test]
fn dropped_full() {
    Model::new("push::dropped_full", 3).floor(15).check(|| {
        let list = Arc::new(PushList::new());
        let drops = Drops::new();
        let pushers = [1, 2].map(|n| {
            let (list, canary) = (Arc::clone(&list), Canary::anywhere(n, &drops));
            thread::spawn(move || list.push(canary))
        });
        let edges = pushers.map(|pusher| pusher.join().unwrap());
        assert!(edges[0] ^ edges[1], "one found it empty");
        drop(list);
        assert_eq!(drops.count(), 2);
    });
}

/// A taker that registers, fences and looks again, against pushers that push, fence and wake: the pattern of every
/// queue in the workspace, over the real atomic-waker.
#[test]
fn edge_wakes() {
    Model::new("push::edge_wakes", 3).bound(3).floor(12_000).check(|| {
        let list = Arc::new(PushList::new());
        let waker = Arc::new(AtomicWaker::new());
        let asleep = Arc::new(AtomicBool::new(false));
        let pushers = [1, 2].map(|n| {
            let (list, waker, asleep) =
                (Arc::clone(&list), Arc::clone(&waker), Arc::clone(&asleep));
            thread::spawn(move || {
                list.push(n);
                fence(Ordering::SeqCst);
                if asleep.load(Ordering::Relaxed) {
                    waker.wake();
                }
            })
        });
        let mut sum = 0;
        block_on(poll_fn(|cx| {
            waker.register(cx.waker());
            asleep.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if !list.is_empty() {
                sum += list.take_all().sum::<i32>();
            }
            if sum == 3 { Poll::Ready(()) } else { Poll::Pending }
        }));
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    });
}
