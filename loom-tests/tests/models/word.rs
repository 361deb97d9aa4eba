//! The stream word: one end, the first reason, nothing opened behind a closer.

use crate::scene::Plain;
use loom::thread;
use millstream::stream::{Advanced, Claimed, Killed, StreamState, StreamWord};
use millstream::types::EndReason;
use millstream_models::Model;
use std::sync::Arc;

fn living() -> Arc<StreamWord> {
    let word = Arc::new(StreamWord::new());
    assert_eq!(word.claim(), Claimed::Opened(1));
    word
}

/// Two closers and the owner: one of the closers ends it, the other reads that one's reason, and the owner sees what the
/// first did before.
#[test]
fn two_closers() {
    Model::new("word::two_closers", 3).floor(14).check(|| {
        let word = living();
        let reasons = [EndReason::Slow, EndReason::StateChanged];
        let done = [Plain::new(), Plain::new()];
        let mut work = done.iter().map(Arc::clone);
        let closers = reasons.map(|reason| {
            let (word, done) = (Arc::clone(&word), work.next().expect("one for each"));
            thread::spawn(move || {
                done.write(1);
                word.kill(reason)
            })
        });
        if let StreamState::Dead(reason) = word.load() {
            let first = reasons.iter().position(|r| *r == reason).expect("one of the two");
            assert_eq!(done[first].read(), 1);
        }
        let [ours, theirs] = closers.map(|closer| closer.join().unwrap());
        let first = match (ours, theirs) {
            (Killed::First, Killed::Already(reason)) if reason == reasons[0] => reason,
            (Killed::Already(reason), Killed::First) if reason == reasons[1] => reason,
            both => panic!("one is first and the other is told: {both:?}"),
        };
        assert_eq!(word.load(), StreamState::Dead(first));
        assert_eq!(word.release(), Some(first));
        assert_eq!(word.kill(EndReason::Slow), Killed::None);
    });
}

/// A backfill that ends while two closers come: a dead stream stays dead.
#[test]
fn end_of_backfill() {
    Model::new("word::end_of_backfill", 3).floor(1100).check(|| {
        let word = living();
        assert_eq!(word.advance(StreamState::Backfilling), Advanced::Done);
        let closers = [(); 2].map(|()| {
            let word = Arc::clone(&word);
            thread::spawn(move || word.close())
        });
        let advanced = word.advance(StreamState::InMemory);
        if let Advanced::Dead(reason) = advanced {
            assert_eq!(reason, EndReason::Disconnected);
            assert_eq!(word.load(), StreamState::Dead(reason), "it stays dead");
        }
        let first = closers.map(|closer| closer.join().unwrap() == Killed::First);
        assert!(first[0] ^ first[1], "one end");
        assert_eq!(word.load(), StreamState::Dead(EndReason::Disconnected));
        assert!(word.is_closed());
    });
}

/// The owner ends a stream and opens the next while a connection is closed: whatever was opened is ended, and nothing is
/// opened behind the closer.
#[test]
fn claim_vs_close() {
    let model = Model::new("word::claim_vs_close", 3).bound(3).floor(3300);
    model.deep(None, 3300).check(|| {
        let word = living();
        let closers = [(); 2].map(|()| {
            let word = Arc::clone(&word);
            thread::spawn(move || word.close() == Killed::First)
        });
        let mut ended = usize::from(word.kill(EndReason::Ok) == Killed::First);
        assert!(word.release().is_some(), "it is dead, whoever did it");
        let opened = match word.claim() {
            Claimed::Opened(generation) => {
                assert_eq!(generation, 2);
                2
            }
            Claimed::Closed => 1,
            Claimed::Busy => unreachable!("it was released"),
        };
        ended += closers.map(|closer| usize::from(closer.join().unwrap())).iter().sum::<usize>();
        assert_eq!(ended, opened, "each stream ended once");
        word.release();
        assert_eq!(word.claim(), Claimed::Closed, "nothing is opened here again");
    });
}

/// Who is told that another closer was first sees what that one did before, also where nothing is left to exchange.
#[test]
fn told_already() {
    Model::new("word::told_already", 2).floor(18).check(|| {
        let word = living();
        let done = Plain::new();
        let first = thread::spawn({
            let (word, done) = (Arc::clone(&word), Arc::clone(&done));
            move || {
                done.write(1);
                word.kill(EndReason::Slow)
            }
        });
        let told = word.kill(EndReason::StateChanged);
        match told {
            Killed::Already(reason) => {
                assert_eq!(reason, EndReason::Slow);
                assert_eq!(done.read(), 1);
            }
            Killed::First => {}
            Killed::None => unreachable!("nobody released it"),
        }
        let theirs = first.join().unwrap();
        assert!((told == Killed::First) ^ (theirs == Killed::First), "one end");
    });
}

/// The owner, that finds its stream dead as it moves it on or its slot closed as it takes it, sees what the closer did
/// before.
#[test]
fn owner_is_told() {
    Model::new("word::owner_is_told", 2).floor(145).check(|| {
        let words = [living(), Arc::new(StreamWord::new())];
        let done = [Plain::new(), Plain::new()];
        let closer = thread::spawn({
            let (words, done) = (words.clone(), done.clone());
            move || {
                for (word, done) in words.iter().zip(&done) {
                    done.write(1);
                    let _ = word.close();
                }
            }
        });
        // The later one first: to see it dead would order the earlier one's.
        match words[1].claim() {
            Claimed::Closed => assert_eq!(done[1].read(), 1),
            Claimed::Opened(generation) => assert_eq!(generation, 1),
            Claimed::Busy => unreachable!("nobody else opens"),
        }
        if words[0].advance(StreamState::InMemory) != Advanced::Done {
            assert_eq!(done[0].read(), 1);
        }
        closer.join().unwrap();
        assert!(words.iter().all(|word| word.is_closed()));
        assert_eq!(words[0].load(), StreamState::Dead(EndReason::Disconnected));
    });
}
