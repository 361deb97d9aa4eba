//! Engines that end while they stream: shut down from several sides, or by the last handle that goes.

use crate::collisions::{Collisions, Deed, Inside, Presence};
use crate::plan::Random;
use crate::store::{Watch, Watcher, watched_store};
use crate::world::{LONG, finish, settle};
use millstream::Engine;
use millstream::partition::{Change, Decision, UpdateError};
use millstream::producer::{Departure, OpenOptions, Producer, Step};
use millstream::store::Store;
use millstream::stream::{Event, Sink, StreamRequest};
use millstream::testing::store::HookedStore;
use millstream::types::{EndReason, Opaque, Seqno, VbId};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// One that is read from memory, one that is written to meanwhile, one that is read from the store.
const VBUCKETS: u16 = 3;
const IN_MEMORY: VbId = VbId(0);
const WRITTEN: VbId = VbId(1);
const STORED: VbId = VbId(2);
/// Documents that are in memory when the streams begin.
const WRITES: u64 = 4;

/// What came of engines that ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ended {
    pub(crate) shut_down: u64,
    pub(crate) let_go: u64,
    /// Documents that were sent before the end.
    pub(crate) documents: u64,
    /// Writes that were taken until the engine ended, each of which is stored.
    pub(crate) writes: u64,
    pub(crate) destroyed: u64,
}

impl Ended {
    /// Ends an engine in each of the two ways.
    pub(crate) fn add_both(&mut self, watch: &Watch, random: &mut Random) {
        for way in [Deed::Shutdown, Deed::LastHandle] {
            let scene = Scene::new(way, watch, random.below(u64::MAX));
            match way {
                Deed::Shutdown => scene.shut_down(self),
                _ => scene.let_go(self),
            }
            settle();
        }
    }
}

/// An engine, and somebody who streams from it.
struct Scene<'a> {
    way: Deed,
    store: Arc<HookedStore<Watcher>>,
    engine: Engine,
    producer: Producer,
    presence: Presence,
    collisions: &'a Collisions,
    random: Random,
}

impl<'a> Scene<'a> {
    fn new(way: Deed, watch: &'a Watch, seed: u64) -> Self {
        let store = Arc::new(watched_store(VBUCKETS, watch.clone()));
        let engine = Engine::open(Arc::clone(&store)).expect("it opens");
        for n in 0..WRITES {
            for vb in [IN_MEMORY, WRITTEN] {
                write(&engine, vb, n).expect("there is room");
            }
        }
        let producer = connect(&engine);
        let (presence, random) = (Presence::default(), Random::new(seed));
        Self { way, store, engine, producer, presence, collisions: &watch.collisions, random }
    }

    /// From two sides, while somebody writes.
    fn shut_down(self, ended: &mut Ended) {
        let Self { way, store, engine, producer, presence, collisions, mut random } = self;
        let (presence, engine) = (&presence, &engine);
        let (documents, written) = thread::scope(|scope| {
            let owner = scope.spawn(move || stream(producer, way, presence, collisions));
            let writer = scope.spawn(|| write_until_refused(engine));
            let _inside = come_in(way, presence, collisions, &mut random);
            scope.spawn(|| engine.shutdown());
            engine.shutdown();
            let documents = owner.join().expect("it did not panic");
            (documents, writer.join().expect("it did not panic"))
        });
        ended.destroyed += finish(engine.clone());
        let stored = store.load(WRITTEN).expect("it has it").high;
        assert!(stored >= written.last, "{stored} is stored, and {} was taken", written.last);
        ended.shut_down += 1;
        ended.writes += written.count;
        ended.documents += documents;
    }

    /// The one handle there is, which nobody outlives but the connection.
    fn let_go(self, ended: &mut Ended) {
        let Self { way, store, engine, producer, presence, collisions, mut random } = self;
        let presence = &presence;
        ended.documents += thread::scope(|scope| {
            let owner = scope.spawn(move || stream(producer, way, presence, collisions));
            let _inside = come_in(way, presence, collisions, &mut random);
            drop(engine);
            owner.join().expect("it did not panic")
        });
        let deadline = Instant::now() + LONG;
        while Arc::strong_count(&store) > 1 {
            assert!(Instant::now() < deadline, "the store is still in use");
            thread::yield_now();
        }
        assert!(store.begin(1).expect("it is closed").clean, "it was not closed in order");
        ended.let_go += 1;
    }
}

/// Comes when the owner is in its step, or is expected any moment.
fn come_in<'a>(
    way: Deed,
    presence: &'a Presence,
    collisions: &Collisions,
    random: &mut Random,
) -> Inside<'a> {
    let inside = presence.enter(way, collisions);
    presence.linger(Deed::Step, 1);
    random.dawdle();
    inside
}

/// A connection with a stream of each vbucket.
fn connect(engine: &Engine) -> Producer {
    let mut producer = engine.connect("streams", OpenOptions::default()).expect("it is open");
    for vb in [IN_MEMORY, WRITTEN, STORED] {
        let high = engine.vbucket(vb).expect("it exists").high;
        let behind = if vb == STORED { high.0 } else { WRITES };
        let after = Seqno(high.0 - behind);
        let request = StreamRequest {
            start: after,
            snap_start: after,
            snap_end: after,
            uuid: engine.failover_log(vb).expect("it exists")[0].uuid,
            ..StreamRequest::from_zero()
        };
        let opened = producer.stream_request(vb, Opaque(u32::from(vb.0)), &request);
        opened.expect("it is accepted");
    }
    producer
}

/// Streams until the engine ends; how many documents came. Who ends it is met in the first step.
fn stream(mut producer: Producer, way: Deed, presence: &Presence, collisions: &Collisions) -> u64 {
    let mut inbox = Inbox { way, presence, collisions, inside: None, has_met: false, documents: 0 };
    loop {
        match producer.step(Instant::now(), &mut inbox) {
            Step::Gone(departure) => {
                assert_eq!(departure, Departure::Closed);
                assert_eq!(producer.handle().close_all(), 0, "a stream lived on");
                return inbox.documents;
            }
            Step::Idle => {
                inbox.inside = None;
                assert!(producer.wait(LONG), "nobody told that the engine ended");
            }
            Step::Full => inbox.inside = None,
        }
    }
}

/// The client's side.
struct Inbox<'a> {
    way: Deed,
    presence: &'a Presence,
    collisions: &'a Collisions,
    inside: Option<Inside<'a>>,
    has_met: bool,
    documents: u64,
}

impl Sink for Inbox<'_> {
    fn has_room(&self) -> bool {
        true
    }

    fn send(&mut self, event: &Event<'_>) {
        if self.inside.is_none() && !self.has_met {
            self.has_met = true;
            self.inside = Some(self.presence.enter(Deed::Step, self.collisions));
            self.presence.linger(self.way, 1);
        }
        match *event {
            Event::Document { .. } => self.documents += 1,
            Event::StreamEnd { stream, reason } => {
                assert_ne!(
                    reason,
                    EndReason::Disconnected,
                    "{stream:?}: nobody is left to be told"
                );
            }
            _ => {}
        }
    }
}

/// What was taken.
struct Written {
    count: u64,
    last: Seqno,
}

fn write_until_refused(engine: &Engine) -> Written {
    let mut written = Written { count: 0, last: Seqno::ZERO };
    loop {
        match write(engine, WRITTEN, written.count) {
            Ok(seqno) => written = Written { count: written.count + 1, last: seqno },
            Err(UpdateError::Busy) if !engine.is_shut_down() => thread::yield_now(),
            Err(UpdateError::Busy | UpdateError::NotActive) => return written,
            Err(error) => panic!("it is neither busy nor over: {error:?}"),
        }
    }
}

fn write(engine: &Engine, vb: VbId, n: u64) -> Result<Seqno, UpdateError<()>> {
    let key = n.to_be_bytes();
    let written = engine
        .session("writer")
        .update(vb, &key, None, |_| Decision::<()>::Write(Change::set(&b"value"[..])));
    written.map(|written| written.seqno)
}
