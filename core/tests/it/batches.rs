//! Writes in batches.

use millstream::Engine;
use millstream::partition::{Change, Decision, UpdateError};
use millstream::producer::{OpenOptions, Step};
use millstream::store::MemoryStore;
use millstream::stream::{Event, Sink, StreamRequest};
use millstream::types::{Opaque, VbId};
use std::time::{Duration, Instant};

/// Seqnos of the documents that came.
#[derive(Default)]
struct Seqnos(Vec<u64>);

impl Sink for Seqnos {
    fn has_room(&self) -> bool {
        true
    }

    fn send(&mut self, event: &Event<'_>) {
        if let Event::Document { meta, .. } = event {
            self.0.push(meta.seqno.0);
        }
    }
}

/// The stream sleeps, so that only the end of the batch can wake it; and each vbucket of a batch wakes its own.
#[test]
fn the_end_of_a_batch_wakes_every_stream_that_it_wrote_to() {
    let engine = Engine::open(MemoryStore::new(2)).unwrap();
    let mut producer = engine.connect("batches", OpenOptions::default()).unwrap();
    for vb in 0..2 {
        producer.stream_request(VbId(vb), Opaque(0), &StreamRequest::from_zero()).unwrap();
    }
    let mut seqnos = Seqnos::default();
    assert_eq!(producer.step(Instant::now(), &mut seqnos), Step::Idle);
    let mut session = engine.session("batch");
    let mut batch = session.batch();
    for n in 0..6_u8 {
        let written = batch.update(VbId(n as u16 / 3), &[n], None, |_| -> Decision<'_, ()> {
            Decision::Write(Change::set(&b"value"[..]))
        });
        assert_eq!(written.unwrap().seqno.0, u64::from(n % 3) + 1);
    }
    drop(batch);
    while seqnos.0.len() < 6 {
        assert!(producer.wait(Duration::from_secs(60)), "the stream is woken");
        let _: Step = producer.step(Instant::now(), &mut seqnos);
    }
    assert_eq!(seqnos.0, [1, 2, 3, 1, 2, 3]);
}

#[test]
fn a_write_that_is_refused_leaves_the_others_of_its_batch() {
    let engine = Engine::open(MemoryStore::new(1)).unwrap();
    let mut session = engine.session("batch");
    let mut batch = session.batch();
    let (vb, first) = batch.set(b"a", b"1").unwrap();
    let refused = batch.update(vb, b"a", None, |found| {
        assert_eq!(found.and_then(|found| found.value), Some(&b"1"[..]), "seen at once");
        Decision::Refuse("why")
    });
    assert_eq!(refused, Err(UpdateError::Refused("why")));
    assert!(batch.set(&[], b"a key has a byte at least").is_err());
    let (_, last) = batch.set(b"b", b"2").unwrap();
    drop(batch);
    assert_eq!(last.seqno, first.seqno.next());
    assert_eq!(&session.get(b"a").unwrap().unwrap().value[..], b"1");
    assert_eq!(&session.get(b"b").unwrap().unwrap().value[..], b"2");
}

/// The flusher too hears of a batch at its end.
#[test]
fn a_batch_is_persisted() {
    let engine = Engine::open(MemoryStore::new(1)).unwrap();
    let mut session = engine.session("batch");
    let mut batch = session.batch();
    let mut last = None;
    for n in 0..100_u8 {
        last = Some(batch.set(&[n], b"value").unwrap());
    }
    drop(batch);
    let (vb, written) = last.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(session.persisted(vb, written.seqno)));
}
