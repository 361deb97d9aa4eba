//! The flow-control window: an acknowledgement or another size never passes a sender that goes to sleep.

use loom::sync::Notify;
use loom::thread;
use millstream::flow::Window;
use millstream_models::Model;
use std::sync::Arc;

/// A window and what its sender sleeps on; a bell that rang before is heard as well.
struct Scene {
    window: Window,
    bell: Notify,
}

impl Scene {
    fn new(max: u64, sent: u64) -> Arc<Self> {
        let scene = Self { window: Window::new(max), bell: Notify::new() };
        scene.window.sent(sent);
        Arc::new(scene)
    }

    fn ack(self: &Arc<Self>, bytes: u64) -> thread::JoinHandle<()> {
        let scene = Arc::clone(self);
        thread::spawn(move || {
            let acked = scene.window.ack(bytes);
            assert_eq!(acked.over, 0, "all of it was sent");
            if acked.opened {
                scene.bell.notify();
            }
        })
    }

    fn resize(self: &Arc<Self>, max: u64) -> thread::JoinHandle<()> {
        let scene = Arc::clone(self);
        thread::spawn(move || {
            let resized = scene.window.resize(max);
            if resized.opened {
                scene.bell.notify();
            }
        })
    }

    /// Sleeps while the window is full; an opening that is not told is a deadlock, which loom reports.
    fn wait(&self) {
        while !self.window.may_send() {
            if self.window.is_full() {
                self.bell.wait();
            }
        }
    }
}

/// The message that fills the window, against the acknowledgement of the one before it.
#[test]
fn no_lost_opening() {
    Model::new("window::no_lost_opening", 2).floor(20).check(|| {
        let scene = Scene::new(2, 1);
        let acker = scene.ack(1);
        scene.window.sent(1);
        scene.wait();
        acker.join().unwrap();
        assert_eq!(scene.window.outstanding(), 1);
    });
}

/// The same with two acknowledgements, one of which crosses the edge.
#[test]
fn two_acknowledgements() {
    let model = Model::new("window::two_acknowledgements", 3).bound(2).floor(500);
    model.deep(Some(3), 500).check(|| {
        let scene = Scene::new(2, 2);
        let ackers = [scene.ack(1), scene.ack(1)];
        scene.window.sent(1);
        scene.wait();
        ackers.into_iter().for_each(|acker| acker.join().unwrap());
        assert_eq!(scene.window.outstanding(), 1);
    });
}

/// What is released is never more than what was sent, whoever looks (asserted in the window).
#[test]
fn never_negative() {
    let model = Model::new("window::never_negative", 3).bound(3).floor(100);
    model.deep(None, 100).check(|| {
        let scene = Scene::new(8, 1);
        let acker = thread::spawn({
            let scene = Arc::clone(&scene);
            // As much as was sent or will be: what it has not seen yet is over.
            move || scene.window.ack(2).over
        });
        let reader = thread::spawn({
            let scene = Arc::clone(&scene);
            move || assert!(scene.window.outstanding() <= 2)
        });
        scene.window.sent(1);
        reader.join().unwrap();
        let over = acker.join().unwrap();
        assert_eq!(scene.window.outstanding(), over);
    });
}

/// Nor is it taken back by an acknowledgement that has seen less of what was sent than the one before it.
#[test]
fn never_backwards() {
    let model = Model::new("window::never_backwards", 3).bound(3).floor(100);
    model.deep(Some(4), 100).check(|| {
        let scene = Scene::new(8, 1);
        let ackers = [(); 2].map(|()| {
            let scene = Arc::clone(&scene);
            thread::spawn(move || {
                let over = scene.window.ack(2).over;
                assert!(over <= 2, "no more than it acknowledges");
                over
            })
        });
        scene.window.sent(1);
        let over: u64 = ackers.into_iter().map(|acker| acker.join().unwrap()).sum();
        assert_eq!(scene.window.outstanding(), over - 2);
    });
}

/// Neither another size nor an acknowledgement opens the window on its own; both together do, and one of them tells.
#[test]
fn resize() {
    let model = Model::new("window::resize", 3).bound(3).floor(500);
    model.deep(Some(4), 500).check(|| {
        let scene = Scene::new(2, 3);
        let others = [scene.ack(1), scene.resize(3)];
        scene.wait();
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// Either of another size and an acknowledgement opens the window; the first may see no opening, since the other is under
/// way already.
#[test]
fn grow() {
    let model = Model::new("window::grow", 3).bound(3).floor(500);
    model.deep(Some(4), 500).check(|| {
        let scene = Scene::new(2, 3);
        let others = [scene.ack(2), scene.resize(4)];
        scene.wait();
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// A sender that sleeps because of a smaller size, against an acknowledgement that may not have seen that size.
#[test]
fn shrink() {
    let model = Model::new("window::shrink", 3).bound(3).floor(500);
    model.deep(None, 500).check(|| {
        let scene = Scene::new(3, 2);
        let others = [scene.ack(2), scene.resize(1)];
        scene.wait();
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// What was sent while the window was off does not fill it once it is on.
#[test]
fn switched_on() {
    Model::new("window::switched_on", 2).floor(5).check(|| {
        let scene = Scene::new(0, 5);
        let resizer = scene.resize(1);
        assert!(scene.window.may_send());
        resizer.join().unwrap();
        assert_eq!(scene.window.outstanding(), 0);
    });
}
