//! The engine as a whole: its end, and who waits for a commit.

use crate::scene::{Plain, bare, finish};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use millstream::model::{Registered, Signal, ask_flusher, is_flusher_stopped, set_flusher_stopped};
use millstream::producer::OpenOptions;
use millstream::types::VbId;
use millstream_models::{Model, block_on};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// A connection is opened while the engine shuts down: it is refused, or closed.
#[test]
fn shutdown_vs_connect() {
    Model::new("engine::shutdown_vs_connect", 2).bound(2).floor(7_200).check(|| {
        let (bare, producer) = bare();
        let stopping = thread::spawn({
            let engine = bare.engine.clone();
            move || engine.shutdown()
        });
        let newcomer = bare.engine.connect("newcomer", OpenOptions::default());
        stopping.join().unwrap();
        assert!(producer.handle().is_closed());
        if let Ok(newcomer) = newcomer {
            assert!(newcomer.handle().is_closed(), "seen by the shutdown");
        }
        finish(bare, producer);
    });
}

/// Who waits for a commit is woken by it; a lost wake-up is a deadlock, which loom reports. And whoever is told
/// sees what was told of.
#[test]
fn signal() {
    let model = Model::new("engine::signal", 3).bound(2).floor(1800);
    model.deep(Some(3), 1800).check(|| {
        let signal = Arc::new(Signal::default());
        let committed = Arc::new(AtomicUsize::new(0));
        let flusher = thread::spawn({
            let (signal, committed) = (Arc::clone(&signal), Arc::clone(&committed));
            move || {
                for n in 1..=2 {
                    committed.store(n, Ordering::Relaxed);
                    signal.notify();
                }
            }
        });
        let looker = thread::spawn({
            let (signal, committed) = (Arc::clone(&signal), Arc::clone(&committed));
            move || {
                let told = signal.told();
                assert!(committed.load(Ordering::Relaxed) as u64 >= told, "told of what is there");
            }
        });
        block_on(poll_fn(|cx| {
            signal.register(cx.waker());
            match committed.load(Ordering::Relaxed) {
                2 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }));
        flusher.join().unwrap();
        looker.join().unwrap();
        assert_eq!(signal.told(), 2);
    });
}

/// Who waits is polled again and again, and registers once for each telling: never is a registration that was taken
/// already taken for one that is still there.
#[test]
fn renewed() {
    let model = Model::new("engine::renewed", 3).bound(3).floor(13_000);
    model.deep(Some(4), 13_000).check(|| {
        let signal = Arc::new(Signal::default());
        let committed = Arc::new(AtomicUsize::new(0));
        let other = thread::spawn({
            let signal = Arc::clone(&signal);
            move || signal.notify()
        });
        let ours = thread::spawn({
            let (signal, committed) = (Arc::clone(&signal), Arc::clone(&committed));
            move || {
                committed.store(1, Ordering::Relaxed);
                signal.notify();
            }
        });
        let mut registered = Registered::default();
        block_on(poll_fn(|cx| {
            let look = || (committed.load(Ordering::Relaxed) == 1).then_some(());
            registered.poll(&signal, cx.waker(), look)
        }));
        other.join().unwrap();
        ours.join().unwrap();
    });
}

/// A rollback asks the flusher while that stops: nobody takes the job, and its asker learns it, or would wait for ever.
#[test]
fn ask_vs_stop() {
    Model::new("engine::ask_vs_stop", 2).bound(3).floor(20).check(|| {
        let (bare, producer) = bare();
        let stopping = thread::spawn({
            let engine = bare.engine.clone();
            move || set_flusher_stopped(&engine)
        });
        let asked = ask_flusher(&bare.engine, VbId(0));
        stopping.join().unwrap();
        assert!(asked.is_refused(), "whichever came second let go of it");
        finish(bare, producer);
    });
}

/// Who finds that the engine stops sees what came before the shutdown.
#[test]
fn stop_is_seen() {
    Model::new("engine::stop_is_seen", 2).bound(2).floor(2).check(|| {
        let (bare, producer) = bare();
        let before = Plain::new();
        let stopping = thread::spawn({
            let (engine, before) = (bare.engine.clone(), Arc::clone(&before));
            move || {
                before.write(1);
                engine.shutdown();
            }
        });
        if bare.engine.is_shut_down() {
            assert_eq!(before.read(), 1);
        }
        stopping.join().unwrap();
        assert!(bare.engine.is_shut_down());
        finish(bare, producer);
    });
}

/// Who finds that the flusher has stopped sees its last commit.
#[test]
fn last_commit_is_seen() {
    Model::new("engine::last_commit_is_seen", 2).bound(3).floor(2).check(|| {
        let (bare, producer) = bare();
        let committed = Plain::new();
        let flusher = thread::spawn({
            let (engine, committed) = (bare.engine.clone(), Arc::clone(&committed));
            move || {
                committed.write(1);
                set_flusher_stopped(&engine);
            }
        });
        if is_flusher_stopped(&bare.engine) {
            assert_eq!(committed.read(), 1);
        }
        flusher.join().unwrap();
        assert!(is_flusher_stopped(&bare.engine));
        finish(bare, producer);
    });
}
