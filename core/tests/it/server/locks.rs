//! Locked documents: who may write them, what readers see, and how a lock ends.

use super::client::Client;
use super::dcp::{Dcp, from_zero};
use super::requests::{delete, set};
use super::running::{Running, Wanted};
use millstream::engine::{Clock, Engine};
use millstream::store::MemoryStore;
use millstream::types::{Cas, Datatype, RevSeqno, Seqno, VbId};
use millstream::wire::kv::{
    Arithmetic, ArithmeticMode, Concat, ConcatMode, GetAndTouch, GetAnswer, GetLocked, GetMeta,
    MetaOptions, Store, StoreMode, Touch, UnlockKey, WithMeta,
};
use millstream::wire::{Feature, Opcode, Status};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const VB: VbId = VbId(1);
const KEY: &[u8] = b"key";
/// What readers see in the place of a locked document's CAS.
const HIDDEN: Cas = Cas(u64::MAX);

/// A clock that a test turns on by hand.
#[derive(Clone)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1_000_000_000, Ordering::SeqCst);
    }

    fn back(&self, seconds: u64) {
        self.0.fetch_sub(seconds * 1_000_000_000, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn unix_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

fn clocked() -> (Running, Hands) {
    let hands = Hands(Arc::new(AtomicU64::new(1_700_000_000_000_000_000)));
    let engine = Engine::builder(MemoryStore::new(16)).clock(hands.clone()).open();
    (Running::over(engine.expect("an engine"), Wanted::default().server), hands)
}

impl Client {
    /// Locks the document: the lock's token.
    fn lock(&mut self, seconds: u32) -> Result<Cas, Status> {
        let lock = GetLocked { vb: VB, seconds, key: KEY };
        let frame = self.ask(|o, out| lock.encode(o, out));
        if !frame.status().is_success() {
            return Err(frame.status());
        }
        Ok(GetAnswer::parse(&frame).expect("a document").cas)
    }

    fn unlock(&mut self, cas: Cas) -> Status {
        self.status(|o, out| UnlockKey { vb: VB, cas, key: KEY }.encode(o, out))
    }

    fn cas(&mut self) -> Cas {
        self.read(VB.0, KEY).cas()
    }

    fn set_with(&mut self, cas: Cas) -> Status {
        let store = Store { cas, ..set(VB.0, KEY, b"new") };
        self.status(|o, out| store.encode(o, out))
    }

    fn delete_with(&mut self, cas: Cas) -> Status {
        let delete = millstream::wire::kv::Delete { cas, ..delete(VB.0, KEY) };
        self.status(|o, out| delete.encode(o, out))
    }
}

fn with_meta(opcode: Opcode, rev: u64, expected: Cas) -> WithMeta<'static> {
    let value: &[u8] = if opcode == Opcode::DEL_WITH_META { b"" } else { b"elsewhere" };
    WithMeta {
        opcode,
        quiet: false,
        vb: VB,
        flags: 0,
        expiry: 0,
        rev: RevSeqno(rev),
        cas: Cas(5),
        expected,
        options: MetaOptions::default(),
        datatype: Datatype::RAW,
        key: KEY,
        value,
    }
}

/// What every command that changes a document is told, first with no CAS and then with a wrong one where it has one.
fn refusals(client: &mut Client) -> Vec<(&'static str, Status)> {
    let stale = Cas(3);
    let mode = ConcatMode::Append;
    let concat = |cas| {
        let (vb, key, value) = (VB, KEY, &b"+"[..]);
        Concat { mode, quiet: false, vb, cas, datatype: Datatype::RAW, key, value }
    };
    let replace = Store { mode: StoreMode::Replace, ..set(VB.0, KEY, b"new") };
    let up = Arithmetic {
        mode: ArithmeticMode::Increment,
        quiet: false,
        vb: VB,
        delta: 1,
        initial: 0,
        expiry: 0,
        key: KEY,
    };
    let touch = Touch { vb: VB, expiry: 0, key: KEY };
    let gat = GetAndTouch { vb: VB, expiry: 0, key: KEY, quiet: false };
    let elsewhere = with_meta(Opcode::SET_WITH_META, 9, Cas::ZERO);
    let deleted = with_meta(Opcode::DEL_WITH_META, 9, Cas::ZERO);
    vec![
        ("set", client.set_with(Cas::ZERO)),
        ("set, stale", client.set_with(stale)),
        ("replace", client.status(|o, out| replace.encode(o, out))),
        ("append", client.status(|o, out| concat(Cas::ZERO).encode(o, out))),
        ("append, stale", client.status(|o, out| concat(stale).encode(o, out))),
        ("increment", client.status(|o, out| up.encode(o, out))),
        ("touch", client.status(|o, out| touch.encode(o, out))),
        ("gat", client.status(|o, out| gat.encode(o, out))),
        ("set with meta", client.status(|o, out| elsewhere.encode(o, out))),
        ("delete", client.delete_with(Cas::ZERO)),
        ("delete, stale", client.delete_with(stale)),
        ("delete with meta", client.status(|o, out| deleted.encode(o, out))),
        ("lock", client.lock(1).expect_err("locked")),
        ("unlock, stale", client.unlock(stale)),
    ]
}

#[test]
fn a_locked_document_is_not_changed_by_others() {
    let server = Running::start();
    let (mut old, mut new) = (server.client(), server.client());
    new.agree(&[Feature::XERROR]);
    let cas = old.store(set(VB.0, KEY, b"1"));
    let token = old.lock(30).expect("free");
    assert!(token > cas, "a token of its own");
    for (what, status) in refusals(&mut new) {
        assert_eq!(status, Status::LOCKED, "{what}");
    }
    let retry = ["delete, stale", "delete with meta", "lock", "unlock, stale"];
    for (what, status) in refusals(&mut old) {
        let expected = if retry.contains(&what) { Status::ETMPFAIL } else { Status::KEY_EEXISTS };
        assert_eq!(status, expected, "{what}");
    }
    let add = Store { mode: StoreMode::Add, ..set(VB.0, KEY, b"new") };
    assert_eq!(new.status(|o, out| add.encode(o, out)), Status::KEY_EEXISTS);
    assert_eq!(new.value(VB.0, KEY), b"1");
}

#[test]
fn readers_do_not_see_the_cas_of_a_locked_document() {
    let server = Running::start();
    let mut client = server.client();
    let cas = client.store(Store { flags: 7, ..set(VB.0, KEY, b"value") });
    let locked = GetLocked { vb: VB, seconds: 0, key: KEY };
    let frame = client.ask(|o, out| locked.encode(o, out));
    let answer = GetAnswer::parse(&frame).expect("a document");
    assert_eq!((answer.flags, answer.value), (7, &b"value"[..]));
    let meta = GetMeta { vb: VB, key: KEY, quiet: false, with_datatype: false };
    assert_eq!(client.cas(), HIDDEN);
    assert_eq!(client.ask(|o, out| meta.encode(o, out)).cas(), HIDDEN);
    assert_eq!(client.unlock(answer.cas), Status::SUCCESS);
    assert_eq!(client.cas(), cas, "the version is the same");
    assert_eq!(client.ask(|o, out| meta.encode(o, out)).cas(), cas);
    assert_eq!(client.set_with(answer.cas), Status::KEY_EEXISTS, "the token is worth nothing now");
}

#[test]
fn a_change_by_its_holder_ends_a_lock() {
    let server = Running::start();
    let mut client = server.client();
    client.agree(&[Feature::XERROR]);
    client.store(set(VB.0, KEY, b"1"));
    let token = client.lock(10).expect("free");
    assert_eq!(client.set_with(token), Status::SUCCESS);
    assert_eq!(client.unlock(token), Status::NOT_LOCKED);
    assert_eq!(client.set_with(Cas::ZERO), Status::SUCCESS);
    let token = client.lock(10).expect("free");
    let elsewhere = with_meta(Opcode::SET_WITH_META, 99, token);
    assert_eq!(client.status(|o, out| elsewhere.encode(o, out)), Status::SUCCESS);
    let token = client.lock(10).expect("free");
    assert_eq!(client.delete_with(token), Status::SUCCESS);
    assert_eq!(client.lock(10), Err(Status::KEY_ENOENT));
    assert_eq!(client.unlock(token), Status::KEY_ENOENT);
    client.store(set(VB.0, KEY, b"again"));
}

#[test]
fn a_lock_ends_by_itself() {
    let (server, clock) = clocked();
    let mut client = server.client();
    client.agree(&[Feature::XERROR]);
    let cas = client.store(set(VB.0, KEY, b"1"));
    // What was asked for, and how long it lasts.
    for (asked, lasts) in [(0, 15), (5, 5), (30, 30), (31, 15), (u32::MAX, 15)] {
        let token = client.lock(asked).expect("free");
        clock.pass(lasts);
        assert_eq!(client.set_with(Cas::ZERO), Status::LOCKED, "{asked}: still");
        clock.pass(1);
        assert_eq!(client.unlock(token), Status::NOT_LOCKED, "{asked}");
        assert_eq!(client.cas(), cas, "{asked}");
        let next = client.lock(1).expect("free again");
        assert_eq!(client.set_with(token), Status::LOCKED, "another's lock");
        assert_eq!(client.unlock(next), Status::SUCCESS);
    }
    client.lock(30).expect("free");
    clock.back(3600);
    assert_eq!(client.set_with(Cas::ZERO), Status::SUCCESS, "no lock outlasts a clock set back");
}

#[test]
fn a_lock_is_not_streamed_and_needs_a_document() {
    let server = Running::start();
    let mut client = server.client();
    assert_eq!(client.lock(1), Err(Status::KEY_ENOENT));
    client.store(set(VB.0, KEY, b"1"));
    let token = client.lock(1).expect("free");
    assert_eq!(client.unlock(token), Status::SUCCESS);
    let mut dcp = Dcp::open(&server, "locks");
    dcp.stream(&from_zero(VB.0));
    dcp.documents(Seqno(1));
    assert_eq!(server.engine.vbucket(VB).expect("it exists").high, Seqno(1));
    dcp.verdict();
    assert_eq!(client.unlock(Cas::ZERO), Status::EINVAL);
}
