use crate::{Domain, DomainConfig};
use std::mem;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

#[test]
fn places_are_used_again() {
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    for round in 0..10 {
        let readers = [domain.reader("a"), domain.reader("b"), domain.reader("c")];
        assert_eq!(domain.stats().readers, 3, "round {round}");
        drop(readers);
        assert_eq!(domain.stats().readers, 0);
    }
    assert_eq!(domain.shared().places.slots(), 3, "as many places as readers at one time");
}

#[test]
fn a_reader_may_move_between_pins() {
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    let mut reader = domain.reader("moving");
    drop(reader.pin());
    let mut reader = thread::spawn(move || {
        drop(reader.pin());
        reader
    })
    .join()
    .unwrap();
    let pin = reader.pin();
    assert_eq!(pin.domain().stats().pinned, 1);
    drop(pin);
    assert_eq!(domain.stats().pinned, 0);
}

#[test]
fn sequential_borrowers_share_one_reader() {
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    for _ in 0..20 {
        thread::scope(|scope| {
            scope.spawn(|| drop(domain.borrow("short").pin()));
        });
        drop(domain.borrow("long").pin());
    }
    assert_eq!(domain.stats().readers, 1);
}

#[test]
fn concurrent_borrowers_have_their_own_and_the_pool_keeps_its_size() {
    const BORROWERS: usize = 70;
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    let loans: Vec<_> = (0..BORROWERS).map(|_| domain.borrow("many")).collect();
    assert_eq!(domain.stats().readers, BORROWERS as u64);
    drop(loans);
    assert_eq!(domain.stats().readers, 64, "the pool keeps what it has slots for");
    let again: Vec<_> = (0..64).map(|_| domain.borrow("again")).collect();
    assert_eq!(domain.stats().readers, 64);
    drop(again);
}

#[test]
fn borrowers_under_contention_never_share() {
    const ROUNDS: usize = if cfg!(miri) { 30 } else { 20_000 };
    const THREADS: usize = 8;
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..ROUNDS {
                    let mut lent = domain.borrow("contended");
                    let pin = lent.pin();
                    assert!(pin.domain().stats().pinned >= 1);
                }
            });
        }
    });
    let stats = domain.stats();
    assert!(stats.readers <= THREADS as u64, "{} readers for {THREADS} threads", stats.readers);
    assert_eq!(stats.pinned, 0);
}

#[test]
fn a_stalled_reader_is_named_by_the_label_of_its_loan() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    drop(domain.borrow("before").pin());
    let mut lent = domain.borrow("now");
    assert_eq!(lent.label(), "now");
    assert!(domain.stalled(Duration::ZERO).is_empty(), "nobody is inside");
    let pin = lent.pin();
    let named = domain.stalled(Duration::ZERO);
    assert_eq!(named.iter().map(|s| s.label).collect::<Vec<_>>(), ["now"]);
    assert!(domain.stalled(Duration::from_millis(3)).is_empty(), "no tick has seen it inside");
    // Ticks are at least a millisecond apart: reap until the age has grown.
    while domain.stalled(Duration::from_millis(3)).is_empty() {
        reaper.reap();
    }
    assert!(
        domain.stalled(Duration::from_millis(3))[0]
            .to_string()
            .starts_with("reader `now` has been inside for")
    );
    drop(pin);
    assert!(domain.stalled(Duration::ZERO).is_empty());
}

#[test]
fn a_reader_that_comes_and_goes_is_not_accused() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let mut reader = domain.reader("busy");
    let mut other = domain.reader("stuck");
    let _stuck = other.pin();
    while domain.stalled(Duration::from_millis(5)).is_empty() {
        let pin = reader.pin();
        reaper.reap();
        drop(pin);
    }
    let _pin = reader.pin();
    let accused: Vec<_> =
        domain.stalled(Duration::from_millis(5)).iter().map(|s| s.label).collect();
    assert_eq!(accused, ["stuck"]);
}

#[test]
fn a_leaked_pin_stays_on_record_and_out_of_the_pool() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let mut lent = domain.borrow("leaky");
    mem::forget(lent.pin());
    drop(lent.pin());
    drop(lent);
    let named: Vec<_> = domain.stalled(Duration::ZERO).iter().map(|s| s.label).collect();
    assert_eq!(named, ["leaky"]);
    let cell = domain.publish(1).unwrap();
    let mut next = domain.borrow("next");
    assert!(cell.retire(&next.pin()));
    assert_eq!(reaper.reap().pending, 1, "the leaked pin holds everything");
    let stalled = reaper.quiesce_blocking(Duration::ZERO).unwrap_err();
    assert_eq!(stalled[0].label, "leaky");
}

#[test]
fn a_reader_swapped_for_a_foreign_one_does_not_enter_the_pool() {
    let (ours, _reaper) = Domain::new(DomainConfig::default());
    let (theirs, _other_reaper) = Domain::new(DomainConfig::default());
    let mut foreign = theirs.reader("foreign");
    let mut lent = ours.borrow("lent");
    mem::swap(&mut *lent, &mut foreign);
    drop(lent);
    assert_eq!(theirs.stats().readers, 0, "the foreign reader was dropped, not pooled");
    assert_eq!(foreign.label(), "lent");
    let mut next = ours.borrow("next");
    assert!(std::ptr::eq(next.pin().domain().shared(), ours.shared()));
}

#[test]
fn plain_memory_is_counted_by_the_batch_and_freed() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let mut reader = domain.reader("plain");
    {
        let pin = reader.pin();
        for n in 0..100_u64 {
            pin.free(Box::new([n; 4]));
        }
    }
    let stats = domain.stats();
    assert_eq!((stats.plain_pending, stats.pending), (96, 0), "three batches of 32");
    // The bag of the reader leaves with it; then nothing keeps the epoch.
    drop(reader);
    while domain.stats().plain_pending > 0 {
        assert_eq!(reaper.reap().destroyed, 0, "plain memory has no destructor");
    }
}

#[test]
fn what_waits_with_pooled_readers_is_sent_for() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    {
        // Two readers, each of which keeps what was counted in its bag.
        let (mut one, mut other) = (domain.borrow("one"), domain.borrow("other"));
        for reader in [&mut *one, &mut *other] {
            let pin = reader.pin();
            (0..40_u64).for_each(|n| pin.free(Box::new(n)));
        }
    }
    let lent = domain.borrow("lent");
    for _ in 0..10 {
        reaper.reap();
    }
    assert_eq!(domain.stats().plain_pending, 64, "nobody has sent for it");
    domain.flush_idle();
    reaper.reap();
    assert_eq!(domain.stats().plain_pending, 32, "one reader is lent");
    drop(lent);
    domain.flush_idle();
    reaper.reap();
    assert_eq!(domain.stats().plain_pending, 0);
    assert_eq!(domain.stats().readers, 2, "no reader was made for it");
}

#[test]
fn plain_memory_counts_for_admission() {
    let (domain, _reaper) = Domain::new(DomainConfig { garbage_max: 32, ..Default::default() });
    let mut reader = domain.reader("plain");
    let pin = reader.pin();
    (0..31).for_each(|n| pin.free(Box::new(n)));
    assert!(domain.admit().is_ok());
    pin.free(Box::new(31));
    assert_eq!(domain.admit().unwrap_err().pending, 32);
}
