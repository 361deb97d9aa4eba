use super::ReplaceError;
use crate::{Domain, DomainConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

#[test]
fn one_caller_retires_and_the_cell_stays_empty() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let mut reader = domain.reader("one");
    let cell = domain.publish("first").unwrap();
    {
        let pin = reader.pin();
        assert_eq!(cell.get(&pin).as_deref(), Some(&"first"));
        assert_eq!(cell.replace("second", &pin), Ok(()));
        assert_eq!(cell.get(&pin).as_deref(), Some(&"second"));
        assert_eq!(cell.update(&pin, |_| None), Ok(false));
        assert_eq!(cell.update(&pin, |old| (*old == "second").then_some("third")), Ok(true));
        assert!(!cell.is_retired());
        assert!(cell.retire(&pin));
        assert!(!cell.retire(&pin));
        assert!(cell.is_retired());
        assert!(cell.get(&pin).is_none());
        assert_eq!(cell.replace("fourth", &pin), Err(ReplaceError::Closed));
        assert_eq!(cell.update(&pin, |_| Some("fifth")), Err(ReplaceError::Closed));
        assert!(cell.get(&pin).is_none(), "nothing resurrects it");
    }
    assert_eq!(reaper.reap().destroyed, 3);
}

#[test]
fn replacing_is_refused_at_the_limit_and_retiring_is_not() {
    let (domain, mut reaper) = Domain::new(DomainConfig { garbage_max: 1, ..Default::default() });
    let mut reader = domain.reader("limit");
    let cell = domain.publish(1).unwrap();
    {
        let pin = reader.pin();
        assert_eq!(cell.replace(2, &pin), Ok(()));
        let refused = cell.replace(3, &pin).unwrap_err();
        assert!(matches!(refused, ReplaceError::Backlogged(b) if b.pending == 1 && b.limit == 1));
        assert!(refused.to_string().contains("the limit is 1"));
        assert!(matches!(cell.update(&pin, |n| Some(n + 1)), Err(ReplaceError::Backlogged(_))));
        assert_eq!(cell.get(&pin).as_deref(), Some(&2));
        assert!(cell.retire(&pin));
    }
    assert_eq!(reaper.reap().destroyed, 2);
}

#[test]
fn a_reader_inside_keeps_each_version_it_saw() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let (mut reader, mut writer) = (domain.reader("reader"), domain.reader("writer"));
    let cell = domain.publish(vec![0; 8]).unwrap();
    let pin = reader.pin();
    let first = cell.get(&pin).unwrap();
    for n in 1..=20 {
        cell.replace(vec![n; 8], &writer.pin()).unwrap();
    }
    let last = cell.get(&pin).unwrap();
    assert!(cell.retire(&writer.pin()));
    for _ in 0..10 {
        assert_eq!(reaper.reap().held, 0);
    }
    assert_eq!((&first[..], &last[..]), (&[0; 8][..], &[20; 8][..]));
    drop((first, last));
    drop(pin);
    assert_eq!(reaper.reap().pending, 0);
    assert_eq!(domain.stats().destroyed_total, 21);
    assert_eq!(domain.stats().held_total, 0);
}

#[test]
fn updates_from_many_threads_are_all_counted() {
    const THREADS: u64 = 4;
    const EACH: u64 = if cfg!(miri) { 20 } else { 5_000 };
    let (domain, mut reaper) =
        Domain::new(DomainConfig { garbage_max: u64::MAX, ..Default::default() });
    let cell = domain.publish(0_u64).unwrap();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut reader = domain.reader("updater");
                for _ in 0..EACH {
                    assert_eq!(cell.update(&reader.pin(), |n| Some(n + 1)), Ok(true));
                }
            });
        }
    });
    let mut reader = domain.reader("after");
    assert_eq!(cell.get(&reader.pin()).as_deref(), Some(&(THREADS * EACH)));
    assert!(cell.retire(&reader.pin()));
    while reaper.reap().pending > 0 {}
    let stats = domain.stats();
    assert_eq!((stats.destroyed_total, stats.held_total), (THREADS * EACH + 1, 0));
}

#[test]
fn a_cell_dropped_unretired_leaves_its_value_to_the_reaper() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let drops = Arc::new(AtomicUsize::new(0));
    let mut reader = domain.reader("bystander");
    let _pin = reader.pin();
    drop(domain.publish(Counted(Arc::clone(&drops))).unwrap());
    assert_eq!(drops.load(Ordering::Relaxed), 0, "not on this call");
    assert_eq!(
        reaper.reap().destroyed,
        1,
        "no reader can hold it, so no grace period is waited for"
    );
    assert_eq!(drops.load(Ordering::Relaxed), 1);
}
