use super::kv;
use super::server::{Documents, bootstrap, reply};
use crate::client::{WriteOptions, status_of};
use crate::error::ErrorKind;
use crate::types::{Cas, Datatype, Seqno, VbId, VbUuid};
use crate::wire::kv::{AllVbSeqnosAnswer, ObserveSeqno, ObserveSeqnoAnswer, StatEntry};
use crate::wire::{Frame, Opcode, Status};
use bytes::BytesMut;

const PLAIN: WriteOptions =
    WriteOptions { flags: 0, expiry: 0, datatype: Datatype::RAW, cas: Cas::ZERO };

#[tokio::test]
async fn a_document_lives_and_dies() {
    let mut client = kv(50, Documents::default()).await;
    assert_eq!(client.get(b"k").await.unwrap(), None);
    let first = client.set(b"k", b"one", WriteOptions { flags: 7, ..PLAIN }).await.unwrap();
    let got = client.get(b"k").await.unwrap().unwrap();
    assert_eq!((got.cas, got.flags, &got.value[..]), (first.cas, 7, b"one".as_slice()));
    let second = client.append(b"k", b"!", Cas::ZERO).await.unwrap();
    client.prepend(b"k", b"<", Cas::ZERO).await.unwrap();
    assert_ne!(first.cas, second.cas);
    let got = client.get_and_touch(b"k", 100).await.unwrap().unwrap();
    assert_eq!(&got.value[..], b"<one!");
    assert_eq!(client.touch(b"k", 0).await.unwrap().unwrap().cas, got.cas);
    assert!(client.delete(b"k", Cas::ZERO).await.unwrap().is_some());
    assert_eq!(client.delete(b"k", Cas::ZERO).await.unwrap(), None);
    assert_eq!(client.touch(b"k", 0).await.unwrap(), None);
    assert_eq!(client.get_and_touch(b"k", 0).await.unwrap(), None);
}

#[tokio::test]
async fn conditions_are_told_by_their_status() {
    let mut client = kv(50, Documents::default()).await;
    let status = |result: Result<_, crate::Error>| status_of(&result.unwrap_err());
    assert_eq!(status(client.replace(b"k", b"1", PLAIN).await), Some(Status::KEY_ENOENT));
    let written = client.add(b"k", b"1", PLAIN).await.unwrap();
    assert_eq!(status(client.add(b"k", b"1", PLAIN).await), Some(Status::KEY_EEXISTS));
    let stale = WriteOptions { cas: Cas(written.cas.get() + 1), ..PLAIN };
    assert_eq!(status(client.set(b"k", b"2", stale).await), Some(Status::KEY_EEXISTS));
    let fresh = WriteOptions { cas: written.cas, ..PLAIN };
    client.replace(b"k", b"2", fresh).await.unwrap();
    assert_eq!(status(client.append(b"none", b"2", Cas::ZERO).await), Some(Status::NOT_STORED));
    assert_eq!(status(client.set(b"bad", b"2", PLAIN).await), Some(Status::EACCESS));
}

#[tokio::test]
async fn counters_count() {
    let mut client = kv(50, Documents::default()).await;
    let missing = client.increment(b"n", 1, None).await.unwrap_err();
    assert_eq!(status_of(&missing), Some(Status::KEY_ENOENT));
    assert_eq!(client.increment(b"n", 1, Some(10)).await.unwrap().count, 10);
    assert_eq!(client.increment(b"n", 5, Some(10)).await.unwrap().count, 15);
    assert_eq!(client.decrement(b"n", 20, None).await.unwrap().count, 0);
}

#[tokio::test]
async fn keys_that_cannot_be_are_not_sent() {
    let mut client = kv(50, |frame: &Frame, out: &mut BytesMut| {
        assert!(bootstrap(frame, out), "{} was sent", frame.opcode());
        true
    })
    .await;
    for key in [vec![], vec![b'k'; 251]] {
        let error = client.get(&key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert_eq!(error.what(), format!("a key has 1 to 250 bytes, not {}", key.len()));
    }
}

/// A server that knows a lot about itself.
fn talkative(frame: &Frame, out: &mut BytesMut) -> bool {
    let header = frame.header();
    match frame.opcode() {
        Opcode::STAT if frame.key() == b"none" => reply(frame, Status::KEY_ENOENT, b"", out),
        Opcode::STAT => {
            StatEntry { name: b"group", value: frame.key() }.encode(header, out);
            StatEntry { name: b"two", value: b"" }.encode(header, out);
            StatEntry::LAST.encode(header, out);
        }
        Opcode::GET_ALL_VB_SEQNOS => {
            let entries = (0..4).map(|n| (VbId(n), Seqno(u64::from(n) * 10)));
            AllVbSeqnosAnswer::encode(header, entries.collect::<Vec<_>>().into_iter(), out);
        }
        Opcode::OBSERVE_SEQNO => {
            let ObserveSeqno { vb, uuid } = ObserveSeqno::parse(frame).unwrap();
            let (persisted, current) = (Seqno(1), Seqno(2));
            ObserveSeqnoAnswer { vb, uuid, persisted, current, failover: None }.encode(header, out);
        }
        Opcode::VERSION => reply(frame, Status::SUCCESS, b"7.6.2", out),
        Opcode::NOOP => reply(frame, Status::SUCCESS, b"", out),
        _ => return bootstrap(frame, out),
    }
    true
}

#[tokio::test]
async fn a_server_tells_about_itself() {
    let mut client = kv(50, talkative).await;
    assert_eq!(client.version().await.unwrap(), "7.6.2");
    client.noop().await.unwrap();
    let stats = client.stats("dcp").await.unwrap();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(stats, [pair("group", "dcp"), pair("two", "")]);
    let missing = client.stats("none").await.unwrap_err();
    assert_eq!(status_of(&missing), Some(Status::KEY_ENOENT));
    let seqnos = client.all_vb_seqnos().await.unwrap();
    assert_eq!(seqnos[3], (VbId(3), Seqno(30)));
    let seen = client.observe_seqno(VbId(2), VbUuid(9)).await.unwrap();
    assert_eq!((seen.vb, seen.uuid, seen.current), (VbId(2), VbUuid(9), Seqno(2)));
}
