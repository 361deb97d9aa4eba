//! The ready set: no mark is lost, and nobody sleeps through one.

use crate::scene::Plain;
use loom::thread;
use millstream::ready::ReadySet;
use millstream_models::{Model, block_on};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// Marks members on threads of their own, after writing what makes them ready.
fn mark_each<const N: usize>(
    set: &Arc<ReadySet>,
    members: [usize; N],
) -> [(Arc<Plain>, thread::JoinHandle<()>); N] {
    members.map(|member| {
        let (set, cause) = (Arc::clone(set), Plain::new());
        let ours = Arc::clone(&cause);
        let marker = thread::spawn(move || {
            ours.write(1);
            set.mark(member);
        });
        (cause, marker)
    })
}

/// Two markers against a taker: each member is taken once, after what made it ready.
fn taken_once(set: Arc<ReadySet>, members: [usize; 2]) {
    let marked = mark_each(&set, members);
    let mut cursor = 0;
    let mut taken = Vec::new();
    let mut take = |taken: &mut Vec<usize>| {
        let member = set.take(&mut cursor)?;
        let at = members.iter().position(|m| *m == member).expect("only these were marked");
        assert_eq!(marked[at].0.read(), 1, "the cause before the mark");
        taken.push(member);
        Some(())
    };
    take(&mut taken);
    take(&mut taken);
    marked.into_iter().for_each(|(_, marker)| marker.join().unwrap());
    assert!(taken.len() == 2 || set.any(), "a mark is kept until it is taken");
    while let Some(member) = set.take(&mut cursor) {
        taken.push(member);
    }
    taken.sort_unstable();
    assert_eq!(taken, members, "each once");
    assert!(!set.any(), "and nothing is left");
}

#[test]
fn mark_vs_take() {
    let model = Model::new("ready::mark_vs_take", 3).bound(3).floor(2500);
    model.deep(None, 2500).check(|| taken_once(Arc::new(ReadySet::new(8)), [2, 5]));
}

/// The same with members in two words.
#[test]
fn two_words() {
    let model = Model::new("ready::two_words", 3).bound(3).floor(1800);
    model.deep(None, 1800).check(|| taken_once(Arc::new(ReadySet::new(128)), [2, 70]));
}

/// A set that grows while its first members are marked; who marks a new one has learned of it from the owner.
#[test]
fn grown() {
    let model = Model::new("ready::grown", 3).bound(2).floor(300);
    model.deep(Some(3), 300).check(|| {
        let set = Arc::new(ReadySet::growing(8, 1));
        let first = ReadySet::first_further(8);
        let [(cause, early)] = mark_each(&set, [2]);
        assert!(set.grow_to(first + 1));
        let [(late_cause, late)] = mark_each(&set, [first + 1]);
        let (mut cursor, mut taken) = (0, Vec::new());
        for _ in 0..2 {
            let Some(member) = set.take(&mut cursor) else { continue };
            let cause = if member == 2 { &cause } else { &late_cause };
            assert_eq!(cause.read(), 1, "the cause before the mark");
            taken.push(member);
        }
        early.join().unwrap();
        late.join().unwrap();
        assert!(taken.len() == 2 || set.any(), "a mark is kept until it is taken");
        while let Some(member) = set.take(&mut cursor) {
            taken.push(member);
        }
        taken.sort_unstable();
        assert_eq!(taken, [2, first + 1], "each once");
    });
}

/// A member that is always ready.
const OTHER: usize = 5;

/// A member that is marked while it is being looked at is taken again. Another one of its word is ready all the while,
/// so that the word never becomes empty and its summary orders nothing.
#[test]
fn mark_while_inspected() {
    Model::new("ready::mark_while_inspected", 2).floor(400).check(|| {
        use loom::sync::atomic::{AtomicUsize, Ordering};
        let set = Arc::new(ReadySet::new(8));
        let writes = Arc::new(AtomicUsize::new(0));
        set.mark(OTHER);
        let marker = thread::spawn({
            let (set, writes) = (Arc::clone(&set), Arc::clone(&writes));
            move || {
                for n in 1..=2 {
                    writes.store(n, Ordering::Relaxed);
                    set.mark(3);
                }
            }
        });
        let (mut cursor, mut seen) = (0, 0);
        let mut inspect = || {
            while let Some(member) = set.take(&mut cursor) {
                match member {
                    3 => seen = writes.load(Ordering::Relaxed),
                    other => {
                        assert_eq!(other, OTHER);
                        set.mark(OTHER);
                        return seen;
                    }
                }
            }
            seen
        };
        inspect();
        marker.join().unwrap();
        assert_eq!(inspect(), 2, "the last look is after the last write");
    });
}

/// The consumer sleeps unless there is something; a mark that does not wake it is a deadlock, which loom reports.
#[test]
fn sleep_vs_mark() {
    let model = Model::new("ready::sleep_vs_mark", 3).bound(3).floor(8100);
    model.deep(None, 8100).check(|| {
        let set = Arc::new(ReadySet::new(8));
        let marked = mark_each(&set, [2, 5]);
        let (mut cursor, mut taken) = (0, Vec::new());
        while taken.len() < 2 {
            block_on(poll_fn(|cx| {
                if set.any() {
                    return Poll::Ready(());
                }
                set.register(cx.waker());
                if set.any() { Poll::Ready(()) } else { Poll::Pending }
            }));
            while let Some(member) = set.take(&mut cursor) {
                taken.push(member);
            }
        }
        marked.into_iter().for_each(|(_, marker)| marker.join().unwrap());
        taken.sort_unstable();
        assert_eq!(taken, [2, 5]);
    });
}
