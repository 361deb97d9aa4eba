//! Many requests in one write: answered strictly in order.

use super::dcp::{Dcp, from_zero};
use super::requests::{delete, get, set};
use super::running::{Running, Wanted};
use bytes::BytesMut;
use millstream::server::{Secret, User};
use millstream::types::{Opaque, Seqno, VbId};
use millstream::wire::dcp::{Control, Open, OpenFlags, StreamReq};
use millstream::wire::kv::{
    GetAllVbSeqnos, GetClusterConfig, GetErrorMap, Hello, Noop, SaslAuth, SaslListMechs,
    SelectBucket, Stat, Version,
};
use millstream::wire::{Feature, FeatureSet, Opcode, Status};

#[test]
fn a_whole_bootstrap_and_1024_streams_come_in_one_write() {
    let mut wanted = Wanted { vbuckets: 1024, ..Wanted::default() };
    wanted.server.users = vec![User::new("user", Secret::new("password"))];
    let server = wanted.start();
    let mut session = server.engine.session("writer");
    for n in 0..5000_u32 {
        session.set(format!("key-{n}").as_bytes(), &n.to_be_bytes()).expect("written");
    }
    drop(session);
    let mut client = server.client();
    let mut out = BytesMut::new();
    let mut next = || client.opaque();
    let hello = Hello { agent: b"test", features: FeatureSet::of(&[Feature::JSON]) };
    hello.encode(next(), &mut out);
    SaslListMechs.encode(next(), &mut out);
    SaslAuth { first: true, mechanism: b"PLAIN", data: b"\0user\0password" }
        .encode(next(), &mut out);
    SelectBucket { bucket: b"default" }.encode(next(), &mut out);
    Open { flags: OpenFlags::PRODUCER, name: b"group", value: &[] }.encode(next(), &mut out);
    Control { key: b"enable_noop", value: b"true" }.encode(next(), &mut out);
    client.send(&out);
    // Not one answer has been read; the oracle's client goes on with the streams.
    let mut dcp = Dcp::adopt(client);
    let requests: Vec<_> = (0..1024)
        .map(|vb| {
            let end = server.engine.vbucket(VbId(vb)).expect("it exists").high;
            StreamReq { end, ..from_zero(vb) }
        })
        .collect();
    let opaques = dcp.request_streams(&requests);
    for opaque in 1..=6 {
        let frame = dcp.message();
        assert_eq!((frame.opaque(), frame.status()), (Opaque(opaque), Status::SUCCESS));
    }
    let (mut answered, mut ended) = (Vec::new(), 0);
    while ended < 1024 {
        let frame = dcp.message();
        if frame.header().magic.is_response() {
            assert_eq!(frame.status(), Status::SUCCESS);
            answered.push(frame.opaque());
        }
        ended += u32::from(frame.opcode() == Opcode::DCP_STREAM_END);
    }
    assert_eq!(answered, opaques, "in the order of the requests");
    let report = dcp.verdict();
    assert_eq!((report.accepted, report.mutations), (1024, 5000));
}

#[test]
fn every_kind_of_request_keeps_its_place() {
    let server = Running::start();
    let mut client = server.client();
    let mut out = BytesMut::new();
    for round in 0..200_u32 {
        let n = |at| Opaque(round * 10 + at);
        set(0, b"key", b"value").encode(n(0), &mut out);
        get(0, b"key").encode(n(1), &mut out);
        delete(0, b"key").encode(n(2), &mut out);
        get(0, b"key").encode(n(3), &mut out);
        Noop.encode(n(4), &mut out);
        Version.encode(n(5), &mut out);
        GetClusterConfig { known: None }.encode(n(6), &mut out);
        GetErrorMap { version: 2 }.encode(n(7), &mut out);
        GetAllVbSeqnos { state: None, collection: None }.encode(n(8), &mut out);
        Stat::of(b"vbucket 3").encode(n(9), &mut out);
    }
    // Sent from another thread: the server stops reading while its answers are not taken.
    let mut sender = client.socket.try_clone().expect("a socket");
    let sending = std::thread::spawn(move || std::io::Write::write_all(&mut sender, &out));
    for round in 0..200_u32 {
        for at in 0..9 {
            let frame = client.next();
            assert_eq!(frame.opaque(), Opaque(round * 10 + at));
            let status = if at == 3 { Status::KEY_ENOENT } else { Status::SUCCESS };
            assert_eq!(frame.status(), status);
        }
        let (entry, last) = (client.next(), client.next());
        assert_eq!((entry.opaque(), entry.key()), (Opaque(round * 10 + 9), &b"vb_3"[..]));
        assert_eq!((last.opaque(), last.key()), (Opaque(round * 10 + 9), &b""[..]));
    }
    sending.join().expect("no panic").expect("all was taken");
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let server = Running::start();
    let mut client = server.client();
    client.store(set(0, b"large", &vec![b'v'; 1 << 20]));
    // Answers of 4 GiB in all: more than anybody keeps.
    let mut out = BytesMut::new();
    for n in 0..4096 {
        get(0, b"large").encode(Opaque(n), &mut out);
    }
    client.send(&out);
    client.is_busy();
    // Others are served meanwhile.
    assert!(server.client().has(0, b"large"));
    for n in 0..64 {
        let frame = client.next();
        assert_eq!((frame.opaque(), frame.value().len()), (Opaque(n), 1 << 20));
    }
}

#[test]
fn streams_and_requests_share_a_connection() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "shared");
    dcp.stream(&from_zero(0));
    for n in 1..=50_u64 {
        let opaque = dcp.request(|opaque, out| set(0, b"key", b"value").encode(opaque, out));
        let (mut written, mut streamed) = (false, false);
        while !(written && streamed) {
            let frame = dcp.message();
            written |= frame.opaque() == opaque && frame.status() == Status::SUCCESS;
            streamed |= frame.opcode() == Opcode::DCP_MUTATION;
        }
        assert_eq!(server.engine.vbucket(VbId(0)).expect("it exists").high, Seqno(n));
    }
    dcp.verdict();
}
