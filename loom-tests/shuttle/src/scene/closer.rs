//! Everybody who is not a client: those who close, those who write, those who look.

use super::client::Client;
use super::dice::{below, one_in};
use super::seen;
use super::store::{GOAL, VBUCKETS};
use millstream::Engine;
use millstream::partition::{Change, Decision};
use millstream::producer::{ConnectionHandle, OpenOptions};
use millstream::types::{VbId, VbState};
use std::time::Duration;

/// Things that one closer does.
const DEEDS: u64 = 2;

/// Closes something, in one of the ways that there are, and again.
pub(crate) fn close(engine: &Engine, handles: &[ConnectionHandle]) {
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
            4 => {
                let vb = VbId(below(u64::from(VBUCKETS)) as u16);
                seen::CHANGES.add();
                engine.set_vbucket_state(vb, VbState::Replica).expect("it is never refused");
                if one_in(2) {
                    engine.set_vbucket_state(vb, VbState::Active).expect("as above");
                }
            }
            5 => {
                seen::SHUTDOWNS.add();
                engine.shutdown();
            }
            _ => handle.ack(below(100)),
        }
    }
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
pub(crate) fn write(engine: &Engine) {
    let mut last = None;
    let mut session = engine.session("writer");
    for n in 0..2 + below(3) {
        let vb = VbId(below(u64::from(VBUCKETS)) as u16);
        let key = [b'k', b'0' + below(2) as u8];
        let written = session.update(vb, &key, None, |_| -> Decision<'_, ()> {
            match one_in(4) {
                true => Decision::Write(Change::delete(1)),
                false => Decision::Write(Change::set(n.to_be_bytes().to_vec())),
            }
        });
        // A refusal is an answer: the vbucket is a replica, or the engine has stopped.
        if written.is_ok() {
            seen::WRITES.add();
        }
        last = written.ok().map(|written| (vb, written.seqno)).or(last);
    }
    let persisted = last.map(|(vb, seqno)| session.persisted(vb, seqno));
    drop(session);
    if let Some(persisted) = persisted {
        shuttle::future::block_on(persisted);
    }
}

/// Writes until everything is there that is to be streamed, each key once.
pub(crate) fn fill(engine: &Engine) {
    let mut session = engine.session("writer");
    for vb in (0..VBUCKETS).map(VbId) {
        for seqno in engine.vbucket(vb).expect("it exists").high.0 + 1..=GOAL.0 {
            let written = session.update(vb, &seqno.to_be_bytes(), None, |_| -> Decision<'_, ()> {
                Decision::Write(Change::set(b"new"))
            });
            assert_eq!(written.expect("nothing is in the way").seqno.0, seqno);
            seen::WRITES.add();
        }
    }
}

/// Looks at everything there is to see.
pub(crate) fn look(engine: &Engine) {
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
}
