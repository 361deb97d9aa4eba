//! An engine with little memory under writers, while clients stream with small windows and full sinks, close
//! streams, drop whole connections, and go on where they were: every event of every connection is judged, and in
//! the end each client has what was written.

use millstream::engine::{Engine, EngineBuilder, EngineSettings};
use millstream::partition::{Change, Decision, UpdateError};
use millstream::producer::{Control, OpenOptions, Producer, Step};
use millstream::store::MemoryStore;
use millstream::stream::{Event, Refusal, Sink, StreamRequest};
use millstream::testing::oracle::{self, Expected, Range, StreamKey, StreamOracle};
use millstream::types::{Opaque, Seqno, VbId, VbUuid};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const VBUCKETS: u16 = 4;
const KEYS: u64 = 300;
const WRITES: u64 = 40_000;
const CLIENTS: u64 = 2;
/// What each client goes through at the least: the writers go on until all have.
const DOCUMENTS_MIN: u64 = 6_000;
const RECONNECTIONS_MIN: u64 = 2;
/// When the writers give up all the same.
const WRITING_MAX: Duration = Duration::from_secs(60);

/// How far a run is.
struct Run {
    /// Clients that have not gone through enough.
    lacking: AtomicU64,
    /// Nothing more is written.
    done: AtomicBool,
    started: Instant,
}

impl Run {
    fn is_written(&self, writes: u64) -> bool {
        writes >= WRITES
            && (self.lacking.load(Ordering::Acquire) == 0 || self.started.elapsed() > WRITING_MAX)
    }
}

/// A small generator, so that a seed names a run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Where a client is in one vbucket.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    seqno: Seqno,
    snapshot: (Seqno, Seqno),
    uuid: VbUuid,
}

/// A client's end of a connection.
struct Inbox {
    oracle: StreamOracle,
    positions: Vec<Position>,
    room: usize,
    documents: u64,
}

impl Sink for Inbox {
    fn has_room(&self) -> bool {
        self.room > 0
    }

    fn send(&mut self, event: &Event<'_>) {
        self.room -= 1;
        match *event {
            Event::SnapshotMarker { stream, start, end, flags, .. } => {
                let position = &mut self.positions[usize::from(stream.vb.0)];
                position.snapshot = (start, end);
                let marker = oracle::Event::Marker { start, end, flags: flags.0 };
                self.oracle.observe(StreamKey::of(stream.vb), marker);
            }
            Event::Document { stream, meta, key, value } => {
                let seqno = meta.seqno;
                self.positions[usize::from(stream.vb.0)].seqno = seqno;
                self.documents += 1;
                let (cas, flags, kind) = (meta.cas, meta.flags, meta.kind);
                let document = oracle::Event::Document { seqno, key, value, cas, flags, kind };
                self.oracle.observe(StreamKey::of(stream.vb), document);
            }
            Event::StreamEnd { stream, reason } => {
                self.oracle.observe(StreamKey::of(stream.vb), oracle::Event::End { reason });
            }
            _ => {}
        }
    }
}

impl Inbox {
    fn new() -> Self {
        Self {
            oracle: StreamOracle::new().track_contents(),
            positions: vec![Position::default(); usize::from(VBUCKETS)],
            room: 0,
            documents: 0,
        }
    }

    /// Opens a stream where the client is.
    fn open(&mut self, producer: &mut Producer, vb: u16) {
        let position = &mut self.positions[usize::from(vb)];
        let (mut start, mut end) = position.snapshot;
        if position.seqno >= end || position.seqno < start {
            (start, end) = (position.seqno, position.seqno);
        }
        let request = StreamRequest {
            start: position.seqno,
            snap_start: start,
            snap_end: end,
            uuid: position.uuid,
            ..StreamRequest::from_zero()
        };
        let log = loop {
            match producer.stream_request(VbId(vb), Opaque(u32::from(vb)), &request) {
                Ok(log) => break log,
                Err(Refusal::MemoryShort) => std::thread::yield_now(),
                Err(refusal) => panic!("nothing is rolled back here: {refusal}"),
            }
        };
        position.uuid = log[0].uuid;
        let inside =
            (position.seqno > start && position.seqno < end).then_some(Range { start, end });
        let accepted = oracle::Event::Accepted { start: position.seqno, end: Seqno::MAX, inside };
        self.oracle.observe(StreamKey::of(VbId(vb)), accepted);
    }
}

fn connect(engine: &Engine, name: &str, inbox: &mut Inbox, random: &mut Random) -> Producer {
    let mut producer = engine.connect(name, OpenOptions::default()).expect("connects");
    let window = [0, 500, 5_000, 100_000][random.below(4) as usize].to_string();
    for (key, value) in [
        ("connection_buffer_size", window.as_str()),
        ("send_stream_end_on_client_close_stream", "true"),
    ] {
        let control = Control::parse(key.as_bytes(), value.as_bytes()).expect("known");
        producer.control(control).expect("built");
    }
    for vb in 0..VBUCKETS {
        inbox.open(&mut producer, vb);
    }
    producer
}

fn caught_up(engine: &Engine, inbox: &Inbox) -> bool {
    (0..VBUCKETS).all(|vb| {
        let high = engine.vbucket(VbId(vb)).expect("exists").high;
        let position = inbox.positions[usize::from(vb)];
        // The last seqnos may be void.
        position.seqno == position.snapshot.1 && high.0 - position.seqno.0 < 8
    })
}

/// Streams until the writers are done and everything is here; returns the documents, reconnections and cuts.
fn client(engine: &Engine, seed: u64, run: &Run) -> (u64, u64, u64) {
    let mut random = Random(seed * 7_919 + 1);
    let mut inbox = Inbox::new();
    let name = format!("client {seed}");
    let mut producer = connect(engine, &name, &mut inbox, &mut random);
    let (mut reconnected, mut lacks) = (0, true);
    let deadline = run.started + 2 * WRITING_MAX;
    loop {
        inbox.room = random.below(300) as usize;
        let step = producer.step(Instant::now(), &mut inbox);
        assert!(!matches!(step, Step::Gone(_)), "nobody closed it");
        let [.., unacked] = engine
            .connections()
            .iter()
            .filter(|c| c.name == name)
            .map(|c| c.unacked_bytes)
            .collect::<Vec<_>>()[..]
        else {
            panic!("it is connected")
        };
        producer.ack(random.below(2 * unacked + 1).min(unacked));
        match random.below(200) {
            0 => {
                drop(producer);
                inbox.oracle.disconnected();
                producer = connect(engine, &name, &mut inbox, &mut random);
                reconnected += 1;
            }
            1..=3 => close_and_open(&mut producer, &mut inbox, &mut random),
            _ => {}
        }
        if lacks && inbox.documents >= DOCUMENTS_MIN && reconnected >= RECONNECTIONS_MIN {
            lacks = false;
            run.lacking.fetch_sub(1, Ordering::AcqRel);
        }
        if run.done.load(Ordering::Acquire) && caught_up(engine, &inbox) {
            break;
        }
        assert!(Instant::now() < deadline, "it does not catch up: {:?}", inbox.positions);
        if step == Step::Idle {
            let _ = producer.wait(Duration::from_millis(20));
        }
    }
    compare(engine, &mut inbox);
    let report = inbox.oracle.finish().unwrap_or_else(|violations| panic!("{violations}"));
    (inbox.documents, reconnected, report.cuts)
}

/// Closes a stream, waits for its end to be told, opens it again.
fn close_and_open(producer: &mut Producer, inbox: &mut Inbox, random: &mut Random) {
    let vb = random.below(u64::from(VBUCKETS)) as u16;
    let _ = producer.close_stream(VbId(vb), None);
    let streams = producer.streams();
    while producer.streams() == streams {
        producer.ack(u64::MAX);
        inbox.room = 64;
        let _ = producer.step(Instant::now(), inbox);
    }
    inbox.open(producer, vb);
}

fn compare(engine: &Engine, inbox: &mut Inbox) {
    for vb in 0..VBUCKETS {
        let mut session = engine.session("compare");
        let records: Vec<_> = (0..KEYS)
            .filter_map(|key| {
                let key = format!("key {key}");
                let looked = session.look(VbId(vb), key.as_bytes(), |found| {
                    found.map(|f| (*f.meta, f.value.unwrap_or_default().to_vec()))
                });
                match looked {
                    Ok(found) => found.map(|(meta, value)| (key, meta, value)),
                    Err(_) => {
                        let fetched = session.fetch(VbId(vb), key.as_bytes());
                        let record = fetched.expect("readable").expect("it is there");
                        let record = record.record().clone();
                        Some((key, record.meta, record.value.to_vec()))
                    }
                }
            })
            .collect();
        assert!(!records.is_empty(), "something was written to vbucket {vb}");
        let expected = records.iter().map(|(key, meta, value)| {
            let deleted = !meta.kind.is_alive();
            (key.as_bytes(), Expected { value, cas: meta.cas, flags: meta.flags, deleted })
        });
        inbox.oracle.compare(StreamKey::of(VbId(vb)), expected);
    }
}

/// Writes until the run has enough; returns how often, and how many were told to come again.
fn write(engine: &Engine, seed: u64, run: &Run) -> (u64, u64) {
    let mut random = Random(seed * 104_729 + 3);
    let (mut n, mut refused) = (0, 0);
    while !run.is_written(n) {
        n += 1;
        let (vb, key) = (VbId(random.below(u64::from(VBUCKETS)) as u16), random.below(KEYS));
        let (key, delete) = (format!("key {key}"), random.below(5) == 0);
        let value = vec![b'v'; random.below(400) as usize];
        loop {
            let mut session = engine.session("writer");
            let written = session.update(vb, key.as_bytes(), None, |_| -> Decision<'_, ()> {
                Decision::Write(match delete {
                    true => Change::delete(n as u32),
                    false => Change::set(&value[..]),
                })
            });
            match written {
                Ok(_) => break,
                Err(UpdateError::Busy) => {
                    refused += 1;
                    std::thread::yield_now();
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    (n, refused)
}

#[test]
fn what_clients_get_is_what_was_written() {
    let mut settings = EngineSettings::default();
    settings.memory_bytes = 250_000;
    settings.window_items = 4_096;
    settings.backfill_buffer_bytes = 20_000;
    let store = MemoryStore::new(u32::from(VBUCKETS));
    let engine = EngineBuilder::new(store).settings(settings).open().expect("opens");
    let run = Run {
        lacking: AtomicU64::new(CLIENTS),
        done: AtomicBool::new(false),
        started: Instant::now(),
    };
    let (mut documents, mut reconnected, mut cuts) = (0, 0, 0);
    let (mut writes, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|seed| {
                let (engine, run) = (&engine, &run);
                scope.spawn(move || client(engine, seed, run))
            })
            .collect();
        let writers: Vec<_> = (0..2)
            .map(|seed| {
                let (engine, run) = (&engine, &run);
                scope.spawn(move || write(engine, seed, run))
            })
            .collect();
        for writer in writers {
            let (w, r) = writer.join().expect("a writer");
            (writes, refused) = (writes + w, refused + r);
        }
        run.done.store(true, Ordering::Release);
        for client in clients {
            let (d, r, c) = client.join().expect("a client's assertion");
            (documents, reconnected, cuts) = (documents + d, reconnected + r, cuts + c);
        }
    });
    println!(
        "oracle: {writes} writes ({refused} told to come again), {documents} documents to {CLIENTS} clients, \
         {reconnected} reconnections, {cuts} snapshots cut, {:?}",
        run.started.elapsed()
    );
    assert_eq!(run.lacking.into_inner(), 0, "a test that exercises nothing");
    assert!(documents > 10_000 && reconnected > 0, "a test that exercises nothing");
    engine.shutdown();
    let report = engine.quiesce_blocking(Duration::from_secs(30)).expect("nobody is stalled");
    assert!(report.clean && report.held == 0, "{report:?}");
}
