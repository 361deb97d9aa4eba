use super::{Backlogged, Domain, DomainConfig};
use std::thread;

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}

#[test]
fn handles_may_go_where_they_should() {
    is_send::<Domain>();
    is_sync::<Domain>();
    is_send::<crate::Reader>();
    is_send::<crate::PooledReader<'static>>();
    is_send::<crate::Reaper>();
    is_send::<crate::Quiesce<'static>>();
    is_send::<crate::Published<u8>>();
    is_sync::<crate::Published<u8>>();
    is_send::<crate::PushList<u8>>();
    is_sync::<crate::PushList<u8>>();
}

#[test]
fn the_last_domain_empties_the_pool() {
    let (domain, reaper) = Domain::new(DomainConfig::default());
    let memory = domain.memory();
    let other = domain.clone();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| drop(domain.borrow("lent").pin()));
        }
    });
    drop(domain);
    assert!(other.stats().readers > 0, "the pool lives with the other handle");
    drop(other);
    drop(reaper);
    assert!(memory.upgrade().is_none(), "a reader was left in the pool");
}

#[test]
fn a_domain_cloned_from_a_pin_lends_and_ends() {
    let (domain, reaper) = Domain::new(DomainConfig::default());
    let memory = domain.memory();
    let mut reader = domain.reader("own");
    drop(domain);
    let cloned = reader.pin().domain().clone();
    drop(cloned.borrow("lent").pin());
    assert_eq!(cloned.stats().readers, 2);
    drop(cloned);
    assert_eq!(reader.domain().stats().readers, 1, "the pool was emptied again");
    drop(reader.pin().domain().borrow("temporary"));
    assert_eq!(reader.domain().stats().readers, 1, "a reader's own handle pools nothing");
    drop(reader);
    drop(reaper);
    assert!(memory.upgrade().is_none());
}

#[test]
fn admission_stops_at_the_limit() {
    let (domain, mut reaper) = Domain::new(DomainConfig { garbage_max: 2, ..Default::default() });
    let mut reader = domain.reader("retirer");
    let cells = [0, 1].map(|n| domain.publish(n).unwrap());
    let pin = reader.pin();
    for cell in &cells {
        assert!(domain.admit().is_ok());
        assert!(cell.retire(&pin));
    }
    let refused = Backlogged { pending: 2, limit: 2 };
    assert_eq!(domain.admit(), Err(refused));
    assert_eq!(domain.publish(2).err(), Some(refused));
    assert_eq!(refused.to_string(), "2 retired values await reclamation, the limit is 2");
    drop(pin);
    assert_eq!(reaper.reap().destroyed, 2);
    assert_eq!(domain.admit(), Ok(()));
}

#[test]
fn debug_shows_the_counters() {
    let (domain, reaper) = Domain::new(DomainConfig::default());
    let mut reader = domain.reader("shown");
    let cell = domain.publish(1).unwrap();
    let pin = reader.pin();
    assert!(format!("{domain:?}").contains("pinned: 1"));
    assert!(format!("{pin:?}").contains("shown"));
    assert_eq!(format!("{:?}", cell.get(&pin)), "Some(1)");
    assert!(format!("{cell:?}").contains("retired: false"));
    assert!(format!("{reaper:?}").contains("held: 0"));
}

/// A value that was retired after the reaper had gone, and that owned a cell of its own domain, was never destroyed:
/// the cell shares the garbage, and the garbage held the value. What now holds: the last handle destroys it.
#[test]
fn a_retired_value_that_owns_a_cell_ends_with_the_domain() {
    let (domain, reaper) = Domain::new(DomainConfig::default());
    let witness = std::sync::Arc::new(());
    let within = domain.publish(std::sync::Arc::clone(&witness)).unwrap();
    let outer = domain.publish(Some(within)).unwrap();
    drop(reaper);
    assert_eq!(outer.replace(None, &domain.borrow("late").pin()), Ok(()));
    drop(outer);
    assert_eq!(std::sync::Arc::strong_count(&witness), 2, "nobody reaps any more");
    drop(domain);
    assert_eq!(std::sync::Arc::strong_count(&witness), 1, "the last handle destroyed it");
}
