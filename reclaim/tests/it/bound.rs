//! A reader that never leaves: garbage stays within the limit, and the reader is named.

use millstream_reclaim::{Domain, DomainConfig, ReplaceError};
use std::time::Duration;

const LIMIT: u64 = 100;

#[test]
fn a_parked_reader_bounds_garbage_at_the_limit_and_is_named() {
    let (domain, mut reaper) =
        Domain::new(DomainConfig { garbage_max: LIMIT, ..Default::default() });
    let cell = domain.publish(0_u64).unwrap();
    let mut parked = domain.reader("parked");
    let mut writer = domain.reader("writer");
    let pin = parked.pin();
    let seen = cell.get(&pin).unwrap();

    let mut refused = 0;
    for n in 1..=10 * LIMIT {
        match cell.replace(n, &writer.pin()) {
            Ok(()) => {}
            Err(ReplaceError::Backlogged(backlog)) => {
                assert_eq!((backlog.pending, backlog.limit), (LIMIT, LIMIT));
                refused += 1;
            }
            Err(other) => panic!("not closed: {other}"),
        }
        reaper.reap();
        assert!(domain.stats().pending <= LIMIT);
    }
    assert_eq!(refused, 9 * LIMIT);
    assert!(domain.publish(0_u64).is_err());
    while domain.stalled(Duration::from_millis(2)).is_empty() {
        reaper.reap();
    }
    assert_eq!(domain.stalled(Duration::from_millis(2))[0].label, "parked");

    assert_eq!(*seen, 0, "what it saw is still there");
    drop(seen);
    drop(pin);
    reaper.quiesce_blocking(Duration::from_secs(60)).expect("nobody is inside");
    assert_eq!(domain.stats().destroyed_total, LIMIT);
    assert_eq!(cell.replace(1, &writer.pin()), Ok(()), "admission is open again");
}
