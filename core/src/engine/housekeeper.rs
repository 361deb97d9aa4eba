//! The thread that reclaims: it runs every destructor of what was retired, looks for expired documents, has vbuckets
//! catch up with the manifest, and sees the engine out.

use super::catch_up::CatchUp;
use super::parts::EngineParts;
use super::shutdown::ShutdownReport;
use crate::collections::Key;
use crate::guarded::guarded;
use crate::partition::{Change, Decision, Partition, UpdateError};
use crate::ready::thread_waker;
use crate::types::{CollectionId, DocMeta, Seqno, VbState};
use core::ops::ControlFlow;
use millstream_reclaim::sync::atomic::Ordering;
use millstream_reclaim::sync::{Arc, workers};
use millstream_reclaim::{Pin, Reader, Reaper};
use std::time::Duration;

/// Between two looks while something waits for reclamation.
const TICK: Duration = Duration::from_millis(5);
/// Between two looks while nothing does.
const NAP: Duration = Duration::from_millis(50);
/// Keys that are looked at under one pin: well below a millisecond, unless all of them have run out.
pub(super) const KEYS_AT_ONCE: usize = 1024;

/// Runs until the engine has stopped and everything that was retired is destroyed, and says how it ended.
pub(super) fn run(parts: Arc<EngineParts>, reaper: Reaper) {
    let ending = parts.workers.ending();
    let kept = {
        let parts = Arc::clone(&parts);
        guarded(move || keep_house(parts, reaper))
    };
    let report = kept.unwrap_or_else(|panic| {
        parts.give_up("housekeeper", &panic);
        let _ = guarded(|| parts.workers.join());
        report(&parts)
    });
    // Whoever hears that the engine has ended may open its store again at once.
    drop(parts);
    ending.finish(report);
}

fn report(parts: &EngineParts) -> ShutdownReport {
    let (stats, failure) = (parts.domain.stats(), parts.workers.take_failure());
    ShutdownReport {
        clean: failure.is_none(),
        failure,
        destroyed: stats.destroyed_total,
        held: stats.held_total,
    }
}

fn keep_house(parts: Arc<EngineParts>, mut reaper: Reaper) -> ShutdownReport {
    let mut reader = parts.domain.reader("housekeeper");
    let mut expire_at = workers::now() + parts.settings.expiry_interval;
    let mut purge_at = workers::now() + parts.settings.purge_interval;
    let mut catch_up = CatchUp::default();
    let waker = thread_waker();
    while !parts.is_stopped() {
        let reaped = reaper.reap();
        if workers::now() >= expire_at && !parts.is_stopping() {
            for partition in &parts.partitions {
                partition.forget_purged(&mut reader);
                expire(&parts, partition, &mut reader, |reader| {
                    reaper.reap();
                    catch_up.run(&parts, reader);
                });
                if parts.is_stopping() {
                    break;
                }
            }
            expire_at = workers::now() + parts.settings.expiry_interval;
        }
        if workers::now() >= purge_at && !parts.is_stopping() {
            purge(&parts, &mut reader, &mut reaper);
            purge_at = workers::now() + parts.settings.purge_interval;
        }
        catch_up.run(&parts, &mut reader);
        if parts.domain.admit().is_ok() && parts.pressure.take_backlog() {
            parts.commits.notify();
        }
        if reaped.destroyed > 0 {
            // There may be more behind what one look destroys.
            continue;
        }
        parts.behind.register(&waker);
        if !parts.behind.any() {
            let soon = reaped.pending > 0 || catch_up.is_pending();
            workers::nap(if soon { TICK } else { NAP });
            // An engine at rest keeps no garbage.
            parts.domain.flush_idle();
        }
    }
    // A worker ends after what it is at, which may be a slow read.
    parts.workers.stop();
    while !parts.workers.have_stopped() {
        reaper.reap();
        workers::nap(TICK);
    }
    parts.workers.join();
    // Whoever is opening a connection will find the map closed, and retire the manager that it has made. It is pinned:
    // when this is destroyed it has left, and who comes now is turned away first.
    reader.pin().retire(Box::new(LastPin));
    // Its own participant must not hold the epoch back.
    drop(reader);
    let mut reaped = reaper.reap();
    while reaped.pending > 0 {
        workers::nap(TICK);
        reaped = reaper.reap();
    }
    report(&parts)
}

/// Retired when the engine stops, to see when everybody who was inside has left.
struct LastPin;

/// Makes tombstones of the documents of one vbucket whose time has run out, and takes out locks that have.
/// `between` is called after every
/// [`KEYS_AT_ONCE`] keys, with nothing pinned: going through millions of them takes seconds, in which others want to be
/// reclaimed, named and told.
pub(super) fn expire(
    parts: &EngineParts,
    partition: &Partition,
    reader: &mut Reader,
    mut between: impl FnMut(&mut Reader),
) {
    let (now, now_ns) = (parts.clock.unix_seconds(), parts.clock.unix_ns());
    if partition.info(&reader.pin()).state != VbState::Active {
        return;
    }
    let index = Arc::clone(&partition.history(&reader.pin()).index);
    index.in_slices(KEYS_AT_ONCE, |keys| {
        let looked = {
            let pin = reader.pin();
            if !Arc::ptr_eq(&index, &partition.history(&pin).index) {
                // The vbucket has another history now, and our pin does not keep what this index names.
                return ControlFlow::Break(());
            }
            let mut looked = ControlFlow::Continue(());
            for (key, cell) in keys {
                let held = cell.load(&pin);
                if held.lock().is_some_and(|lock| !lock.holds_at(now_ns)) {
                    // Somebody may be first: then there is nothing left to take out, or a new lock.
                    let _ = cell.unlock(held, &pin);
                }
                if held.current().meta().is_some_and(|meta| is_expired(meta, now)) {
                    looked = end(parts, partition, key, now_ns, &pin);
                    if looked.is_break() {
                        break;
                    }
                }
            }
            looked
        };
        between(reader);
        if parts.is_stopping() { ControlFlow::Break(()) } else { looked }
    });
}

/// Makes a tombstone of a document if its time has run out still. Breaks off where none can be made (memory is full,
/// the vbucket is not active): the next look has to do.
fn end(
    parts: &EngineParts,
    partition: &Partition,
    key: &[u8],
    now_ns: u64,
    pin: &Pin<'_>,
) -> ControlFlow<()> {
    let now = parts.clock.unix_seconds();
    let Ok((collection, name)) = CollectionId::split(key) else { return ControlFlow::Continue(()) };
    let key = Key::new(collection, name);
    let written = partition.update(key, now_ns, None, pin, |found| match found {
        Some(found) if is_expired(found.meta, now) => Decision::Write(Change::expire(now)),
        _ => Decision::Refuse(()),
    });
    match written {
        Ok(_) => {
            // O1 Relaxed: a statistic.
            parts.counters.expired.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Continue(())
        }
        Err(UpdateError::Busy | UpdateError::NotActive) => ControlFlow::Break(()),
        Err(_) => ControlFlow::Continue(()),
    }
}

/// Purges tombstones that are old enough, and goes on reclaiming meanwhile.
fn purge(parts: &EngineParts, reader: &mut Reader, reaper: &mut Reaper) {
    let Some(age) = parts.settings.purge_after else { return };
    let bounds = parts.deleted_ago(age);
    for partition in &parts.partitions {
        let mut next = Some(Seqno::ZERO);
        while let Some(after) = next.filter(|_| !parts.is_stopping()) {
            if partition.info(&reader.pin()).held {
                // Its history is about to be another one: the next look has to do.
                break;
            }
            match parts.purge_page(partition, bounds, after, reader) {
                Ok(page) => next = page.more.then_some(page.read_to),
                Err(error) => {
                    parts.workers.report(0, &error);
                    return;
                }
            }
            reaper.reap();
        }
    }
}

/// Whether a document's time has run out.
fn is_expired(meta: &DocMeta, now: u32) -> bool {
    meta.kind.is_alive() && meta.expiry != 0 && meta.expiry <= now
}
