//! The engine from the embedder's side, on the memory store.

use super::{Engine, EngineBuilder, EngineSettings};
use crate::error::ErrorKind;
use crate::partition::{Change, Decision, UpdateError};
use crate::producer::{CloseOutcome, Control, Departure, OpenOptions, Producer, Step};
use crate::store::{MemoryStore, Store};
use crate::stream::{Event, Refusal, Sink, SnapshotFlags, StreamRequest};
use crate::types::{DocKind, EndReason, Opaque, Seqno, VbId, VbState};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

mod counting;
mod drawing;
mod ending;
mod memory;
mod purging;
mod streaming;

const LONG: Duration = Duration::from_secs(60);

/// What a test's connection received.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Got {
    Marker(u64, u64, u32),
    Doc(u64, String, String, DocKind),
    End(EndReason),
    Noop,
    System(u64, String),
    Advanced(u64),
}

/// Keeps what it is sent; full after `room` messages.
struct Inbox {
    got: Vec<(u16, Got)>,
    room: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { got: Vec::new(), room: usize::MAX }
    }
}

impl Sink for Inbox {
    fn has_room(&self) -> bool {
        self.got.len() < self.room
    }

    fn send(&mut self, event: &Event<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let got = match event {
            Event::SnapshotMarker { stream, start, end, flags, .. } => {
                (stream.vb.0, Got::Marker(start.0, end.0, flags.0))
            }
            Event::Document { stream, meta, key, value } => {
                (stream.vb.0, Got::Doc(meta.seqno.0, text(key), text(value), meta.kind))
            }
            Event::StreamEnd { stream, reason } => (stream.vb.0, Got::End(*reason)),
            Event::Noop { .. } => (u16::MAX, Got::Noop),
            Event::System { stream, event, .. } => {
                (stream.vb.0, Got::System(event.seqno.0, format!("{:?}", event.change)))
            }
            Event::SeqnoAdvanced { stream, seqno } => (stream.vb.0, Got::Advanced(seqno.0)),
        };
        self.got.push(got);
    }
}

impl Inbox {
    fn docs(&self) -> Vec<u64> {
        self.got
            .iter()
            .filter_map(|(_, got)| match got {
                Got::Doc(seqno, ..) => Some(*seqno),
                _ => None,
            })
            .collect()
    }

    fn ends(&self) -> Vec<EndReason> {
        self.got
            .iter()
            .filter_map(|(_, got)| match got {
                Got::End(reason) => Some(*reason),
                _ => None,
            })
            .collect()
    }
}

fn engine(vbuckets: u32) -> Engine {
    Engine::open(MemoryStore::new(vbuckets)).expect("a memory store opens")
}

fn put(engine: &Engine, vb: u16, key: &str, value: &str) -> Seqno {
    let mut session = engine.session("test");
    let written = session.update(VbId(vb), key.as_bytes(), None, |_| -> Decision<'_, ()> {
        Decision::Write(Change::set(value.as_bytes()))
    });
    written.expect("a plain set").seqno
}

fn connect(engine: &Engine, name: &str) -> Producer {
    engine.connect(name, OpenOptions::default()).expect("a connection")
}

/// Steps until `done`, waiting as a client would.
fn run_until(producer: &mut Producer, inbox: &mut Inbox, done: impl Fn(&Inbox) -> bool) {
    let deadline = Instant::now() + LONG;
    loop {
        let step = producer.step(Instant::now(), inbox);
        if done(inbox) || matches!(step, Step::Gone(_)) {
            return;
        }
        assert!(Instant::now() < deadline, "nothing more came: {:?}", inbox.got.len());
        let _ = producer.wait(Duration::from_secs(5));
    }
}

fn wait_persisted(engine: &Engine, vb: u16, seqno: Seqno) {
    let waker = crate::ready::thread_waker();
    let mut cx = core::task::Context::from_waker(&waker);
    let mut persisted = core::pin::pin!(engine.persisted(VbId(vb), seqno));
    loop {
        if let core::task::Poll::Ready(done) = persisted.as_mut().poll(&mut cx) {
            return assert!(done, "persisted before the engine stopped");
        }
        std::thread::park_timeout(Duration::from_secs(5));
    }
}
