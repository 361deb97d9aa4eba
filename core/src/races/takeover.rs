//! F: takeover. It is not built, and refused; what of its races remains is a vbucket that stops being active under a
//! writer, and a stream that says how far it is.

use super::gate::{Hold, Party, Point};
use super::scene::{Client, engine, put, settle, states};
use super::store::SeamStore;
use crate::partition::{Change, Decision, UpdateError};
use crate::store::Store;
use crate::stream::{Refusal, StreamFlags, StreamRequest, StreamState};
use crate::types::{EndReason, Opaque, Seqno, VbId, VbState};

/// Nothing stands between a stream's place and its client: a document that is being sent is not yet counted as sent.
/// And a stream that would hand the vbucket over is refused.
#[test]
fn f1_what_is_in_hand_is_not_counted_as_sent() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    for n in 0..10 {
        put(&engine, 0, &format!("k{n}"), b"v");
    }
    let mut client = Client::connect(&engine, "c");
    let watch = client.watch();
    let flags = StreamFlags::TAKEOVER;
    let takeover = StreamRequest { flags, ..StreamRequest::from_zero() };
    let refused = client.producer.stream_request(VbId(0), Opaque(1), &takeover);
    assert_eq!(refused, Err(Refusal::FlagsNotBuilt(flags)));
    let sending = client.inbox.hold_at(3);
    client.open(0);
    let owner = Party::start("owner", &[], move || {
        let _ = client.step();
        client
    });
    sending.arrived();
    let last_sent = || engine.connections()[0].streams[0].last_sent;
    assert!(last_sent() < Seqno(3), "the third is in hand");
    assert!(sending.is_holding());
    sending.release();
    let client = owner.finish();
    assert_eq!(last_sent(), Seqno(10));
    assert_eq!(client.inbox.docs(0), (1..=10).collect::<Vec<_>>());
    drop(client);
    settle(engine, &[watch]);
}

/// A vbucket stops being active while a writer has a seqno and has not published under it: the seal fixes the last
/// seqno, that write included; it is not lost, in the store or in memory, and none comes after it.
#[test]
fn f2_a_write_in_hand_when_the_vbucket_is_sealed() {
    for comes_back in [false, true] {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        put(&engine, 0, "a", b"1");
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        client.open(0);
        let parts = client.producer.engine_parts().clone();
        let reserved = Hold::at(Point::WriteReserved);
        let writer = Party::start("writer", &[&reserved], {
            let engine = engine.clone();
            move || put(&engine, 0, "late", b"2")
        });
        reserved.arrived();
        engine.set_vbucket_state(VbId(0), VbState::Replica).expect("exists");
        assert_eq!(states(&engine, "c"), [StreamState::Dead(EndReason::StateChanged)]);
        let sealed = {
            let mut reader = parts.domain.reader("test");
            let pin = reader.pin();
            let partition = parts.partition(VbId(0)).expect("exists");
            let log = &partition.history(&pin).log;
            (log.is_sealed(), log.reserved(), log.high(&pin))
        };
        assert_eq!(sealed, (true, Seqno(2), Seqno(1)), "the last seqno is the writer's");
        let mut session = engine.session("test");
        let after = session.update(VbId(0), b"after", None, |_| -> Decision<'_, ()> {
            Decision::Write(Change::set(b"3"))
        });
        assert!(matches!(after, Err(UpdateError::NotActive)), "{after:?}");
        drop(session);
        if comes_back {
            engine.set_vbucket_state(VbId(0), VbState::Active).expect("exists");
            assert_eq!(engine.failover_log(VbId(0)).expect("exists")[0].seqno, Seqno(1));
        } else {
            engine.shutdown();
        }
        assert!(reserved.is_holding(), "nobody waited for the writer");
        reserved.release();
        assert_eq!(writer.finish(), Seqno(2));
        if comes_back {
            assert_eq!(put(&engine, 0, "next", b"3"), Seqno(3));
            client.open(0);
            client.run_until("all of them", |inbox| inbox.docs(0).last() == Some(&3));
            assert_eq!(client.inbox.docs(0), [1, 2, 3]);
            assert_eq!(client.inbox.ends(0), [EndReason::StateChanged]);
        }
        drop((client, parts));
        settle(engine, &[watch]);
        let stored = store.get(VbId(0), b"\0late").expect("the store answers");
        assert_eq!(stored.expect("it is stored").meta.seqno, Seqno(2));
    }
}

/// A vbucket's new state is published, and its streams are not ended yet: nothing is written under it any more.
#[test]
fn f2_no_write_is_made_under_the_new_state() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    put(&engine, 0, "a", b"1");
    let published = Hold::at(Point::StatePublished);
    let change = Party::start("state change", &[&published], {
        let engine = engine.clone();
        move || engine.set_vbucket_state(VbId(0), VbState::Replica)
    });
    published.arrived();
    let after = engine.session("test").update(VbId(0), b"b", None, |_| -> Decision<'_, ()> {
        Decision::Write(Change::set(b"2"))
    });
    assert!(matches!(after, Err(UpdateError::NotActive)), "{after:?}");
    assert!(published.is_holding());
    published.release();
    change.finish().expect("exists");
    assert_eq!(engine.vbucket(VbId(0)).expect("exists").high, Seqno(1));
    settle(engine, &[]);
}
