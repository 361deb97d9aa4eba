//! How many records a second does a backfill bring: from the store in memory, from the embedded store with warm and
//! with cold pages, and in what slices?
//!
//! "Streamed" is the whole path: workers scan, the outbox, a producer's step with state check and flow control, a sink
//! that looks at every value; four vbuckets. Its processor time is that of the whole process. "Scanned" is the store's
//! scan alone. Cold is with the files' pages dropped from this machine's cache before each round, and a new engine,
//! whose store has nothing in its own cache.
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::measure::{Bar, Bench, Row, Spent, Stopwatch, Unit, process_cpu};
use benches::workload::{Connection, Documents, Millstream, Received, Streaming};
use bytes::Bytes;
use millstream::store::{
    Batch, Durability, EmbeddedOptions, EmbeddedStore, MemoryStore, Record, SliceBudget, Store,
    VbBatch,
};
use millstream::types::{Cas, DocMeta, Seqno, VbId};
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const VBUCKETS: u16 = 4;
const VALUE_BYTES: usize = 256;

fn main() -> ExitCode {
    Bench::run("backfill", |bench| {
        let each = bench.sized(125_000, 100);
        let memory = MemoryStore::new(VBUCKETS.into());
        fill(&memory, each);
        let slices = bench.sized(vec![65_536, 262_144, 1_048_576, 4_194_304], vec![1_048_576]);
        for &slice in &slices {
            scanned(bench, "store in memory", &memory, each, slice);
        }
        let engine = Millstream::over(memory, 1024);
        streamed(bench, "store in memory", |_| stream(&engine, each));
        drop(engine);

        let folder = tempfile::tempdir().expect("a folder");
        let options = || EmbeddedOptions::new(VBUCKETS.into());
        let open = || EmbeddedStore::open(folder.path(), options()).expect("the store opens");
        fill(&open(), each);
        let store = open();
        store.begin(1024).expect("it begins");
        for &slice in &slices {
            scanned(bench, "embedded, warm", &store, each, slice);
        }
        store.close().expect("it closes");
        drop(store);
        let engine = Millstream::over(open(), 1024);
        streamed(bench, "embedded, warm", |_| stream(&engine, each));
        drop(engine);
        streamed(bench, "embedded, cold", |_| {
            drop_pages(folder.path());
            stream(&Millstream::over(open(), 1024), each)
        });
    })
}

/// So many documents for each vbucket; the run is ended in order.
fn fill(store: &impl Store, each: u64) {
    const BATCH: u64 = 5_000;
    store.begin(1024).expect("it begins");
    let mut documents = Documents::of(VALUE_BYTES);
    for first in (1..=each).step_by(BATCH as usize) {
        let last = (first + BATCH - 1).min(each);
        let mut records = |vb| VbBatch {
            vb,
            records: (first..=last).map(|seqno| record(seqno, documents.nth(seqno))).collect(),
            high: Seqno(last),
            replaced_within: false,
            state: None,
            failover: None,
        };
        let vbs = (0..VBUCKETS).map(|vb| records(VbId(vb))).collect();
        store.commit(&Batch { vbs }, Durability::Buffered).expect("the store takes it");
    }
    store.close().expect("it closes");
}

fn record(seqno: u64, (key, value): (&[u8], &[u8])) -> Record {
    let meta = DocMeta::alive(Seqno(seqno), Cas(seqno));
    // In the default collection, as the engine stores it.
    let key = [&[0][..], key].concat();
    Record { meta, key: key.into(), value: Bytes::copy_from_slice(value) }
}

fn scanned(bench: &mut Bench, what: &str, store: &impl Store, each: u64, slice: usize) {
    let question = format!("scan, {what}, slices of {} KiB", slice / 1024);
    let contest = bench.contest(question).rounds(5, 1).rounds_only().at(
        format!("scan, {what}"),
        "slice",
        slice as f64,
    );
    let rows = contest.contender(Millstream::NAME, |_| scan(store, each, slice)).run();
    rates(bench, &rows, None);
}

fn scan(store: &impl Store, each: u64, slice: usize) -> Spent {
    let budget = SliceBudget { bytes: slice, items: usize::MAX };
    let mut records = Vec::new();
    let mut read = 0;
    let watch = Stopwatch::start();
    for vb in (0..VBUCKETS).map(VbId) {
        let mut scan = store.scan(vb, Seqno(1)..=Seqno::MAX).expect("a scan");
        loop {
            records.clear();
            let more = scan.next(budget, &mut records).expect("a slice").more;
            read += records.len() as u64;
            if !more {
                break;
            }
        }
    }
    assert_eq!(read, each * u64::from(VBUCKETS), "everything is read");
    watch.stop(read)
}

fn streamed(bench: &mut Bench, what: &str, stream: impl FnMut(u64) -> Spent) {
    let question = format!("backfill, streamed, {what}");
    let contest = bench.contest(question).rounds(5, 1).rounds_only();
    let rows = contest.contender(Millstream::NAME, stream).run();
    rates(bench, &rows, (what == "embedded, warm").then_some(2.5));
}

fn stream(engine: &Millstream, each: u64) -> Spent {
    let wanted = each * u64::from(VBUCKETS);
    let mut connection = engine.connect("backfilled");
    for vb in (0..VBUCKETS).map(VbId) {
        connection.open(vb);
    }
    let mut received = Received::default();
    let (started, used) = (Instant::now(), process_cpu());
    while received.documents < wanted {
        if connection.run(&mut received) == 0 {
            let _ = connection.producer.wait(Duration::from_secs(10));
        }
    }
    assert_eq!(received.documents, wanted, "everything is delivered once");
    Spent { cpu: process_cpu() - used, wall: started.elapsed(), ops: wanted }
}

/// The same as a rate by the clock.
fn rates(bench: &mut Bench, rows: &[Row], least: Option<f64>) {
    for row in rows {
        let Some(wall_ns) = row.wall_ns else { continue };
        let question = format!("{}: records in a second", row.question);
        let rate = Row::new(question, &row.who, Unit::MillionsPerSecond, 1000.0 / wall_ns);
        bench.row(least.map_or(rate.clone(), |least| rate.bar(Bar::AtLeast(least))));
    }
}

/// Drops the cached pages of all files of a folder.
fn drop_pages(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            drop_pages(&path);
        } else if let Ok(file) = File::open(&path) {
            // Only clean pages go.
            let _ = file.sync_all();
            #[cfg(target_os = "linux")]
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        }
    }
}
