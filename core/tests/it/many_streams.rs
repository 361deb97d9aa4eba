//! Many streams on one connection: what they cost, and that each of them is found when its vbucket changes.

use crate::allocations::live_bytes_here;
use millstream::engine::Engine;
use millstream::producer::{Control, OpenOptions, Producer, Step};
use millstream::store::MemoryStore;
use millstream::stream::{Event, Sink, StreamRequest};
use millstream::types::{EndReason, Opaque, Sid, VbId, VbState};
use std::collections::HashSet;
use std::time::Instant;

/// Which streams ended.
#[derive(Default)]
struct Ends(HashSet<(VbId, Option<Sid>)>);

impl Sink for Ends {
    fn has_room(&self) -> bool {
        true
    }

    fn send(&mut self, event: &Event<'_>) {
        if let Event::StreamEnd { stream, reason } = event {
            assert_eq!(*reason, EndReason::StateChanged);
            assert!(self.0.insert((stream.vb, stream.sid)), "{stream:?} ended twice");
        }
    }
}

fn producer(engine: &Engine) -> Producer {
    let mut producer = engine.connect("many", OpenOptions::default()).expect("connects");
    producer.control(Control::StreamIds).expect("granted");
    producer
}

fn open(producer: &mut Producer, vb: u16, sid: u16) -> bool {
    let request = StreamRequest { sid: Some(Sid(sid)), ..StreamRequest::from_zero() };
    producer.stream_request(VbId(vb), Opaque(u32::from(sid)), &request).is_ok()
}

fn idle(producer: &mut Producer, ends: &mut Ends) {
    assert_eq!(producer.step(Instant::now(), ends), Step::Idle);
}

/// All the ids that there are, on one vbucket, whose state changes while the last ones are opened.
#[test]
fn every_id_of_a_vbucket_is_ended_by_a_change_of_its_state() {
    const LATE: u16 = 2000;
    let engine = Engine::open(MemoryStore::new(2)).expect("an engine");
    let (mut producer, mut ends) = (producer(&engine), Ends::default());
    assert!(open(&mut producer, 1, 7));
    let early = u16::MAX - LATE;
    assert!((1..=early).all(|sid| open(&mut producer, 0, sid)));
    idle(&mut producer, &mut ends);
    let opened: Vec<u16> = std::thread::scope(|scope| {
        let change = scope.spawn(|| engine.set_vbucket_state(VbId(0), VbState::Dead));
        let late = (early + 1..=u16::MAX).filter(|sid| open(&mut producer, 0, *sid)).collect();
        change.join().expect("a thread").expect("it exists");
        late
    });
    idle(&mut producer, &mut ends);
    let late = opened.len();
    let expected = (1..=early).chain(opened).map(|sid| (VbId(0), Some(Sid(sid))));
    assert_eq!(ends.0, expected.collect(), "{late} were opened meanwhile");
    assert_eq!(producer.streams(), 1, "that of the other vbucket");
    engine.set_vbucket_state(VbId(0), VbState::Active).expect("it exists");
    assert!((1..=early).all(|sid| open(&mut producer, 0, sid)), "their slots are used again");
}

#[test]
fn an_idle_stream_takes_little_memory() {
    const VBUCKETS: u16 = 256;
    const SIDS: u16 = 64;
    let engine = Engine::open(MemoryStore::new(u32::from(VBUCKETS))).expect("an engine");
    let (mut producer, mut ends) = (producer(&engine), Ends::default());
    let before = live_bytes_here();
    for sid in 1..=SIDS {
        assert!((0..VBUCKETS).all(|vb| open(&mut producer, vb, sid)));
    }
    idle(&mut producer, &mut ends);
    let each = (live_bytes_here() - before) / (i64::from(VBUCKETS) * i64::from(SIDS));
    println!("an idle stream takes {each} bytes");
    assert!(each <= 512, "an idle stream takes {each} bytes");
}
