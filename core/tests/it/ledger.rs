//! Random sends, acknowledgements, retries, window sizes, closes and requests over a connection's own step, against a
//! ledger that knows nothing of it. `MILLSTREAM_LEDGER` says how many operations.

use millstream::engine::{Engine, EngineSettings, Session};
use millstream::partition::{Change, Decision, UpdateError};
use millstream::producer::{CloseOutcome, ConnectionHandle, Control, OpenOptions, Producer, Step};
use millstream::store::MemoryStore;
use millstream::stream::{Event, Sink, StreamRequest};
use millstream::types::{DocKind, EndReason, Opaque, Seqno, VbId};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Operations of a plain run; a million in a lane of their own.
const OPERATIONS: u64 = 60_000;
/// Operations of one connection.
const OPERATIONS_OF_A_CONNECTION: u64 = 20_000;
const VBUCKETS: u16 = 6;
/// What fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What should be outstanding, by addition and subtraction.
#[derive(Debug, Default)]
struct Ledger {
    /// The size of the window; 0: off.
    max: u64,
    outstanding: u64,
    /// All that was ever counted.
    counted: u64,
    messages: u64,
}

impl Ledger {
    fn is_open(&self) -> bool {
        self.max == 0 || self.outstanding < self.max
    }

    fn count(&mut self, bytes: u64) {
        assert!(self.is_open(), "sent although the window is shut: {self:?}");
        self.counted += bytes;
        self.messages += 1;
        if self.max > 0 {
            self.outstanding += bytes;
        }
        assert!(self.max == 0 || self.outstanding < self.max + bytes, "{self:?}");
    }

    fn ack(&mut self, bytes: u64) {
        self.outstanding = self.outstanding.saturating_sub(bytes);
    }

    fn resize(&mut self, max: u64) {
        if self.max == 0 || max == 0 {
            self.outstanding = 0;
        }
        self.max = max;
    }
}

/// What a stream has shown.
#[derive(Debug)]
struct Shown {
    vb: u16,
    seqno: u64,
    closed: bool,
}

/// Where messages go: there is room for a few at a time.
struct Inbox {
    room: u32,
    refused: std::cell::Cell<u64>,
    ledger: Ledger,
    streams: HashMap<u32, Shown>,
    noops: Vec<Opaque>,
}

impl Sink for Inbox {
    fn has_room(&self) -> bool {
        if self.room == 0 {
            self.refused.set(self.refused.get() + 1);
        }
        self.room > 0
    }

    fn send(&mut self, event: &Event<'_>) {
        assert!(self.room > 0, "it asked for room before");
        self.room -= 1;
        // By the layouts of the protocol: header, extras, key, value.
        let bytes = match event {
            Event::Noop { opaque } => return self.noops.push(*opaque),
            Event::SnapshotMarker { .. } => 24 + 20,
            Event::StreamEnd { .. } => 24 + 4,
            Event::Document { meta, key, value, .. } => {
                let extras = if meta.kind == DocKind::Alive { 31 } else { 18 };
                24 + extras + key.len() + value.len()
            }
            other => panic!("nobody asked for {other:?}"),
        };
        self.ledger.count(bytes as u64);
        match event {
            Event::Document { stream, meta, .. } => {
                let shown = self.streams.get_mut(&stream.opaque.0).expect("a stream that is open");
                assert!(meta.seqno.0 > shown.seqno, "{} twice: {shown:?}", meta.seqno);
                shown.seqno = meta.seqno.0;
            }
            Event::StreamEnd { stream, reason } => {
                let ended = self.streams.remove(&stream.opaque.0).expect("an end that was owed");
                assert!(ended.closed && *reason == EndReason::Closed, "{ended:?}: {reason:?}");
            }
            _ => {}
        }
    }
}

/// A small generator of numbers, the same on each run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

struct Scene<'e> {
    engine: &'e Engine,
    session: Session<'e>,
    producer: Producer,
    /// Acknowledgements come from here: another end of the connection.
    handle: ConnectionHandle,
    inbox: Inbox,
    random: Random,
    now: Instant,
    high: [u64; VBUCKETS as usize],
    /// The opaque of the live stream of each vbucket.
    live: [Option<u32>; VBUCKETS as usize],
    next_opaque: u32,
    tells_ends: bool,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    writes: u64,
    busy: u64,
    steps: u64,
    acks: u64,
    over_acks: u64,
    resizes: u64,
    opened: u64,
    closed: u64,
    reopened_at_once: u64,
    retries: u64,
    waits: u64,
    noops: u64,
    messages: u64,
}

#[test]
fn a_ledger_agrees_with_every_step() {
    let asked = std::env::var("MILLSTREAM_LEDGER").ok();
    let operations = asked.map_or(OPERATIONS, |n| n.parse().expect("a number of operations"));
    let (mut left, mut counts, mut done) = (operations, Counts::default(), 0);
    while left > 0 {
        let now = left.min(OPERATIONS_OF_A_CONNECTION);
        left -= now;
        let mut settings = EngineSettings::default();
        // Of some connections the streams often have to go back to the store.
        settings.window_items = if left.is_multiple_of(60_000) { 64 } else { 0 };
        let store = MemoryStore::new(VBUCKETS.into());
        let engine = Engine::builder(store).settings(settings).open().expect("an engine");
        let mut scene = Scene::new(&engine, left);
        for _ in 0..now {
            scene.operation();
            scene.compare();
            done += 1;
        }
        scene.drain();
        counts.add(scene);
        engine.shutdown();
        let report = engine.quiesce_blocking(PATIENCE).expect("nobody stalls");
        assert!(report.clean && report.held == 0, "{report:?}");
    }
    println!("{counts:?}");
    println!("ledger: {done}");
    assert_eq!(done, operations);
    let Counts { retries, resizes, over_acks, reopened_at_once, waits, noops, .. } = counts;
    for (happened, what) in [
        (retries, "retries"),
        (resizes, "resizes"),
        (over_acks, "too large acknowledgements"),
        (reopened_at_once, "streams that were asked for right behind their close"),
        (waits, "waits for the store"),
        (noops, "no-ops"),
    ] {
        assert!(happened > operations / 10_000, "{happened} {what}: {counts:?}");
    }
    assert!(counts.messages > operations / 2, "{counts:?}");
}

impl<'e> Scene<'e> {
    fn new(engine: &'e Engine, seed: u64) -> Self {
        let producer = engine.connect("ledger", OpenOptions::default()).expect("a connection");
        let inbox = Inbox {
            room: 0,
            refused: 0.into(),
            ledger: Ledger::default(),
            streams: HashMap::new(),
            noops: Vec::new(),
        };
        let mut scene = Self {
            engine,
            session: engine.session("ledger"),
            handle: producer.handle(),
            producer,
            inbox,
            random: Random(seed),
            now: Instant::now(),
            high: [0; VBUCKETS as usize],
            live: [None; VBUCKETS as usize],
            next_opaque: 1,
            tells_ends: seed.is_multiple_of(40_000),
            counts: Counts::default(),
        };
        if scene.tells_ends {
            scene.control(Control::StreamEndOnClientClose(true));
        }
        scene.control(Control::Noop(true));
        scene
    }

    fn control(&mut self, control: Control) {
        self.producer.control(control).expect("a control that is granted");
    }

    fn operation(&mut self) {
        match self.random.below(16) {
            0..6 => self.write(),
            6..10 => self.step(),
            10..13 => self.ack(),
            13 => self.resize(),
            14 => self.open_or_close(),
            _ => self.pass_time(),
        }
    }

    fn write(&mut self) {
        let vb = self.random.below(VBUCKETS.into()) as u16;
        let key = format!("key {}", self.random.below(100));
        let value = vec![b'v'; self.random.below(80) as usize];
        let deletes = self.random.below(5) == 0;
        let written =
            self.session.update(VbId(vb), key.as_bytes(), None, |_| -> Decision<'_, ()> {
                Decision::Write(if deletes { Change::delete(0) } else { Change::set(&value[..]) })
            });
        match written {
            Ok(written) => self.high[usize::from(vb)] = written.seqno.0,
            // A small log that waits for its commit.
            Err(UpdateError::Busy) => self.counts.busy += 1,
            Err(other) => panic!("{other:?}"),
        }
        self.counts.writes += 1;
    }

    /// One step into a sink that has room for a few messages, or for none.
    fn step(&mut self) {
        self.inbox.room = match self.random.below(4) {
            0 => 0,
            1 => self.random.below(4) as u32,
            _ => self.random.below(60) as u32,
        };
        self.counts.steps += 1;
        let step = self.producer.step(self.now, &mut self.inbox);
        let stopped = self.inbox.room == 0 || !self.inbox.ledger.is_open();
        match step {
            Step::Full => assert!(stopped, "it stopped though there was room and the window open"),
            Step::Idle if stopped => {}
            // There was room, and the window is open: whatever is left comes from the store.
            Step::Idle => self.is_not_stuck(),
            Step::Gone(why) => panic!("gone: {why:?}"),
        }
    }

    /// Whether every stream has shown all there is, or will be woken for the rest.
    fn is_not_stuck(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while let Some(behind) = self.behind() {
            assert!(self.producer.wait(PATIENCE), "nobody wakes it: {behind}");
            self.counts.waits += 1;
            self.inbox.room = self.inbox.room.max(10);
            let before = self.inbox.ledger.messages;
            let _ = self.producer.step(self.now, &mut self.inbox);
            if !self.inbox.ledger.is_open() || self.inbox.room == 0 {
                return;
            }
            let stuck = self.inbox.ledger.messages == before && Instant::now() > deadline;
            assert!(!stuck, "woken and nothing sent: {behind}");
        }
        let owed = self.inbox.streams.values().filter(|shown| shown.closed).count();
        assert_eq!(owed, 0, "an end was not told although there was room");
    }

    /// A live stream that has not shown everything.
    fn behind(&self) -> Option<String> {
        self.live.iter().zip(self.high).find_map(|(live, high)| {
            let shown = self.inbox.streams.get(&(*live)?)?;
            (shown.seqno < high).then(|| format!("vbucket {}: {shown:?} of {high}", shown.vb))
        })
    }

    fn ack(&mut self) {
        let outstanding = self.inbox.ledger.outstanding;
        let over = self.random.below(50) == 0;
        let bytes = if over { outstanding + 1 } else { self.random.below(outstanding + 1) };
        self.handle.ack(bytes);
        self.inbox.ledger.ack(bytes);
        self.counts.acks += 1;
        self.counts.over_acks += u64::from(over && self.inbox.ledger.max > 0);
    }

    fn resize(&mut self) {
        let max = match self.random.below(6) {
            0 => 0,
            1 => 1 + self.random.below(60),
            _ => 1 + self.random.below(3000),
        };
        self.control(Control::ConnectionBufferSize(max as u32));
        self.inbox.ledger.resize(max);
        self.counts.resizes += 1;
    }

    fn open_or_close(&mut self) {
        let vb = self.random.below(VBUCKETS.into()) as u16;
        if let Some(opaque) = self.live[usize::from(vb)].take() {
            assert_eq!(self.producer.close_stream(VbId(vb), None), CloseOutcome::Closed);
            self.counts.closed += 1;
            if self.tells_ends {
                self.inbox.streams.get_mut(&opaque).expect("it was open").closed = true;
            } else {
                self.inbox.streams.remove(&opaque);
            }
            if self.random.below(2) == 0 {
                return;
            }
            self.counts.reopened_at_once += 1;
        }
        self.open(vb);
    }

    fn open(&mut self, vb: u16) {
        let opaque = self.next_opaque;
        self.next_opaque += 1;
        let mut request = StreamRequest::from_zero();
        // From the beginning, which may be in the store only; or from anywhere.
        if self.random.below(3) > 0 {
            let start = Seqno(self.random.below(self.high[usize::from(vb)] + 1));
            let log = self.engine.failover_log(VbId(vb)).expect("a vbucket");
            (request.start, request.snap_start, request.snap_end) = (start, start, start);
            request.uuid = log[0].uuid;
        }
        let shown = Shown { vb, seqno: request.start.0, closed: false };
        self.producer.stream_request(VbId(vb), Opaque(opaque), &request).expect("accepted");
        self.inbox.streams.insert(opaque, shown);
        self.live[usize::from(vb)] = Some(opaque);
        self.counts.opened += 1;
    }

    /// Time goes on, and the client says that it lives.
    fn pass_time(&mut self) {
        self.now += Duration::from_secs(7);
        self.producer.received(self.now);
        for opaque in std::mem::take(&mut self.inbox.noops) {
            assert!(self.producer.noop_answered(opaque), "the one that is due");
            self.counts.noops += 1;
        }
    }

    fn compare(&mut self) {
        let connections = self.engine.connections();
        let [connection] = &connections[..] else { panic!("one connection: {connections:?}") };
        let ledger = &self.inbox.ledger;
        assert_eq!(connection.unacked_bytes, ledger.outstanding, "{ledger:?}");
        assert_eq!(connection.max_buffer_bytes, ledger.max);
        assert_eq!(connection.bytes_sent, ledger.counted, "a message was counted twice or not");
    }

    /// With the window off and room for all, everything comes.
    fn drain(&mut self) {
        self.control(Control::ConnectionBufferSize(0));
        self.inbox.ledger.resize(0);
        self.inbox.room = u32::MAX;
        let _ = self.producer.step(self.now, &mut self.inbox);
        self.is_not_stuck();
        assert_eq!(self.behind(), None);
    }
}

impl Counts {
    fn add(&mut self, scene: Scene<'_>) {
        let Self { writes, steps, acks, over_acks, resizes, opened, closed, .. } = scene.counts;
        self.writes += writes;
        self.busy += scene.counts.busy;
        self.steps += steps;
        self.acks += acks;
        self.over_acks += over_acks;
        self.resizes += resizes;
        self.opened += opened;
        self.closed += closed;
        self.reopened_at_once += scene.counts.reopened_at_once;
        self.waits += scene.counts.waits;
        self.noops += scene.counts.noops;
        self.retries += scene.inbox.refused.get();
        self.messages += scene.inbox.ledger.messages;
    }
}
