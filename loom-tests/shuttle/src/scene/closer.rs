//! Everybody who is not a client: those who close, those who write, those who look.

use super::client::Client;
use super::dice::{below, one_in};
use super::seen;
use super::store::{GOAL, STORED, VBUCKETS};
use millstream::engine::Session;
use millstream::partition::{Change, Decision};
use millstream::producer::{ConnectionHandle, OpenOptions};
use millstream::store::{MemoryStore, Store};
use millstream::types::{Seqno, VbId, VbState};
use millstream::{Engine, ErrorKind};
use std::collections::BTreeSet;
use std::time::Duration;

/// Things that one closer does.
const DEEDS: u64 = 2;

/// What somebody did that shows in the store.
#[derive(Debug)]
pub(crate) enum Done {
    /// A write was accepted.
    Wrote(Accepted),
    /// A vbucket was taken back to that seqno, or may have been when the shutdown came.
    TookBack(VbId, Seqno),
    /// Tombstones of a vbucket were purged.
    Purged(VbId),
}

/// A write that was accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    vb: VbId,
    /// As the store has it.
    key: Vec<u8>,
    seqno: Seqno,
    is_delete: bool,
    /// What who waited for it to be persisted was told, if somebody waited.
    persisted: Option<bool>,
}

impl Accepted {
    /// Checks that the store has it, or what replaced it, or that it was taken back; `done` is all that was done.
    pub(crate) fn check(&self, store: &MemoryStore, done: &[Done]) {
        let may_be_gone = done.iter().any(
            |done| matches!(done, Done::TookBack(vb, to) if *vb == self.vb && *to < self.seqno),
        );
        let purged = |done: &Done| matches!(done, Done::Purged(vb) if *vb == self.vb);
        let deletes = |done: &Done| {
            matches!(done, Done::Wrote(other) if other.is_delete && other.seqno >= self.seqno
                && (other.vb, &other.key) == (self.vb, &self.key))
        };
        let may_be_purged = done.iter().any(purged) && done.iter().any(deletes);
        let newest = store.get(self.vb, &self.key).expect("it is there to be read");
        let is_stored = newest.is_some_and(|record| record.meta.seqno >= self.seqno);
        assert!(
            is_stored || may_be_gone || may_be_purged,
            "accepted, and lost in an orderly end: {self:?}"
        );
        match self.persisted {
            Some(false) => {
                assert!(may_be_gone, "told as lost, and nobody took it back: {self:?}");
                seen::TOLD_GONE.add();
            }
            Some(true) => seen::TOLD_PERSISTED.add(),
            None => {}
        }
    }
}

/// Closes something, in one of the ways that there are, and again. What it did on the way.
pub(crate) fn close(engine: &Engine, handles: &[ConnectionHandle]) -> Vec<Done> {
    let mut done = Vec::new();
    for _ in 0..DEEDS {
        let handle = &handles[below(handles.len() as u64) as usize];
        match below(11) {
            0..=2 => {
                match handle.close_all() {
                    0 => seen::LATE.add(),
                    _ => seen::SHARED.add(),
                }
                assert!(handle.is_closed());
            }
            3 => replace(engine, handle),
            4 => done.extend(change(engine).map(Done::Wrote)),
            5 => {
                seen::SHUTDOWNS.add();
                engine.shutdown();
            }
            6 => done.extend(take_back(engine)),
            7 => fail_over(engine),
            8 => done.extend(purge(engine)),
            _ => handle.ack(below(100)),
        }
    }
    done
}

/// A vbucket goes back: to nothing, to what the store had at the beginning, or by one document.
fn take_back(engine: &Engine) -> Option<Done> {
    let vb = some_vbucket();
    let high = engine.vbucket(vb).expect("it exists").high;
    let to = [Seqno::ZERO, STORED, Seqno(high.0.saturating_sub(1))][below(3) as usize];
    match engine.roll_back(vb, to) {
        Ok(branch) => {
            assert!(branch.seqno <= to, "{branch:?} is above {to}");
            seen::ROLLBACKS.add();
            Some(Done::TookBack(vb, branch.seqno))
        }
        Err(error) => {
            refused(&error);
            // The store may be back already.
            (error.kind() == ErrorKind::Closed).then_some(Done::TookBack(vb, Seqno::ZERO))
        }
    }
}

/// A vbucket begins a branch.
fn fail_over(engine: &Engine) {
    let vb = some_vbucket();
    match engine.fail_over(vb) {
        Ok(_) => seen::FAILOVERS.add(),
        Err(error) => refused(&error),
    }
}

/// Tombstones go, whatever their age.
fn purge(engine: &Engine) -> Option<Done> {
    let vb = some_vbucket();
    match engine.purge(vb, Duration::ZERO) {
        Ok(_) => seen::PURGES.add(),
        Err(error) => refused(&error),
    }
    Some(Done::Purged(vb))
}

/// The engine may be shut down, somebody else may have the vbucket to himself, or there is nothing to take back.
fn refused(error: &millstream::Error) {
    assert!(
        matches!(error.kind(), ErrorKind::Closed | ErrorKind::Misuse | ErrorKind::Retry),
        "{error}"
    );
    seen::DEEDS_REFUSED.add();
}

fn some_vbucket() -> VbId {
    VbId(below(u64::from(VBUCKETS)) as u16)
}

/// A vbucket stops being active, and may come back and be written to, unless the engine has been shut down.
fn change(engine: &Engine) -> Option<Accepted> {
    let vb = some_vbucket();
    seen::CHANGES.add();
    let set = |state| match engine.set_vbucket_state(vb, state) {
        Ok(()) => true,
        Err(error) => {
            match error.kind() {
                ErrorKind::Closed => seen::CHANGES_LATE.add(),
                _ => refused(&error),
            }
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
pub(crate) fn write(engine: &Engine) -> Vec<Done> {
    let mut accepted = Vec::new();
    let mut session = engine.session("writer");
    for _ in 0..2 + below(3) {
        accepted.extend(update(&mut session, some_vbucket()));
    }
    let persisted = accepted.last().map(|last| session.persisted(last.vb, last.seqno));
    drop(session);
    if let (Some(persisted), Some(last)) = (persisted, accepted.last_mut()) {
        last.persisted = Some(shuttle::future::block_on(persisted));
    }
    accepted.into_iter().map(Done::Wrote).collect()
}

/// A document, or its end; `None` if it was refused.
fn update(session: &mut Session<'_>, vb: VbId) -> Option<Accepted> {
    let key = [b'k', b'0' + below(2) as u8];
    let is_delete = one_in(4);
    let written = session.update(vb, &key, None, |_| -> Decision<'_, ()> {
        match is_delete {
            true => Decision::Write(Change::delete(1)),
            false => Decision::Write(Change::set(below(9).to_be_bytes().to_vec())),
        }
    });
    // A refusal is an answer: the vbucket is a replica, or the engine has stopped.
    let seqno = written.ok()?.seqno;
    seen::WRITES.add();
    Some(Accepted { vb, key: [&[0], &key[..]].concat(), seqno, is_delete, persisted: None })
}

/// Writes until everything is there that is to be streamed, each key once.
pub(crate) fn fill(engine: &Engine) -> Vec<Done> {
    let mut done = Vec::new();
    let mut session = engine.session("writer");
    for vb in (0..VBUCKETS).map(VbId) {
        for seqno in engine.vbucket(vb).expect("it exists").high.0 + 1..=GOAL.0 {
            let written = session.update(vb, &seqno.to_be_bytes(), None, |_| -> Decision<'_, ()> {
                Decision::Write(Change::set(b"new"))
            });
            assert_eq!(written.expect("nothing is in the way").seqno.0, seqno);
            seen::WRITES.add();
            let key = [&[0], &seqno.to_be_bytes()[..]].concat();
            let seqno = Seqno(seqno);
            let accepted = Accepted { vb, key, seqno, is_delete: false, persisted: None };
            done.push(Done::Wrote(accepted));
        }
    }
    done
}

/// Looks at everything there is to see.
pub(crate) fn look(engine: &Engine) -> Vec<Done> {
    let connections = engine.connections();
    assert!(connections.len() <= 4);
    let stats = engine.stats();
    assert_eq!(stats.last_error, None);
    for vb in 0..VBUCKETS {
        let vbucket = engine.vbucket(VbId(vb)).expect("it exists");
        assert!(vbucket.persisted <= vbucket.high);
        let log = engine.failover_log(VbId(vb)).expect("it exists");
        assert!(log.is_sorted_by(|newer, older| newer.seqno >= older.seqno), "{log:?}");
        let uuids: BTreeSet<_> = log.iter().map(|entry| entry.uuid).collect();
        assert!(!log.is_empty() && uuids.len() == log.len(), "{log:?}");
    }
    seen::LOOKS.add();
    let _ = engine.stalled(Duration::ZERO);
    Vec::new()
}
