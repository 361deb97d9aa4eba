//! A whole server without sockets, and what its clients may send.

use super::parse_with_everything;
use super::seeds::Seed;
use crate::engine::{Engine, EngineSettings};
use crate::partition::{Change, Decision};
use crate::server::{Secret, ServerSettings, User};
use crate::store::MemoryStore;
use crate::testing::{Conversation, Offline};
use crate::types::VbId;
use crate::wire::{FrameLimits, FrameReader, Opcode};
use std::cell::RefCell;
use std::time::Duration;
use tokio::runtime::Runtime;

/// An engine with a few documents, and two servers over it: one that lets everybody in, and one that does not.
#[derive(Debug)]
pub struct Served {
    engine: Engine,
    welcoming: Offline,
    guarded: Offline,
    runtime: Runtime,
}

/// A client's connection.
pub struct Talk<'a> {
    served: &'a Served,
    conversation: Conversation,
    heard: Vec<u8>,
    reader: FrameReader,
    open: bool,
    /// Messages that came back.
    pub messages: u64,
}

impl Served {
    /// Vbuckets of the engine.
    pub const VBUCKETS: u32 = 16;

    /// Starts it.
    ///
    /// # Panics
    /// When there is no thread to be had.
    #[must_use]
    pub fn start() -> Self {
        let settings =
            EngineSettings { memory_bytes: 8 << 20, backfill_workers: 1, ..Default::default() };
        let store = MemoryStore::new(Self::VBUCKETS);
        let engine = Engine::builder(store).settings(settings).open().expect("an engine");
        engine.create_collection("_default", "c", 0).expect("a collection");
        let mut session = engine.session("seeds");
        for n in 0..32_u16 {
            let (vb, key) = (VbId(n % 4), format!("key{}", n / 4));
            let key = if n < 4 { "key" } else { &key };
            let written = session.update(vb, key.as_bytes(), None, |_| -> Decision<'_, ()> {
                Decision::Write(Change::set(b"value"))
            });
            written.expect("a plain set");
        }
        drop(session);
        let settings = ServerSettings {
            memory_timeout: Duration::from_millis(20),
            ..ServerSettings::default()
        };
        let users = vec![User::new("user", Secret::new("word"))];
        let guarded = ServerSettings { users, ..settings.clone() };
        let welcoming = Offline::new(engine.clone(), settings).expect("settings");
        let guarded = Offline::new(engine.clone(), guarded).expect("settings");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        Self { engine, welcoming, guarded, runtime: runtime.expect("a runtime") }
    }

    /// A client connects. What it has said already is by the bits of `state`: 1 HELLO, 2 DCP_OPEN, 4 nothing, to the
    /// server that wants a password, 8 controls, 16 a stream.
    #[must_use]
    pub fn connect(&self, state: u8) -> Talk<'_> {
        let server = if state & 4 == 0 { &self.welcoming } else { &self.guarded };
        let mut talk = Talk {
            served: self,
            conversation: server.connect(),
            heard: Vec::new(),
            reader: FrameReader::new(FrameLimits::AFTER_AUTH),
            open: true,
            messages: 0,
        };
        let prelude = prelude(state);
        assert!(prelude.is_empty() || talk.say(&prelude), "what is valid ends no connection");
        talk
    }

    /// The servers, for who connects on their own.
    #[cfg(feature = "client")]
    pub(super) fn offline(&self) -> &Offline {
        &self.welcoming
    }

    /// Where they run.
    #[cfg(feature = "client")]
    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Ends it, and sees that nothing is left behind.
    ///
    /// # Panics
    /// When something is.
    pub fn stop(self) {
        let Self { engine, welcoming, guarded, runtime } = self;
        drop((welcoming, guarded, runtime));
        engine.shutdown();
        let report = engine.quiesce_blocking(Duration::from_secs(60)).expect("nobody stalls");
        assert!(report.clean && report.held == 0, "{report:?}");
    }
}

impl Talk<'_> {
    /// The client sends bytes. Everything that comes back has to make sense. Whether the connection goes on.
    ///
    /// # Panics
    /// When an answer is malformed, or the server panics.
    pub fn say(&mut self, bytes: &[u8]) -> bool {
        if !self.open {
            return false;
        }
        let say = self.conversation.say(bytes, &mut self.heard);
        self.open = self.served.runtime.block_on(say);
        self.reader.feed(&self.heard);
        self.heard.clear();
        while let Some(frame) = self.reader.next_frame().expect("the server makes sense") {
            assert!(parse_with_everything(&frame) > 0, "nobody reads {frame:?}");
            self.messages += 1;
        }
        assert_eq!(self.reader.buffered(), 0, "the last message is whole");
        self.open
    }
}

/// What a client of that state has said.
fn prelude(state: u8) -> Vec<u8> {
    let mut said = Vec::new();
    if state & 4 != 0 {
        return said;
    }
    let mut say = |opcode, extras: &[u8], key: &[u8], value: &[u8]| {
        said.extend(Seed::request(opcode, extras, key, value).bytes());
    };
    if state & 1 != 0 {
        let features = b"\0\x03\0\x04\0\x07\0\x08\0\x0a\0\x0b\0\x10\0\x12\0\x14\0\x1d";
        say(Opcode::HELLO, b"", b"frames", features);
    }
    if state & 2 != 0 {
        say(Opcode::DCP_OPEN, &[0, 0, 0, 0, 0, 0, 0, 1], b"frames", b"");
        if state & 8 != 0 {
            say(Opcode::DCP_CONTROL, b"", b"enable_noop", b"true");
            say(Opcode::DCP_CONTROL, b"", b"connection_buffer_size", b"1000");
        }
        if state & 16 != 0 {
            let mut extras = [0; 48];
            extras[16..24].fill(0xff);
            say(Opcode::DCP_STREAM_REQ, &extras, b"", b"");
        }
    }
    said
}

/// What a client sends: the first byte says in which state its connection is, the rest is sent.
///
/// # Panics
/// See [`Talk::say`].
pub fn kv(bytes: &[u8]) {
    let Some((&state, said)) = bytes.split_first() else { return };
    with_served(|served| {
        served.connect(state).say(said);
    });
}

/// A request for a stream: the first byte says in which state the connection is, the second which vbucket, the next
/// 48 are extras, and the rest is the value.
///
/// # Panics
/// See [`Talk::say`].
pub fn stream_request(bytes: &[u8]) {
    let Some((&[state, vb], rest)) = bytes.split_first_chunk() else { return };
    let (extras, value) = rest.split_at(rest.len().min(48));
    let mut seed = Seed::request(Opcode::DCP_STREAM_REQ, extras, b"", value);
    seed.header.vbucket_or_status = u16::from(vb);
    with_served(|served| {
        served.connect(state & !4 | 2).say(&seed.bytes());
    });
}

thread_local! {
    /// What the functions of this module share, and how often it was used.
    static SERVED: RefCell<Option<(Served, u32)>> = const { RefCell::new(None) };
}

/// A server anew every so often, so that what was written does not pile up.
pub(super) fn with_served<R>(run: impl FnOnce(&Served) -> R) -> R {
    SERVED.with_borrow_mut(|shared| {
        if let Some((served, _)) = shared.take_if(|(_, uses)| *uses >= USES_MAX) {
            served.stop();
        }
        let (served, uses) = shared.get_or_insert_with(|| (Served::start(), 0));
        *uses += 1;
        run(served)
    })
}

const USES_MAX: u32 = 50_000;
