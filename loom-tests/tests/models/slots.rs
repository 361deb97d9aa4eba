//! Places that are taken and left: never two in one place, and the second finds done what the first did.

use loom::cell::UnsafeCell;
use loom::thread;
use millstream::flow::Slots;
use millstream_models::Model;
use std::sync::Arc;

/// Memory that nothing but the slots orders.
struct Plain(UnsafeCell<u32>);

// SAFETY: that one thread at a time is in the only place is what loom checks.
unsafe impl Sync for Plain {}

impl Plain {
    fn count(&self) -> u32 {
        // SAFETY: loom fails the model if another thread may be here.
        self.0.with_mut(|cell| unsafe {
            *cell += 1;
            *cell
        })
    }
}

/// One place, handed from one thread to the next.
#[test]
fn handed_on() {
    let model = Model::new("slots::handed_on", 3).bound(3).floor(20);
    model.deep(None, 20).check(|| {
        let slots = Slots::new(1);
        let cell = Arc::new(Plain(UnsafeCell::new(0)));
        let enter = {
            let (slots, cell) = (slots.clone(), Arc::clone(&cell));
            move || {
                Slots::try_take(&slots).map_or(0, |permit| {
                    let entered = cell.count();
                    drop(permit);
                    entered
                })
            }
        };
        let others = [thread::spawn(enter.clone()), thread::spawn(enter.clone())];
        enter();
        others.into_iter().for_each(|other| assert!(other.join().unwrap() <= 3));
        assert_eq!(slots.taken(), 0);
        assert!(cell.count() > 1, "an empty place is always taken");
    });
}

/// Whoever finds no place free is told that by one who is inside, or still was.
#[test]
fn never_more_than_the_limit() {
    Model::new("slots::never_more_than_the_limit", 3).floor(20).check(|| {
        let slots = Slots::new(2);
        let others = [(); 2].map(|()| {
            let slots = slots.clone();
            thread::spawn(move || Slots::try_take(&slots))
        });
        let mine = Slots::try_take(&slots);
        let theirs = others.map(|other| other.join().unwrap());
        let inside = usize::from(mine.is_some()) + theirs.iter().flatten().count();
        assert_eq!((inside, slots.taken(), slots.free()), (2, 2, 0));
    });
}
