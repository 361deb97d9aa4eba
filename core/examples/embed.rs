//! Millstream inside a program, without server or runtime: two threads write, a third streams, a fourth closes.
//! Run it with `cargo run --example embed`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example says what it saw")]

use millstream::engine::{Engine, EngineBuilder};
use millstream::producer::{OpenOptions, Step};
use millstream::store::{EmbeddedOptions, EmbeddedStore};
use millstream::stream::{Event, Sink, StreamRequest};
use millstream::types::{Opaque, VbId};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Counter {
    documents: u64,
    markers: u64,
}

impl Sink for Counter {
    fn has_room(&self) -> bool {
        true
    }

    fn send(&mut self, event: &Event<'_>) {
        match event {
            Event::Document { key, value, .. } => {
                assert!(key.starts_with(b"key-") && !value.is_empty(), "borrowed from the log");
                self.documents += 1;
            }
            Event::SnapshotMarker { .. } => self.markers += 1,
            _ => {}
        }
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("millstream-embed-{}", std::process::id()));
    let store = EmbeddedStore::open(&folder, EmbeddedOptions::new(16))?;
    let engine: Engine = EngineBuilder::new(store).open()?;
    let mut producer = engine.connect("embed", OpenOptions::default())?;
    for vb in 0..16 {
        producer.stream_request(VbId(vb), Opaque(vb.into()), &StreamRequest::from_zero())?;
    }
    let (handle, seen) = (producer.handle(), AtomicU64::new(0));
    thread::scope(|scope| {
        for writer in 0..2 {
            let mut session = engine.session("writer");
            scope.spawn(move || {
                for n in 0..50_000_u32 {
                    let (key, value) = (format!("key-{writer}-{n}"), format!("value {n}"));
                    session.set(key.as_bytes(), value.as_bytes()).expect("memory is not full");
                }
            });
        }
        scope.spawn(|| {
            let mut sink = Counter::default();
            while !matches!(producer.step(Instant::now(), &mut sink), Step::Gone(_)) {
                seen.store(sink.documents, Ordering::Relaxed);
                let _ = producer.wait(Duration::from_secs(1));
            }
            println!("streamed {} documents in {} snapshots", sink.documents, sink.markers);
        });
        scope.spawn(|| {
            while seen.load(Ordering::Relaxed) < 20_000 {
                thread::yield_now();
            }
            println!("closed {} streams while they ran", handle.close_all());
        });
    });
    drop(producer);
    engine.shutdown();
    let report = engine.quiesce_blocking(Duration::from_secs(60)).expect("nobody is stalled");
    assert!(report.clean, "what was written is persisted, and nothing is left behind");
    println!("everything ended; {} retired values were destroyed", report.destroyed);
    drop(engine);
    Ok(std::fs::remove_dir_all(folder)?)
}
