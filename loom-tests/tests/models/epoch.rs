//! The real crossbeam-epoch, on its own: what a pinned reader found is not destroyed before it leaves.

use crossbeam_epoch::Collector;
use loom::sync::atomic::{AtomicPtr, Ordering};
use loom::thread;
use millstream_models::{Canary, Drops, Model};
use std::ptr;
use std::sync::Arc;

#[test]
fn pinned_reader_vs_retirer() {
    Model::new("epoch::pinned_reader_vs_retirer", 2).floor(200).check(|| {
        let collector = Collector::new();
        let drops = Drops::new();
        let found = Box::into_raw(Box::new(Canary::anywhere(7, &drops)));
        let shared = Arc::new(AtomicPtr::new(found));
        let (reader, retirer) = (collector.register(), collector.register());
        // A first pin collects; here that multiplies schedules and shows nothing.
        drop((reader.pin(), retirer.pin()));
        let reading = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let guard = reader.pin();
                // SAFETY: loaded under a guard of the collector that it is retired into.
                let canary = unsafe { shared.load(Ordering::Acquire).as_ref() };
                assert!(canary.is_none_or(|canary| canary.read() == 7));
                drop(guard);
                reader
            }
        });
        let guard = retirer.pin();
        let unlinked = shared.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: made by `Box::into_raw`, and unlinked by the only swap.
        let owned = unsafe { Box::from_raw(unlinked) };
        guard.defer(move || drop(owned));
        guard.flush();
        drop(guard);
        retirer.pin().flush();
        let reader = reading.join().unwrap();
        (0..2).for_each(|_| retirer.pin().flush());
        assert_eq!(drops.count(), 1, "with everybody outside two epochs are enough");
        drop((reader, retirer));
    });
}
