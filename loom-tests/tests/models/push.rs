//! The list that is taken whole: order, no loss, one edge for each emptying take.

use loom::thread;
use millstream_models::{Canary, Drops, Model};
use millstream_reclaim::PushList;
use std::sync::Arc;

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
