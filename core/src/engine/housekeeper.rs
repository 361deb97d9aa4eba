//! The thread that reclaims: it runs every destructor of what was retired, looks for expired documents, has vbuckets
//! catch up with the manifest, and sees the engine out.

use super::catch_up::CatchUp;
use super::guarded::guarded;
use super::parts::EngineParts;
use super::shutdown::ShutdownReport;
use crate::collections::Key;
use crate::index::Current;
use crate::partition::{Change, Decision, Partition};
use crate::ready::thread_waker;
use crate::types::{CollectionId, DocKind};
use core::ops::ControlFlow;
use millstream_reclaim::sync::atomic::Ordering;
use millstream_reclaim::sync::{Arc, workers};
use millstream_reclaim::{Reader, Reaper};
use std::time::Duration;

/// Between two looks while something waits for reclamation.
const TICK: Duration = Duration::from_millis(5);
/// Between two looks while nothing does.
const NAP: Duration = Duration::from_millis(50);
/// Expired documents of one vbucket that are taken in one go.
const EXPIRE_AT_ONCE: usize = 1024;

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
    let mut catch_up = CatchUp::default();
    let waker = thread_waker();
    while !parts.is_stopped() {
        let reaped = reaper.reap();
        if workers::now() >= expire_at && !parts.is_stopping() {
            for partition in &parts.partitions {
                while expire(&parts, partition, &mut reader) && !parts.is_stopping() {
                    reaper.reap();
                }
            }
            expire_at = workers::now() + parts.settings.expiry_interval;
        }
        catch_up.run(&parts, &mut reader);
        if reaped.destroyed > 0 {
            // There may be more behind what one look destroys.
            continue;
        }
        parts.behind.register(&waker);
        if !parts.behind.any() {
            let soon = reaped.pending > 0 || catch_up.is_pending();
            workers::nap(if soon { TICK } else { NAP });
        }
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

/// Makes tombstones of documents of one vbucket whose time has run out, [`EXPIRE_AT_ONCE`] at most; whether there are
/// more of them.
fn expire(parts: &EngineParts, partition: &Partition, reader: &mut Reader) -> bool {
    let (now, now_ns) = (parts.clock.unix_seconds(), parts.clock.unix_ns());
    let mut expired: Vec<Box<[u8]>> = Vec::new();
    let pin = reader.pin();
    partition.history(&pin).index.for_each(&pin, |key, current| {
        let over = matches!(current, Current::Warm(_) | Current::Cold(_))
            && current.meta().is_some_and(|meta| is_expired(meta.kind, meta.expiry, now));
        if over {
            expired.push(key.into());
        }
        if expired.len() < EXPIRE_AT_ONCE {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    let mut made = 0;
    for key in &expired {
        let Ok((collection, name)) = CollectionId::split(key) else { continue };
        let key = Key::new(collection, name);
        let written = partition.update(key, now_ns, None, &pin, |found| match found {
            Some(found) if is_expired(found.meta.kind, found.meta.expiry, now) => {
                Decision::Write(Change::expire(now))
            }
            _ => Decision::Refuse(()),
        });
        if written.is_ok() {
            // O1 Relaxed: a statistic.
            parts.counters.expired.fetch_add(1, Ordering::Relaxed);
            made += 1;
        }
    }
    // Where none could be made (memory is full, the vbucket is not active) the next look has to do.
    expired.len() == EXPIRE_AT_ONCE && made > 0
}

/// Whether a document's time has run out.
fn is_expired(kind: DocKind, expiry: u32, now: u32) -> bool {
    kind.is_alive() && expiry != 0 && expiry <= now
}
