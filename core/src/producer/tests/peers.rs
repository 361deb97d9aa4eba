//! Silent peers, stuck peers, and the window, on a connection whose time the tests decide.

use crate::engine::{Engine, EngineSettings};
use crate::limits::{IDLE_TIMEOUT, NOOP_INTERVAL_DEFAULT, STUCK_TIMEOUT};
use crate::producer::{Control, Departure, OpenOptions, Producer, Step, StuckWatch};
use crate::store::MemoryStore;
use crate::stream::{Event, Sink, StreamRequest};
use crate::types::{Opaque, VbId};
use core::task::{Context, Waker};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Wake;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Inbox {
    noops: Vec<Opaque>,
    others: usize,
    shut: bool,
}

impl Sink for Inbox {
    fn has_room(&self) -> bool {
        !self.shut
    }

    fn send(&mut self, event: &Event<'_>) {
        match event {
            Event::Noop { opaque } => self.noops.push(*opaque),
            _ => self.others += 1,
        }
    }
}

fn engine() -> Engine {
    let settings = EngineSettings { window_items: 1024, ..EngineSettings::default() };
    Engine::builder(MemoryStore::new(2)).settings(settings).open().expect("a memory store opens")
}

fn connect(engine: &Engine, stuck_timeout: Option<Duration>) -> Producer {
    let options = OpenOptions { stuck_timeout, ..OpenOptions::default() };
    engine.connect("peer", options).expect("connects")
}

fn control(producer: &mut Producer, key: &str, value: &str) {
    let control = Control::parse(key.as_bytes(), value.as_bytes()).expect("known");
    producer.control(control).expect("built");
}

fn write(engine: &Engine, documents: u32) {
    let mut session = engine.session("test");
    for n in 0..documents {
        session.set(format!("key-{n}").as_bytes(), b"value").expect("written");
    }
}

fn stream(producer: &mut Producer) {
    for vb in 0..2 {
        let request = StreamRequest::from_zero();
        producer.stream_request(VbId(vb), Opaque(1), &request).expect("accepted");
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_default_times_are_those_of_the_protocol() {
    let times = [NOOP_INTERVAL_DEFAULT, IDLE_TIMEOUT, STUCK_TIMEOUT];
    assert_eq!(times.map(|time| time.as_secs()), [20, 360, 720]);
}

#[test]
fn with_noops_off_silence_is_not_noticed() {
    let engine = engine();
    let mut producer = connect(&engine, None);
    let (mut inbox, start) = (Inbox::default(), Instant::now());
    assert_eq!(producer.deadline(), None);
    assert_eq!(producer.step(start + 100 * IDLE_TIMEOUT, &mut inbox), Step::Idle);
    assert!(inbox.noops.is_empty());
    control(&mut producer, "enable_noop", "true");
    control(&mut producer, "enable_noop", "false");
    assert_eq!(producer.step(start + 200 * IDLE_TIMEOUT, &mut inbox), Step::Idle);
    assert!(inbox.noops.is_empty());
}

#[test]
fn whatever_the_client_sends_proves_that_it_lives() {
    let engine = engine();
    let mut producer = connect(&engine, None);
    control(&mut producer, "enable_noop", "true");
    let (mut inbox, start) = (Inbox::default(), Instant::now());
    for hour in 1..5 {
        let now = start + hour * IDLE_TIMEOUT;
        // The no-op is never answered; the front end says that something came.
        producer.received(now);
        assert_eq!(producer.step(now + IDLE_TIMEOUT, &mut inbox), Step::Idle, "not yet too long");
    }
    assert_eq!(inbox.noops, [Opaque(10_000_001)], "one at a time");
    let late = start + 5 * IDLE_TIMEOUT + SECOND;
    assert_eq!(producer.step(late, &mut inbox), Step::Gone(Departure::Idle));
}

#[test]
fn other_traffic_does_not_put_a_noop_off() {
    let engine = engine();
    let mut producer = connect(&engine, None);
    control(&mut producer, "enable_noop", "true");
    control(&mut producer, "set_noop_interval", "10");
    stream(&mut producer);
    let (mut inbox, start) = (Inbox::default(), Instant::now());
    for second in 1..=35 {
        let now = start + second * SECOND;
        write(&engine, 1);
        producer.received(now);
        let _ = producer.step(now, &mut inbox);
        if let Some(&opaque) = inbox.noops.last() {
            producer.noop_answered(opaque);
        }
    }
    assert_eq!(inbox.noops.len(), 3);
    assert_eq!(inbox.noops.last(), Some(&Opaque(10_000_003)));
    assert!(inbox.others >= 35, "and the stream went on");
}

#[test]
fn a_noop_that_does_not_fit_counts_as_not_sent() {
    let engine = engine();
    let mut producer = connect(&engine, None);
    control(&mut producer, "enable_noop", "true");
    let (mut inbox, start) = (Inbox { shut: true, ..Inbox::default() }, Instant::now());
    for second in 20..25 {
        let _ = producer.step(start + (second + 1) * SECOND, &mut inbox);
    }
    assert!(inbox.noops.is_empty() && !producer.noop.is_pending());
    inbox.shut = false;
    let _ = producer.step(start + 26 * SECOND, &mut inbox);
    assert_eq!((inbox.noops.len(), producer.noop.is_pending()), (1, true));
}

#[test]
fn another_idle_timeout_counts_at_once() {
    let engine = engine();
    let mut producer = connect(&engine, None);
    control(&mut producer, "enable_noop", "true");
    control(&mut producer, "set_noop_interval", "10000");
    let (mut inbox, counter) = (Inbox::default(), Arc::new(Count::default()));
    let before = producer.deadline().expect("it is watched");
    let waker = Waker::from(Arc::clone(&counter));
    assert!(producer.poll_ready(&mut Context::from_waker(&waker)).is_pending());
    engine.set_idle_timeout(SECOND);
    assert_eq!(counter.woken(), 1, "whoever sleeps until the old deadline is told");
    let after = producer.deadline().expect("it is watched");
    assert_eq!(before - after, IDLE_TIMEOUT - SECOND);
    assert_eq!(producer.step(after, &mut inbox), Step::Idle);
    assert_eq!(producer.step(after + SECOND, &mut inbox), Step::Gone(Departure::Idle));
    engine.set_idle_timeout(Duration::MAX);
    assert_eq!(producer.step(after + SECOND, &mut inbox), Step::Idle);
}

#[test]
fn a_client_that_acknowledges_nothing_for_long_is_stuck() {
    let engine = engine();
    write(&engine, 20);
    let mut producer = connect(&engine, Some(STUCK_TIMEOUT));
    control(&mut producer, "connection_buffer_size", "100");
    let (mut inbox, start) = (Inbox::default(), Instant::now());
    assert_eq!(producer.step(start, &mut inbox), Step::Idle);
    assert_eq!(producer.deadline(), None, "the window has room");
    stream(&mut producer);
    assert_eq!(producer.step(start, &mut inbox), Step::Full);
    assert_eq!(producer.deadline(), Some(start + STUCK_TIMEOUT));
    // One byte is enough, though it does not open the window.
    assert_eq!(producer.ack(1), 0);
    let acked = start + STUCK_TIMEOUT - SECOND;
    assert_eq!(producer.step(acked, &mut inbox), Step::Full);
    let before = acked + STUCK_TIMEOUT - SECOND;
    assert_eq!(producer.step(before, &mut inbox), Step::Full);
    assert_eq!(producer.step(acked + STUCK_TIMEOUT, &mut inbox), Step::Gone(Departure::Stuck));
}

#[test]
fn nobody_is_stuck_unless_it_was_asked_for() {
    let engine = engine();
    write(&engine, 20);
    let mut producer = connect(&engine, None);
    control(&mut producer, "connection_buffer_size", "100");
    stream(&mut producer);
    let (mut inbox, start) = (Inbox::default(), Instant::now());
    assert_eq!(producer.step(start, &mut inbox), Step::Full);
    assert_eq!(producer.step(start + 100 * STUCK_TIMEOUT, &mut inbox), Step::Full);
}

#[test]
fn a_window_with_room_is_not_watched() {
    let (mut watch, start) = (StuckWatch::new(Some(SECOND)), Instant::now());
    assert!(!watch.look(true, 7, start));
    assert_eq!(watch.seen(), Some((7, start)));
    assert!(!watch.look(false, 7, start + SECOND), "it opened, by another size for instance");
    assert_eq!((watch.seen(), watch.deadline()), (None, None));
    assert!(!watch.look(true, 7, start + 5 * SECOND), "and is watched anew");
    assert!(!watch.look(true, 7, start + 5 * SECOND + SECOND / 2));
    assert!(watch.look(true, 7, start + 6 * SECOND));
}

/// What becomes ready while the window is full is kept, and does not wake the owner over and over; the acknowledgement
/// that opens the window does.
#[test]
fn a_full_window_wakes_nobody_until_it_opens() {
    let engine = engine();
    write(&engine, 20);
    let mut producer = connect(&engine, None);
    let handle = producer.handle();
    control(&mut producer, "connection_buffer_size", "100");
    stream(&mut producer);
    let (mut inbox, now) = (Inbox::default(), Instant::now());
    assert_eq!(producer.step(now, &mut inbox), Step::Full);
    let counter = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&counter));
    for _ in 0..100 {
        write(&engine, 2);
        assert!(producer.poll_ready(&mut Context::from_waker(&waker)).is_pending());
    }
    assert!(counter.woken() <= 1, "{} wakes", counter.woken());
    let before = counter.woken();
    handle.ack(1);
    assert_eq!(counter.woken(), before, "it is still full");
    handle.ack(1_000_000);
    assert_eq!(counter.woken(), before + 1, "the edge");
    assert!(producer.poll_ready(&mut Context::from_waker(&waker)).is_ready());
    handle.ack(1_000_000);
    assert_eq!(counter.woken(), before + 1, "no edge, nobody is woken");
    let sent = inbox.others;
    assert_eq!(producer.step(now, &mut inbox), Step::Full);
    assert!(inbox.others > sent);
}

#[derive(Default)]
struct Count(AtomicU32);

impl Count {
    fn woken(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
