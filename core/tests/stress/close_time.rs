//! The time of `close_all` with a reader that stays pinned, against its time without.

use crate::pinned::{PinnedReader, Word};
use crate::plan::{Figures, median};
use millstream::Engine;
use millstream::engine::{EngineBuilder, EngineSettings};
use millstream::producer::{ConnectionHandle, OpenOptions, Producer};
use millstream::store::MemoryStore;
use millstream::stream::StreamRequest;
use millstream::types::{Opaque, VbId};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Streams of each connection that is closed: one of every vbucket, at their usual number.
const STREAMS: u16 = 1024;
/// Connections that are open before the first of them is closed. While a reader is pinned no memory is used again, so
/// that each connection lies in memory of its own; without one, a connection that is closed as soon as it is open
/// would lie where the last one was, in the closer's cache. With this many, their slots are in no core's own cache
/// either way, and what is compared is `close_all`.
const BATCH: usize = 128;
/// Percent of the time without a pinned reader that `close_all` may take with one.
const RATIO_MAX: u64 = 120;
/// Closes connections, with a reader held for `held` in the middle.
///
/// # Panics
/// When the ratio is above its bar.
pub(crate) fn run(held: Duration) -> Figures {
    let mut settings = EngineSettings::default();
    settings.garbage_max = u64::MAX;
    let engine = EngineBuilder::new(MemoryStore::new(u32::from(STREAMS))).settings(settings).open();
    let engine = engine.expect("it opens");
    // Caches and pools are filled before anything counts.
    close_for(&engine, held / 10, BATCH);
    let mut without = close_for(&engine, held / 2, BATCH);
    let word = Word::default();
    let with = thread::scope(|scope| {
        let reader = PinnedReader::enter(scope, &engine, &word);
        let with = close_for(&engine, held, BATCH);
        assert!(reader.since.elapsed() >= held, "it was inside all the time");
        reader.leave(&word);
        with
    });
    // What has piled up is destroyed first: that is not what is measured here.
    while engine.stats().garbage > 0 {
        thread::yield_now();
    }
    without.extend(close_for(&engine, held / 2, BATCH));
    let reused = median(close_for(&engine, held / 10, 1));
    let closes = (with.len() as u64, without.len() as u64);
    let (with, without) = (median(with), median(without));
    let percent = with * 100 / without.max(1);
    println!(
        "close_all of {STREAMS} streams: {with} ns with a reader pinned, {without} ns without"
    );
    assert!(
        percent <= RATIO_MAX,
        "close_all takes {percent} % of its time while a reader is pinned"
    );
    vec![
        ("pinned for ms", u64::try_from(held.as_millis()).unwrap_or(u64::MAX)),
        ("streams of each connection", u64::from(STREAMS)),
        ("closes with a reader pinned", closes.0),
        ("closes without", closes.1),
        ("ns with a reader pinned (median)", with),
        ("ns without (median)", without),
        ("percent", percent),
        ("ns without, each closed as soon as it is open (median)", reused),
    ]
}

/// Opens connections for that long, so many at a time, each closed by another thread than its owner's: nanoseconds of
/// each `close_all`.
fn close_for(engine: &Engine, time: Duration, batch: usize) -> Vec<u64> {
    let (to_close, handles) = mpsc::sync_channel::<ConnectionHandle>(batch);
    let (closed, times) = mpsc::sync_channel(batch);
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            for handle in handles {
                let closing = Instant::now();
                let ended = handle.close_all();
                let took = closing.elapsed();
                assert_eq!(ended, usize::from(STREAMS));
                closed.send(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)).expect("awaited");
            }
        });
        let mut all = Vec::new();
        while begun.elapsed() < time {
            let producers: Vec<_> = (0..batch).map(|n| opened(engine, n)).collect();
            for producer in &producers {
                to_close.send(producer.handle()).expect("the closer waits for it");
            }
            all.extend(times.iter().take(batch));
        }
        drop(to_close);
        all
    })
}

fn opened(engine: &Engine, n: usize) -> Producer {
    let name = format!("closed {n}");
    let mut producer = engine.connect(&name, OpenOptions::default()).expect("it is open");
    for vb in 0..STREAMS {
        let request = StreamRequest::from_zero();
        producer.stream_request(VbId(vb), Opaque(1), &request).expect("accepted");
    }
    producer
}
