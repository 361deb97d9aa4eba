//! The time of `close_all` with a reader that stays pinned, against its time without.

use crate::pinned::{PinnedReader, Word};
use crate::plan::{Figures, median};
use millstream::Engine;
use millstream::engine::{EngineBuilder, EngineSettings};
use millstream::partition::{Change, Decision, UpdateError};
use millstream::producer::{ConnectionHandle, OpenOptions, Producer};
use millstream::store::MemoryStore;
use millstream::stream::StreamRequest;
use millstream::types::{Opaque, VbId};
use std::thread;
use std::time::{Duration, Instant};

/// Streams of each connection that is closed: one of every vbucket, at their usual number.
const STREAMS: u16 = 1024;
/// Times that a reader is pinned.
const ROUNDS: usize = 16;
/// Connections that are closed in each of a round's four parts: without a reader, with one, with one, without.
const PART: usize = 32;
/// Writes of a round before its reader is pinned, and again while it is: what these replace piles up.
const WRITES: u32 = 10_000;
/// Percent of the time without a pinned reader that `close_all` may take with one.
const RATIO_MAX: u64 = 120;

/// Closes connections, in each round the middle half of them while a reader is pinned; in the first round it has been
/// pinned for `held` by then.
///
/// A round is over in a few milliseconds, in which the machine is as fast with the reader as without; what it does
/// beside us in one of them is one of the ratios whose median counts.
///
/// # Panics
/// When the ratio is above its bar.
pub(crate) fn run(held: Duration) -> Figures {
    let mut settings = EngineSettings::default();
    settings.garbage_max = u64::MAX;
    let engine = EngineBuilder::new(MemoryStore::new(u32::from(STREAMS))).settings(settings).open();
    let engine = engine.expect("it opens");
    // Caches and pools are filled before anything counts.
    close_each(&(0..4 * PART).map(|n| opened(&engine, n)).collect::<Vec<_>>());
    let rounds: Vec<_> =
        (0..ROUNDS).map(|n| round(&engine, if n == 0 { held } else { Duration::ZERO })).collect();
    let percent = median(rounds.iter().map(Round::percent).collect());
    let with = median(rounds.iter().map(|round| round.with).collect());
    let without = median(rounds.iter().map(|round| round.without).collect());
    println!(
        "close_all of {STREAMS} streams: {with} ns with a reader pinned, {without} ns without; \
         {percent} % is the median of {:?}",
        rounds.iter().map(Round::percent).collect::<Vec<_>>()
    );
    assert!(
        percent <= RATIO_MAX,
        "close_all takes {percent} % of its time while a reader is pinned"
    );
    let closes = (2 * PART * ROUNDS) as u64;
    vec![
        ("pinned for ms", u64::try_from(held.as_millis()).unwrap_or(u64::MAX)),
        ("streams of each connection", u64::from(STREAMS)),
        ("closes with a reader pinned", closes),
        ("closes without", closes),
        ("ns with a reader pinned (median of rounds)", with),
        ("ns without (median of rounds)", without),
        ("percent (median of rounds)", percent),
    ]
}

/// Medians of one round, in nanoseconds of a `close_all`.
struct Round {
    with: u64,
    without: u64,
}

impl Round {
    fn percent(&self) -> u64 {
        self.with * 100 / self.without.max(1)
    }
}

/// One reader, pinned for `held` before anything is closed beside it.
///
/// All connections are opened before: while a reader is pinned no memory is used again, so that a connection that is
/// opened then lies in fresh memory, and one that is opened otherwise where the last one was, in the closer's cache.
fn round(engine: &Engine, held: Duration) -> Round {
    let producers: Vec<_> = (0..4 * PART).map(|n| opened(engine, n)).collect();
    let mut parts = producers.chunks(PART);
    let mut close_part = || close_each(parts.next().expect("there are four"));
    write(engine);
    rest(Instant::now(), held);
    let mut without = close_part();
    let word = Word::default();
    let with = thread::scope(|scope| {
        let reader = PinnedReader::enter(scope, engine, &word);
        write(engine);
        rest(reader.since, held);
        let with = [close_part(), close_part()].concat();
        assert!(engine.stats().garbage > 0, "a reader is pinned and nothing awaits it");
        reader.leave(&word);
        with
    });
    // What has piled up is destroyed first: that is not what is measured here.
    while engine.stats().garbage > 0 {
        thread::yield_now();
    }
    without.extend(close_part());
    Round { with: median(with), without: median(without) }
}

/// Without a reader as long as with one: caches grow cold meanwhile.
fn rest(since: Instant, held: Duration) {
    while let Some(left) = held.checked_sub(since.elapsed()) {
        thread::park_timeout(left);
    }
}

/// Closes each connection, on another thread than its owner's: nanoseconds of each `close_all`.
fn close_each(producers: &[Producer]) -> Vec<u64> {
    let handles: Vec<_> = producers.iter().map(Producer::handle).collect();
    let close = |handle: &ConnectionHandle| {
        let closing = Instant::now();
        let ended = handle.close_all();
        let took = closing.elapsed();
        assert_eq!(ended, usize::from(STREAMS));
        u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
    };
    let closing = || handles.iter().map(close).collect();
    thread::scope(|scope| scope.spawn(closing).join()).expect("the closer did not panic")
}

fn write(engine: &Engine) {
    let mut session = engine.session("writer");
    let mut written = 0;
    while written < WRITES {
        let tried = session.update(VbId(0), b"key", None, |_| -> Decision<'_, ()> {
            Decision::Write(Change::set(&b"value"[..]))
        });
        match tried {
            Ok(_) => written += 1,
            Err(UpdateError::Busy) => thread::yield_now(),
            Err(error) => panic!("{error:?}"),
        }
    }
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
