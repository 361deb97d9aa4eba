//! Everybody who is not a client: those who close, those who write, those who look.

use super::client::Client;
use super::dice::{below, one_in};
use super::seen;
use super::store::{GOAL, VBUCKETS};
use millstream::engine::Session;
use millstream::partition::{Change, Decision};
use millstream::producer::{ConnectionHandle, OpenOptions};
use millstream::store::{MemoryStore, Store};
use millstream::types::{Seqno, VbId, VbState};
use millstream::{Engine, ErrorKind};
use std::time::Duration;

/// Things that one closer does.
const DEEDS: u64 = 2;

/// A write that was accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    vb: VbId,
    /// As the store has it.
    key: Vec<u8>,
    seqno: Seqno,
}

impl Accepted {
    /// Whether the store has it, or what replaced it.
    pub(crate) fn is_stored(&self, store: &MemoryStore) -> bool {
        let newest = store.get(self.vb, &self.key).expect("it is there to be read");
        newest.is_some_and(|record| record.meta.seqno >= self.seqno)
    }
}

/// Closes something, in one of the ways that there are, and again. The writes that it made on the way.
pub(crate) fn close(engine: &Engine, handles: &[ConnectionHandle]) -> Vec<Accepted> {
    let mut accepted = Vec::new();
    for _ in 0..DEEDS {
        let handle = &handles[below(handles.len() as u64) as usize];
        match below(8) {
            0..=2 => {
                match handle.close_all() {
                    0 => seen::LATE.add(),
                    _ => seen::SHARED.add(),
                }
                assert!(handle.is_closed());
            }
            3 => replace(engine, handle),
            4 => accepted.extend(change(engine)),
            5 => {
                seen::SHUTDOWNS.add();
                engine.shutdown();
            }
            _ => handle.ack(below(100)),
        }
    }
    accepted
}

/// A vbucket stops being active, and may come back and be written to, unless the engine has been shut down.
fn change(engine: &Engine) -> Option<Accepted> {
    let vb = VbId(below(u64::from(VBUCKETS)) as u16);
    seen::CHANGES.add();
    let set = |state| match engine.set_vbucket_state(vb, state) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
            seen::CHANGES_LATE.add();
            false
        }
    };
    if set(VbState::Replica) && one_in(2) && set(VbState::Active) {
        return update(&mut engine.session("closer"), vb);
    }
    None
}

/// A namesake opens a connection, and streams for as long as nobody else comes.
fn replace(engine: &Engine, handle: &ConnectionHandle) {
    let Ok(producer) = engine.connect(handle.name(), OpenOptions::default()) else {
        return;
    };
    assert!(handle.is_closed(), "the older one is closed before the newer one is there");
    let newer = producer.handle();
    seen::NAMESAKES.add();
    let client = Client::new(producer, false);
    if one_in(2) {
        newer.close_all();
        client.run();
    }
}

/// Writes a few documents, and waits until the last is persisted.
pub(crate) fn write(engine: &Engine) -> Vec<Accepted> {
    let mut accepted = Vec::new();
    let mut session = engine.session("writer");
    for _ in 0..2 + below(3) {
        let vb = VbId(below(u64::from(VBUCKETS)) as u16);
        accepted.extend(update(&mut session, vb));
    }
    let persisted = accepted.last().map(|last| session.persisted(last.vb, last.seqno));
    drop(session);
    if let Some(persisted) = persisted {
        assert!(shuttle::future::block_on(persisted), "the engine ended without it");
    }
    accepted
}

/// A document, or its end; `None` if it was refused.
fn update(session: &mut Session<'_>, vb: VbId) -> Option<Accepted> {
    let key = [b'k', b'0' + below(2) as u8];
    let written = session.update(vb, &key, None, |_| -> Decision<'_, ()> {
        match one_in(4) {
            true => Decision::Write(Change::delete(1)),
            false => Decision::Write(Change::set(below(9).to_be_bytes().to_vec())),
        }
    });
    // A refusal is an answer: the vbucket is a replica, or the engine has stopped.
    let seqno = written.ok()?.seqno;
    seen::WRITES.add();
    Some(Accepted { vb, key: [&[0], &key[..]].concat(), seqno })
}

/// Writes until everything is there that is to be streamed, each key once.
pub(crate) fn fill(engine: &Engine) -> Vec<Accepted> {
    let mut accepted = Vec::new();
    let mut session = engine.session("writer");
    for vb in (0..VBUCKETS).map(VbId) {
        for seqno in engine.vbucket(vb).expect("it exists").high.0 + 1..=GOAL.0 {
            let written = session.update(vb, &seqno.to_be_bytes(), None, |_| -> Decision<'_, ()> {
                Decision::Write(Change::set(b"new"))
            });
            assert_eq!(written.expect("nothing is in the way").seqno.0, seqno);
            seen::WRITES.add();
            let key = [&[0], &seqno.to_be_bytes()[..]].concat();
            accepted.push(Accepted { vb, key, seqno: Seqno(seqno) });
        }
    }
    accepted
}

/// Looks at everything there is to see.
pub(crate) fn look(engine: &Engine) -> Vec<Accepted> {
    let connections = engine.connections();
    assert!(connections.len() <= 4);
    let stats = engine.stats();
    assert_eq!(stats.last_error, None);
    for vb in 0..VBUCKETS {
        let vbucket = engine.vbucket(VbId(vb)).expect("it exists");
        assert!(vbucket.persisted <= vbucket.high);
    }
    seen::LOOKS.add();
    let _ = engine.stalled(Duration::ZERO);
    Vec::new()
}
