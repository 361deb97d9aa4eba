//! A connection's owner, against those who close what it opens: the public calls of a whole engine, all of the way
//! down.

use crate::scene::{bare, finish};
use loom::thread;
use millstream::model::Bare;
use millstream::partition::{Change, Decision};
use millstream::producer::{Control, Departure, Producer, Step};
use millstream::stream::{Event, Layout, Sink, StreamRequest};
use millstream::types::{EndReason, Opaque, VbId, VbState};
use millstream_models::Model;
use std::time::Instant;

/// What a client was sent.
#[derive(Default)]
struct Sent {
    ends: Vec<EndReason>,
    documents: usize,
    /// As the window counts them.
    bytes: u64,
}

impl Sink for Sent {
    fn has_room(&self) -> bool {
        true
    }

    fn send(&mut self, event: &Event<'_>) {
        self.bytes += event.counted_bytes(Layout::default());
        match event {
            Event::StreamEnd { reason, .. } => self.ends.push(*reason),
            Event::Document { .. } => self.documents += 1,
            _ => {}
        }
    }
}

fn request(producer: &mut Producer, vb: u16) -> bool {
    let request = StreamRequest::from_zero();
    producer.stream_request(VbId(vb), Opaque(u32::from(vb)), &request).is_ok()
}

/// A stream request and a step against `close_all`; with two closers it is `connection::two_closers_and_a_request`.
#[test]
fn close_vs_request_and_step() {
    let model = Model::new("producer::close_vs_request_and_step", 2).bound(2).floor(8_900);
    model.deep(Some(3), 8_900).check(|| {
        let (bare, mut producer) = bare();
        assert!(request(&mut producer, 0));
        let handle = producer.handle();
        let closing = thread::spawn(move || handle.close_all());
        let opened = 1 + usize::from(request(&mut producer, 1));
        let mut sent = Sent::default();
        let stepped = producer.step(Instant::now(), &mut sent);
        assert!(matches!(stepped, Step::Idle | Step::Gone(Departure::Closed)));
        assert_eq!(closing.join().unwrap(), opened, "every stream ends once");
        assert_eq!(sent.ends, [], "and nobody is told that a connection is gone");
        assert_eq!(producer.step(Instant::now(), &mut sent), Step::Gone(Departure::Closed));
        assert!(!request(&mut producer, 1), "nothing is opened any more");
        finish(bare, producer);
    });
}

/// A vbucket changes its state while a stream on it is requested: the request is refused, or the stream is ended.
#[test]
fn state_change_vs_request() {
    let model = Model::new("producer::state_change_vs_request", 2).bound(2).floor(3_500);
    model.deep(Some(3), 3_500).check(|| {
        let (bare, mut producer) = bare();
        let changing = thread::spawn({
            let engine = bare.engine.clone();
            move || engine.set_vbucket_state(VbId(0), VbState::Dead).expect("changed")
        });
        let opened = request(&mut producer, 0);
        changing.join().unwrap();
        let mut sent = Sent::default();
        assert_eq!(producer.step(Instant::now(), &mut sent), Step::Idle);
        let expected: &[_] = if opened { &[EndReason::StateChanged] } else { &[] };
        assert_eq!(sent.ends, expected, "refused, or ended once");
        finish(bare, producer);
    });
}

/// A document of vbucket 0, written before any thread is there: the map of keys has atomics that loom does not see.
fn write(bare: &Bare) {
    let mut session = bare.engine.session("warm");
    let written = session.update(VbId(0), b"key", None, |_| -> Decision<'_, ()> {
        Decision::Write(Change::set(&b"value"[..]))
    });
    written.expect("written");
}

/// A step that sends, against a closer and a client that acknowledges what it was sent: the document goes out once or not
/// at all, whatever was sent is counted once, and the window is never below nothing (asserted in it).
#[test]
fn close_vs_sending_step() {
    let model = Model::new("producer::close_vs_sending_step", 2).bound(2).floor(4_000);
    model.deep(Some(3), 4_000).check(|| {
        let (bare, mut producer) = bare();
        write(&bare);
        assert!(request(&mut producer, 0));
        let handle = producer.handle();
        let closing = thread::spawn(move || handle.close_all());
        let mut sent = Sent::default();
        let stepped = producer.step(Instant::now(), &mut sent);
        assert!(matches!(stepped, Step::Idle | Step::Gone(Departure::Closed)));
        assert!(sent.documents <= 1 && sent.ends.is_empty());
        assert_eq!(closing.join().unwrap(), 1, "its stream ends once");
        let before = sent.bytes;
        assert_eq!(producer.step(Instant::now(), &mut sent), Step::Gone(Departure::Closed));
        assert_eq!(sent.bytes, before, "nothing follows");
        finish(bare, producer);
    });
}

/// Acknowledgements and a look at the stats, against a closer: each answers, whatever is left of the connection.
#[test]
fn close_vs_ack_and_stats() {
    let model = Model::new("producer::close_vs_ack_and_stats", 3).bound(2).floor(17_000);
    model.deep(Some(3), 17_000).check(|| {
        let (bare, mut producer) = bare();
        producer.control(Control::parse(b"connection_buffer_size", b"8").unwrap()).unwrap();
        write(&bare);
        assert!(request(&mut producer, 0));
        let mut sent = Sent::default();
        assert_eq!(producer.step(Instant::now(), &mut sent), Step::Full, "the marker alone");
        let closing = thread::spawn({
            let handle = producer.handle();
            move || handle.close_all()
        });
        let acking = thread::spawn({
            let (handle, bytes) = (producer.handle(), sent.bytes);
            move || handle.ack(bytes)
        });
        let seen = bare.engine.connections();
        assert_eq!(seen.len(), 1, "until its owner lets go");
        assert!([0, sent.bytes].contains(&seen[0].unacked_bytes), "before or after");
        assert_eq!(closing.join().unwrap(), 1);
        acking.join().unwrap();
        let seen = bare.engine.connections();
        assert_eq!((seen[0].unacked_bytes, seen[0].total_acked_bytes), (0, sent.bytes));
        assert!(seen[0].backfills.is_none());
        finish(bare, producer);
    });
}
