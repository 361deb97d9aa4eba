//! COMPACT_DB: which tombstones go, what it does to those who stream, and when it says that it could not.

use super::client::Client;
use super::dcp::{Dcp, from_zero};
use super::requests::{delete, set};
use super::running::{Running, Wanted};
use millstream::collections::Key;
use millstream::partition::{Change, Decision};
use millstream::server::{Secret, User};
use millstream::types::{Cas, CollectionId, Datatype, EndReason, RevSeqno, Seqno, VbId, VbState};
use millstream::wire::dcp::{RollbackAnswer, StreamFlags, StreamReq};
use millstream::wire::kv::{CompactDb, DelVbucket, MetaOptions, SetVbucket, WithMeta};
use millstream::wire::{Feature, Opcode, Status};

const VB: u16 = 5;

fn start() -> Running {
    let mut wanted = Wanted::default();
    wanted.engine.purge_after = None;
    wanted.start()
}

/// Everything that is not named: no bound, and no tombstone.
fn compact() -> CompactDb<'static> {
    CompactDb { vb: VbId(VB), before: 0, upto: Seqno(0), drop_deletes: false, value: &[] }
}

fn everything() -> CompactDb<'static> {
    CompactDb { drop_deletes: true, ..compact() }
}

/// A tombstone that was made at some time.
fn tombstone(key: &[u8], made: u32) -> WithMeta<'_> {
    WithMeta {
        opcode: Opcode::DEL_WITH_META,
        quiet: false,
        vb: VbId(VB),
        expected: Cas::ZERO,
        flags: 0,
        expiry: made,
        rev: RevSeqno(9),
        cas: Cas(9),
        options: MetaOptions::NONE,
        datatype: Datatype::RAW,
        key,
        value: &[],
    }
}

impl Client {
    fn compact(&mut self, compact: CompactDb<'_>) -> Status {
        self.status(|opaque, out| compact.encode(opaque, out))
    }

    /// Tombstones of these times at seqnos 1, 2, 3 and so on, and a document behind them.
    fn bury(&mut self, times: &[u32]) {
        for (n, made) in times.iter().enumerate() {
            let key = format!("key {n}");
            let status = self.status(|o, out| tombstone(key.as_bytes(), *made).encode(o, out));
            assert_eq!(status, Status::SUCCESS);
        }
        self.store(set(VB, b"alive", b"value"));
        assert_eq!(self.compact(compact()), Status::SUCCESS, "all of it is persisted");
    }
}

/// The seqnos that a backfill shows, and the purge seqno.
fn left(server: &Running) -> (Vec<u64>, u64) {
    let mut dcp = Dcp::open(server, "looks");
    dcp.stream(&StreamReq { flags: StreamFlags::DISK_ONLY, ..from_zero(VB) });
    let (_, last) = dcp.marker();
    let mut seqnos = Vec::new();
    while seqnos.last() != Some(&last.get()) {
        let extras = dcp.event();
        seqnos.push(u64::from_be_bytes(extras.extras()[..8].try_into().expect("eight bytes")));
    }
    assert_eq!(dcp.end(), EndReason::Ok);
    let purge = server.engine.vbucket(VbId(VB)).expect("it exists").purge;
    (seqnos, purge.get())
}

#[test]
fn time_and_seqno_bound_what_goes() {
    let server = start();
    let mut client = server.client();
    client.bury(&[100, 200, 300, 100, 200, u32::MAX]);
    let bounded = |before, upto| CompactDb { before, upto: Seqno(upto), ..compact() };
    for (asked, seqnos, purge) in [
        (bounded(0, 0), &[1, 2, 3, 4, 5, 6, 7][..], 0),
        (bounded(0, 6), &[1, 2, 3, 4, 5, 6, 7], 0),
        (bounded(100, 0), &[1, 2, 3, 4, 5, 6, 7], 0),
        (bounded(101, 3), &[2, 3, 4, 5, 6, 7], 1),
        (bounded(201, 4), &[3, 5, 6, 7], 4),
        (bounded(u64::from(u32::MAX), 0), &[6, 7], 5),
        (bounded(u64::MAX, 5), &[6, 7], 5),
        (bounded(u64::MAX, 6), &[7], 6),
    ] {
        assert_eq!(client.compact(asked), Status::SUCCESS, "{asked:?}");
        assert_eq!(left(&server), (seqnos.to_vec(), purge), "{asked:?}");
    }
}

#[test]
fn everything_goes_whatever_the_bounds_are() {
    let server = start();
    let mut client = server.client();
    client.bury(&[100, u32::MAX, 300]);
    let asked = CompactDb { before: 1, upto: Seqno(1), ..everything() };
    assert_eq!(client.compact(asked), Status::SUCCESS);
    assert_eq!(left(&server), (vec![4], 3));
    assert_eq!(client.compact(everything()), Status::SUCCESS, "there is nothing left to do");
    assert_eq!(client.value(VB, b"alive"), b"value");
}

/// What was deleted a moment ago is persisted first, so that it goes too; but for the newest of a vbucket, and of each
/// collection in it.
#[test]
fn what_was_just_deleted_goes_and_the_newest_stays() {
    let server = start();
    let manifest = server.engine.create_collection("_default", "fruit", 0).expect("made");
    let fruit = manifest.collection_named("_default", "fruit").expect("there").id;
    let mut session = server.engine.session("test");
    let mut bury = |of, name: &str| {
        let key = Key::new(of, name.as_bytes());
        let written = session.update(VbId(VB), key, None, |_| -> Decision<'_, ()> {
            Decision::Write(Change::delete(7))
        });
        written.expect("written").seqno.get()
    };
    bury(CollectionId::ZERO, "plum");
    let newest = bury(CollectionId::ZERO, "fig");
    let gone = bury(fruit, "apple");
    bury(fruit, "pear");
    assert_eq!(server.client().compact(everything()), Status::SUCCESS);
    assert_eq!(left(&server), (vec![newest], gone), "of the default collection");
    let mut is_known = |of, name: &[u8]| {
        session.look(VbId(VB), Key::new(of, name), |found| found.is_some()).expect("no value")
    };
    assert!(is_known(CollectionId::ZERO, b"fig") && is_known(fruit, b"pear"));
}

/// A client that has not seen what is gone is sent back to the beginning, one that has is not.
#[test]
fn who_is_below_the_purge_seqno_is_sent_back() {
    let server = start();
    let mut client = server.client();
    client.bury(&[100; 6]);
    let uuid = server.engine.failover_log(VbId(VB)).expect("it exists")[0].uuid;
    let at = |start| {
        let (start, snap) = (Seqno(start), Seqno(start));
        StreamReq { start, snap_start: snap, snap_end: snap, uuid, ..from_zero(VB) }
    };
    let mut dcp = Dcp::open(&server, "before");
    dcp.stream(&at(2));
    drop(dcp);
    let upto = CompactDb { before: 101, upto: Seqno(4), ..compact() };
    assert_eq!(client.compact(upto), Status::SUCCESS);
    let mut dcp = Dcp::open(&server, "after");
    for start in [1, 2, 3] {
        let frame = dcp.try_stream(&at(start));
        let back = RollbackAnswer::parse(&frame).expect("eight bytes").expect("a rollback");
        assert_eq!(back.to, Seqno(0), "from {start}");
    }
    dcp.stream(&at(4));
}

/// It answered success and had done nothing: a backfill kept every tombstone that was asked for.
#[test]
fn what_a_backfill_has_to_show_stays_and_the_answer_says_so() {
    let mut wanted = Wanted::default();
    (wanted.engine.purge_after, wanted.engine.backfill_buffer_bytes) = (None, 1024);
    let server = wanted.start();
    let mut client = server.client();
    // More than a backfill reads at once.
    let value = vec![b'v'; 256 * 1024];
    for n in 0..20 {
        client.store(set(VB, format!("key {n:05}").as_bytes(), &value));
    }
    let status = client.status(|o, out| delete(VB, b"key 00000").encode(o, out));
    assert_eq!(status, Status::SUCCESS);
    client.store(set(VB, b"newest", b"value"));
    let mut slow = Dcp::open(&server, "slow");
    slow.control("connection_buffer_size", "100");
    // What was written has to be in the store for the backfill to begin.
    assert_eq!(client.compact(compact()), Status::SUCCESS);
    slow.stream(&StreamReq { flags: StreamFlags::DISK_ONLY, ..from_zero(VB) });
    slow.marker();
    assert_eq!(client.compact(everything()), Status::ETMPFAIL);
    assert_eq!(client.compact(compact()), Status::SUCCESS, "which it does not ask for");
    let high = server.engine.vbucket(VbId(VB)).expect("it exists").high.get();
    let below = CompactDb { before: u64::MAX, upto: Seqno(high - 2), ..compact() };
    assert_eq!(client.compact(below), Status::SUCCESS, "nor for that");
    assert_eq!(server.engine.vbucket(VbId(VB)).expect("it exists").purge, Seqno(0));
    let mut shown = slow.counted;
    slow.ack(u32::try_from(shown).expect("small"));
    while slow.event().opcode() != Opcode::DCP_DELETION {
        slow.ack(u32::try_from(slow.counted - shown).expect("small"));
        shown = slow.counted;
    }
    assert_eq!(client.compact(everything()), Status::SUCCESS, "it is shown");
    assert_eq!(server.engine.vbucket(VbId(VB)).expect("it exists").purge, Seqno(high - 1));
}

#[test]
fn it_works_in_every_state() {
    let server = start();
    let mut client = server.client();
    client.bury(&[100, 100]);
    for (state, upto) in [(VbState::Replica, 1), (VbState::Dead, 2)] {
        let set = SetVbucket { vb: VbId(VB), state, value: &[] };
        assert_eq!(client.status(|o, out| set.encode(o, out)), Status::SUCCESS);
        let asked = CompactDb { before: 101, upto: Seqno(upto), ..compact() };
        assert_eq!(client.compact(asked), Status::SUCCESS);
        assert_eq!(server.engine.vbucket(VbId(VB)).expect("it exists").purge, Seqno(upto));
    }
    let empty = DelVbucket { vb: VbId(VB) };
    assert_eq!(client.status(|o, out| empty.encode(o, out)), Status::SUCCESS);
    assert_eq!(client.compact(everything()), Status::SUCCESS, "nothing is left to go");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let server = start();
    let mut client = server.client();
    client.bury(&[100, 100]);
    client.agree(&[Feature::JSON]);
    let nowhere = CompactDb { vb: VbId(16), ..everything() };
    assert_eq!(client.compact(nowhere), Status::NOT_MY_VBUCKET);
    let keys = |value| CompactDb { value, ..everything() };
    assert_eq!(client.compact(keys(b"{}")), Status::EINVAL);
    assert_eq!(client.compact(keys(br#"["key"]"#)), Status::NOT_SUPPORTED);
    let mut whole = bytes::BytesMut::new();
    everything().encode(millstream::types::Opaque(1), &mut whole);
    // Extras one byte short, the bytes that have no meaning, a CAS, a datatype, a key in place of extras.
    for (at, byte) in [(24 + 17, 1), (24 + 23, 1), (23, 1), (5, 2)] {
        let mut broken = whole.to_vec();
        broken[at] = byte;
        client.send(&broken);
        assert_eq!(client.next().status(), Status::EINVAL, "byte {at}");
    }
    for (extras, key) in [(20, 4), (23, 1), (0, 24), (21, 0)] {
        let mut broken = whole.to_vec();
        (broken[3], broken[4]) = (key, extras);
        client.send(&broken);
        assert_eq!(client.next().status(), Status::EINVAL, "{extras} bytes of extras");
    }
    assert_eq!(left(&server), (vec![1, 2, 3], 0), "what was refused did nothing");
    assert_eq!(client.compact(keys(b"[]")), Status::SUCCESS);
    assert_eq!(left(&server), (vec![3], 2));
}

#[test]
fn strangers_compact_nothing() {
    let mut wanted = Wanted::default();
    wanted.server.users = vec![User::new("somebody", Secret::new("right"))];
    let server = wanted.start();
    assert_eq!(server.client().compact(everything()), Status::EACCESS);
}
