//! A connection's slots: nothing is opened behind a closer, and closers share the work.

use loom::thread;
use millstream::model::Table;
use millstream::stream::{Claimed, Killed, StreamState, StreamWord};
use millstream::types::{EndReason, VbId};
use millstream_models::Model;
use std::sync::Arc;

fn open(table: &Table, index: usize) -> bool {
    claimed(table.word_for_open(index))
}

fn claimed(word: Option<&StreamWord>) -> bool {
    word.is_some_and(|word| matches!(word.claim(), Claimed::Opened(_)))
}

fn assert_closed(table: &Table, slots: usize) {
    for index in 0..slots {
        let state = table.word(index).map_or(StreamState::Free, |word| word.load());
        assert!(matches!(state, StreamState::Free | StreamState::Dead(_)), "slot {index} lives");
        assert!(!open(table, index), "slot {index} is closed");
    }
}

/// The owner opens in a block that exists and in one that does not, against a closer.
#[test]
fn insert_vs_close() {
    Model::new("table::insert_vs_close", 2).floor(780).check(|| {
        let table = Arc::new(Table::new(4));
        assert!(open(&table, 0));
        let closer = thread::spawn({
            let table = Arc::clone(&table);
            move || {
                let mut told = Vec::new();
                let ended = table.close(|index| told.push(index));
                (ended, told)
            }
        });
        let mut opened = vec![0];
        opened.extend([1, 2].into_iter().filter(|index| open(&table, *index)));
        let (ended, told) = closer.join().unwrap();
        assert_eq!((ended, told), (opened.len(), opened), "each that was opened was ended");
        assert_closed(&table, 4);
    });
}

/// Two closers against the owner: each stream is ended by one of them.
#[test]
fn two_closers() {
    let model = Model::new("table::two_closers", 3).bound(3).floor(6500);
    model.deep(Some(5), 6500).check(|| {
        let table = Arc::new(Table::new(4));
        let closers = [(); 2].map(|()| {
            let table = Arc::clone(&table);
            thread::spawn(move || table.close(|_| {}))
        });
        let opened = [0, 3].into_iter().filter(|index| open(&table, *index)).count();
        let ended: usize = closers.map(|closer| closer.join().unwrap()).iter().sum();
        assert_eq!(opened, ended, "each that was opened was ended once");
        assert_closed(&table, 4);
        assert_eq!(table.close(|_| {}), 0);
    });
}

/// Whoever looks at all slots while the owner makes a block sees its slots as they were made, or none.
#[test]
fn look_vs_open() {
    Model::new("table::look_vs_open", 2).floor(24).check(|| {
        let table = Arc::new(Table::new(4));
        let looker = thread::spawn({
            let table = Arc::clone(&table);
            move || (0..4).filter_map(|index| table.word(index).map(|word| word.load())).collect()
        });
        assert!(open(&table, 2));
        let states: Vec<_> = looker.join().unwrap();
        assert!(states.len() <= 2, "of one block");
        assert!(states.iter().all(|it| matches!(it, StreamState::Free | StreamState::Pending)));
        assert_eq!(table.close(|_| {}), 1);
    });
}

/// The owner opens in further slots, in a shelf that exists and in one that does not, against a closer.
#[test]
fn further_vs_close() {
    Model::new("table::further_vs_close", 2).bound(4).floor(400).check(|| {
        let table = Arc::new(Table::new(2));
        let further = |n| claimed(table.further_word(table.further(n), VbId(1)));
        assert!(open(&table, 1) && further(0) && further(1));
        let closer = thread::spawn({
            let table = Arc::clone(&table);
            move || table.close(|_| {})
        });
        let opened = 3 + (2..4).take_while(|n| further(*n)).count();
        assert_eq!(closer.join().unwrap(), opened, "each that was opened was ended");
        assert_eq!(table.close(|_| {}), 0);
        let mut slots = 0;
        table.for_vbucket(VbId(1), |_, word| {
            slots += 1;
            assert!(matches!(word.load(), StreamState::Free | StreamState::Dead(_)));
        });
        assert!(slots >= opened && !further(4) && !open(&table, 0));
    });
}

/// The owner puts slots into a vbucket's chain, opens streams in them and looks at the vbucket's state; somebody
/// changes the state and walks the chain: each stream is found, or its owner sees the change.
#[test]
fn chain_vs_walk() {
    use loom::sync::atomic::{AtomicUsize, Ordering, fence};
    let model = Model::new("table::chain_vs_walk", 2).bound(4).floor(200);
    model.deep(None, 200).check(|| {
        let (table, version) = (Arc::new(Table::new(2)), Arc::new(AtomicUsize::new(0)));
        assert!(open(&table, 1));
        let changing = thread::spawn({
            let (table, version) = (Arc::clone(&table), Arc::clone(&version));
            move || {
                version.store(1, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                let mut killed = 0;
                table.for_vbucket(VbId(1), |_, word| {
                    killed += usize::from(word.kill(EndReason::StateChanged) == Killed::First);
                });
                killed
            }
        });
        let mut refused = 0;
        for n in 0..2 {
            let word = table.further_word(table.further(n), VbId(1)).expect("nobody closes");
            assert!(claimed(Some(word)));
            fence(Ordering::SeqCst);
            if version.load(Ordering::Relaxed) == 1 {
                // Whoever changed it may have found it as well.
                refused += usize::from(word.kill(EndReason::StateChanged) == Killed::First);
            }
        }
        let killed = changing.join().unwrap();
        assert_eq!(killed + refused, 3, "no stream outlives the change, and each ends once");
        let mut slots = Vec::new();
        table.for_vbucket(VbId(1), |index, _| slots.push(index));
        assert_eq!(slots, [1, table.further(1), table.further(0)]);
    });
}
