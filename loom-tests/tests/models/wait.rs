//! The wait list: no reader sleeps through a write.

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use millstream::ready::{ReadySet, WaitList, Waiter};
use millstream_models::{Model, block_on};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// A partition's wait list and what is written, without an order of its own.
struct Scene {
    list: WaitList,
    written: AtomicUsize,
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Self { list: WaitList::new(), written: AtomicUsize::new(0) })
    }

    fn write(self: &Arc<Self>) -> thread::JoinHandle<()> {
        let scene = Arc::clone(self);
        thread::spawn(move || {
            scene.written.fetch_add(1, Ordering::Relaxed);
            scene.list.wake_all();
        })
    }

    /// Follows the writes as a stream does: look, park, look again, sleep until marked.
    fn follow(&self, writes: usize) {
        let ready = millstream_reclaim::sync::Arc::new(ReadySet::new(8));
        let waiter = Waiter::new(ready.clone(), 3);
        let mut cursor = 0;
        self.list.enter();
        while self.written.load(Ordering::Relaxed) < writes {
            self.list.park(&waiter);
            if self.written.load(Ordering::Relaxed) >= writes {
                break;
            }
            block_on(poll_fn(|cx| {
                ready.register(cx.waker());
                match ready.take(&mut cursor) {
                    Some(member) => {
                        assert_eq!(member, 3);
                        Poll::Ready(())
                    }
                    None => Poll::Pending,
                }
            }));
        }
        self.list.leave();
    }
}

/// A reader against one writer; a lost wake-up is a deadlock, which loom reports.
#[test]
fn park_vs_publish() {
    let model = Model::new("wait::park_vs_publish", 2).bound(3).floor(320);
    model.deep(None, 320).check(|| {
        let scene = Scene::new();
        let writer = scene.write();
        scene.follow(1);
        writer.join().unwrap();
    });
}

/// A reader that parks again while the first of two writers is still about to wake it.
#[test]
fn park_again() {
    let model = Model::new("wait::park_again", 3).bound(2).floor(2000);
    model.deep(Some(3), 2000).check(|| {
        let scene = Scene::new();
        let writers = [scene.write(), scene.write()];
        scene.follow(2);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
}

/// Two streams on a vbucket: one parks as often as it takes to have the list swept, and leaves, while the other waits
/// for a write. The sweep takes the other one out; it must not sleep through the write for that.
#[test]
fn leave_vs_publish() {
    let model = Model::new("wait::leave_vs_publish", 3).bound(2).floor(11000);
    model.deep(Some(3), 11000).check(|| {
        let scene = Scene::new();
        let leaver = thread::spawn({
            let scene = Arc::clone(&scene);
            move || {
                scene.list.enter();
                for _ in 0..2 {
                    // A stream of its own each time: closed without a write, its waiter stays behind in the list.
                    let ready = millstream_reclaim::sync::Arc::new(ReadySet::new(8));
                    scene.list.park(&Waiter::new(ready, 0));
                }
                scene.list.leave();
            }
        });
        let writer = scene.write();
        scene.follow(1);
        leaver.join().unwrap();
        writer.join().unwrap();
    });
}

/// Two streams come and go: the count that bounds the list is back where it was, and was never below nothing (asserted
/// in `leave`).
#[test]
fn counted_out_once() {
    Model::new("wait::counted_out_once", 2).floor(2).check(|| {
        let scene = Scene::new();
        let pass = |scene: &Scene| {
            scene.list.enter();
            scene.list.leave();
        };
        let other = thread::spawn({
            let scene = Arc::clone(&scene);
            move || pass(&scene)
        });
        pass(&scene);
        other.join().unwrap();
    });
}
