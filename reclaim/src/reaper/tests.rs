use crate::{Domain, DomainConfig, Published, Reader};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn retire_boxes(reader: &mut Reader, number: usize) {
    let pin = reader.pin();
    (0..number).for_each(|n| pin.retire(Box::new(n.to_string())));
}

#[test]
fn nothing_is_destroyed_while_its_reader_is_inside() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let (mut reader, mut closer) = (domain.reader("reader"), domain.reader("closer"));
    let pin = reader.pin();
    retire_boxes(&mut closer, 3);
    for _ in 0..10 {
        let reaped = reaper.reap();
        assert_eq!((reaped.destroyed, reaped.pending, reaped.held), (0, 3, 0));
    }
    drop(pin);
    let reaped = reaper.reap();
    assert_eq!((reaped.destroyed, reaped.pending), (3, 0));
    assert_eq!(reaper.reap(), Default::default(), "an idle reap does nothing");
}

#[test]
fn one_reap_destroys_as_many_as_it_may() {
    let (domain, mut reaper) = Domain::new(DomainConfig { reap_max: 4, ..Default::default() });
    retire_boxes(&mut domain.reader("retirer"), 10);
    let each: Vec<_> = (0..4).map(|_| reaper.reap().destroyed).collect();
    assert_eq!(each, [4, 4, 2, 0]);
}

#[test]
fn a_destructor_that_panics_is_counted_and_the_rest_runs() {
    struct Fuse;
    impl Drop for Fuse {
        fn drop(&mut self) {
            panic!("seeded: a destructor that panics");
        }
    }
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let mut reader = domain.reader("retirer");
    let published = domain.publish(Fuse).unwrap();
    retire_boxes(&mut reader, 2);
    {
        let pin = reader.pin();
        pin.retire(Box::new(Fuse));
        assert!(published.retire(&pin));
    }
    retire_boxes(&mut reader, 2);
    let reaped = reaper.reap();
    assert_eq!((reaped.destroyed, reaped.panicked, reaped.pending), (6, 2, 0));
    assert_eq!(domain.stats().panicked_total, 2);
    retire_boxes(&mut reader, 1);
    assert_eq!((reaper.reap().destroyed, reaper.reap().panicked), (1, 0));
}

#[test]
fn a_leaked_live_value_is_held_not_freed() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let mut reader = domain.reader("leaky");
    let cell: &'static Published<String> =
        Box::leak(Box::new(domain.publish("held".into()).unwrap()));
    let text: *const str = {
        let pin = reader.pin();
        let live = cell.get(&pin).unwrap();
        let text: *const str = live.as_str();
        mem::forget(live);
        assert!(cell.retire(&pin));
        text
    };
    for _ in 0..3 {
        let reaped = reaper.reap();
        assert_eq!((reaped.destroyed, reaped.pending, reaped.held), (0, 1, 1));
    }
    let stats = domain.stats();
    assert_eq!((stats.held, stats.held_total), (1, 1));
    assert_eq!(reaper.quiesce_blocking(Duration::ZERO), Err(vec![]), "nobody is inside");
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    assert_eq!(reaper.poll_quiesce(&mut Context::from_waker(&waker)), Poll::Pending);
    assert_eq!(wakes.count(), 0, "looking again would not help");
    retire_boxes(&mut reader, 1);
    assert_eq!(reaper.reap().destroyed, 1, "others are not kept by it");
    // SAFETY: the leaked reference keeps the text, which is what this test is about.
    #[expect(unsafe_code, reason = "looks at what a leaked reference keeps")]
    let text = unsafe { &*text };
    assert_eq!(text, "held");
}

#[test]
fn quiesce_is_ready_when_nothing_is_pending() {
    let (_domain, mut reaper) = Domain::new(DomainConfig::default());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(reaper.poll_quiesce(&mut cx).is_ready());
    let mut quiesce = std::pin::pin!(reaper.quiesce());
    assert!(quiesce.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn a_leaving_reader_wakes_the_quiescer() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let (mut reader, mut closer) = (domain.reader("reader"), domain.reader("closer"));
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    let pin = reader.pin();
    retire_boxes(&mut closer, 1);
    {
        let mut quiesce = std::pin::pin!(reaper.quiesce());
        assert!(quiesce.as_mut().poll(&mut cx).is_pending());
        assert_eq!(wakes.count(), 0, "with a reader inside it sleeps");
        drop(pin);
        assert_eq!(wakes.count(), 1);
        assert!(quiesce.as_mut().poll(&mut cx).is_ready());
    }
    drop(reader.pin());
    assert_eq!(wakes.count(), 1, "nobody waits any more");
}

#[test]
fn a_quiesce_that_was_dropped_is_not_woken() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let (mut reader, mut closer) = (domain.reader("reader"), domain.reader("closer"));
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let pin = reader.pin();
    retire_boxes(&mut closer, 1);
    {
        let mut quiesce = std::pin::pin!(reaper.quiesce());
        assert!(quiesce.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(pin);
    assert_eq!(wakes.count(), 0);
    assert_eq!(reaper.reap().destroyed, 1);
}

#[test]
fn quiesce_at_its_limit_goes_on_by_itself() {
    let (domain, mut reaper) = Domain::new(DomainConfig { reap_max: 2, ..Default::default() });
    retire_boxes(&mut domain.reader("retirer"), 5);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    assert!(reaper.poll_quiesce(&mut cx).is_pending());
    assert!(reaper.poll_quiesce(&mut cx).is_pending());
    assert_eq!(wakes.count(), 2);
    assert!(reaper.poll_quiesce(&mut cx).is_ready());
}

#[test]
fn a_blocked_quiescer_names_who_is_inside() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let (mut reader, mut closer) = (domain.reader("in the way"), domain.reader("closer"));
    let pin = reader.pin();
    retire_boxes(&mut closer, 1);
    // Noticed by the ticks of the wait, and so sooner or later for longer than a tick.
    let begun = Instant::now();
    loop {
        let stalled = reaper.quiesce_blocking(Duration::from_millis(5)).unwrap_err();
        assert_eq!(stalled.len(), 1);
        assert_eq!(stalled[0].label, "in the way");
        if stalled[0].age >= Duration::from_millis(1) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "its age stands still");
    }
    drop(pin);
    assert_eq!(reaper.quiesce_blocking(Duration::ZERO), Ok(()));
}

#[test]
fn a_blocked_quiescer_goes_on_when_the_reader_leaves() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let inside = AtomicBool::new(false);
    let retired = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut reader = domain.reader("reader");
            let _pin = reader.pin();
            inside.store(true, Ordering::Release);
            while !retired.load(Ordering::Acquire) {
                thread::yield_now();
            }
        });
        while !inside.load(Ordering::Acquire) {
            thread::yield_now();
        }
        retire_boxes(&mut domain.reader("closer"), 3);
        retired.store(true, Ordering::Release);
        assert_eq!(reaper.quiesce_blocking(Duration::from_secs(60)), Ok(()));
    });
    assert_eq!(domain.stats().destroyed_total, 3);
}

#[test]
fn destructors_may_use_the_domain() {
    struct Nested(Domain, usize);
    impl Drop for Nested {
        fn drop(&mut self) {
            if self.1 > 0 {
                let next = Nested(self.0.clone(), self.1 - 1);
                self.0.borrow("nested").pin().retire(Box::new(next));
            }
        }
    }
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    domain.borrow("first").pin().retire(Box::new(Nested(domain.clone(), 3)));
    assert_eq!(reaper.quiesce_blocking(Duration::from_secs(60)), Ok(()));
    assert_eq!(domain.stats().destroyed_total, 4);
}

#[test]
fn pending_never_wraps() {
    const ROUNDS: usize = if cfg!(miri) { 20 } else { 5_000 };
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut reader = domain.reader("retirer");
            (0..ROUNDS).for_each(|_| retire_boxes(&mut reader, 1));
            done.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let stats = domain.stats();
                assert!(stats.pending <= ROUNDS as u64, "{} pending of {ROUNDS}", stats.pending);
                thread::yield_now();
            }
        });
        while !done.load(Ordering::Acquire) || reaper.reap().pending > 0 {
            reaper.reap();
        }
    });
    assert_eq!(domain.stats().destroyed_total, ROUNDS as u64);
}

#[test]
fn what_a_dropped_reaper_leaves_is_destroyed_with_the_domain() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (domain, reaper) = Domain::new(DomainConfig::default());
    let mut reader = domain.reader("retirer");
    let cell = domain.publish(Counted(Arc::clone(&drops))).unwrap();
    let (mut other, unretired) =
        (domain.reader("other"), domain.publish(Counted(Arc::clone(&drops))).unwrap());
    let pin = other.pin();
    assert!(cell.retire(&reader.pin()));
    reader.pin().retire(Box::new(Counted(Arc::clone(&drops))));
    drop(pin);
    drop(reaper);
    assert_eq!(drops.load(Ordering::Relaxed), 0);
    drop((reader, other, domain, cell));
    assert_eq!(drops.load(Ordering::Relaxed), 2, "the last handle destroys what was retired");
    drop(unretired);
    assert_eq!(drops.load(Ordering::Relaxed), 3, "and the last cell what it holds");
}
