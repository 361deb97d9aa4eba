//! A connection's owner, against those who close what it opens: the public calls of a whole engine, all of the way
//! down.

use crate::scene::{bare, finish};
use loom::thread;
use millstream::producer::{Departure, Producer, Step};
use millstream::stream::{Event, Sink, StreamRequest};
use millstream::types::{EndReason, Opaque, VbId, VbState};
use millstream_models::Model;
use std::time::Instant;

/// Counts the ends of streams.
#[derive(Default)]
struct Ends(Vec<EndReason>);

impl Sink for Ends {
    fn has_room(&self) -> bool {
        true
    }

    fn send(&mut self, event: &Event<'_>) {
        if let Event::StreamEnd { reason, .. } = event {
            self.0.push(*reason);
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
    let model = Model::new("producer::close_vs_request_and_step", 2).bound(1).floor(290);
    model.deep(Some(2), 290).check(|| {
        let (bare, mut producer) = bare();
        assert!(request(&mut producer, 0));
        let handle = producer.handle();
        let closing = thread::spawn(move || handle.close_all());
        let opened = 1 + usize::from(request(&mut producer, 1));
        let mut ends = Ends::default();
        let stepped = producer.step(Instant::now(), &mut ends);
        assert!(matches!(stepped, Step::Idle | Step::Gone(Departure::Closed)));
        assert_eq!(closing.join().unwrap(), opened, "every stream ends once");
        assert_eq!(ends.0, [], "and nobody is told that a connection is gone");
        assert_eq!(producer.step(Instant::now(), &mut ends), Step::Gone(Departure::Closed));
        assert!(!request(&mut producer, 1), "nothing is opened any more");
        finish(bare, producer);
    });
}

/// A vbucket changes its state while a stream on it is requested: the request is refused, or the stream is ended.
#[test]
fn state_change_vs_request() {
    let model = Model::new("producer::state_change_vs_request", 2).bound(1).floor(42);
    model.deep(Some(2), 42).check(|| {
        let (bare, mut producer) = bare();
        let changing = thread::spawn({
            let engine = bare.engine.clone();
            move || engine.set_vbucket_state(VbId(0), VbState::Dead).expect("changed")
        });
        let opened = request(&mut producer, 0);
        changing.join().unwrap();
        let mut ends = Ends::default();
        assert_eq!(producer.step(Instant::now(), &mut ends), Step::Idle);
        let expected: &[_] = if opened { &[EndReason::StateChanged] } else { &[] };
        assert_eq!(ends.0, expected, "refused, or ended once");
        finish(bare, producer);
    });
}
