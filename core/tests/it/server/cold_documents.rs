//! Documents that are in the store only, and writes when memory is full.

use super::dcp::{Dcp, from_zero};
use super::gated::{Gate, gated_store};
use super::requests::{delete, get, set};
use super::running::{Running, Wanted};
use bytes::BytesMut;
use millstream::Engine;
use millstream::engine::EngineSettings;
use millstream::types::{Cas, Datatype, Opaque, Seqno, VbId};
use millstream::wire::Status;
use millstream::wire::kv::{
    Arithmetic, ArithmeticAnswer, ArithmeticMode, Concat, ConcatMode, GetAndTouch, GetAnswer, Noop,
    Store, Touch,
};

/// A server that keeps next to nothing in memory.
fn tight() -> Running {
    let mut engine = EngineSettings::default();
    engine.memory_bytes = 256 * 1024;
    Wanted { engine, ..Wanted::default() }.start()
}

/// Writes until the first documents of vbucket 0 have left memory.
fn push_out(server: &Running) {
    let mut client = server.client();
    let value = [b'f'; 512];
    let mut n = 0;
    while server.engine.vbucket(VbId(0)).expect("it exists").log_floor <= Seqno(10) {
        let key = format!("filler-{}", n % 512);
        let filler = set(0, key.as_bytes(), &value);
        let status = client.status(|o, out| filler.encode(o, out));
        assert!(matches!(status, Status::SUCCESS | Status::ETMPFAIL), "{status}");
        n += 1;
    }
}

#[test]
fn commands_read_the_store_when_they_need_it() {
    let server = tight();
    let mut client = server.client();
    client.store(Store { flags: 5, ..set(0, b"get", b"cold") });
    client.store(set(0, b"append", b"cold"));
    client.store(set(0, b"counter", b"41"));
    client.store(set(0, b"touch", b"cold"));
    let cas = client.store(set(0, b"gat", b"cold"));
    client.store(set(0, b"delete", b"cold"));
    client.store(set(0, b"overwrite", b"cold"));
    push_out(&server);
    let frame = client.read(0, b"get");
    let answer = GetAnswer::parse(&frame).expect("it is there");
    assert_eq!((answer.flags, answer.value), (5, &b"cold"[..]));
    let append = Concat {
        mode: ConcatMode::Append,
        quiet: false,
        vb: VbId(0),
        cas: Cas::ZERO,
        datatype: Datatype::RAW,
        key: b"append",
        value: b" and warm",
    };
    assert_eq!(client.status(|o, out| append.encode(o, out)), Status::SUCCESS);
    assert_eq!(client.value(0, b"append"), b"cold and warm");
    let mode = ArithmeticMode::Increment;
    let (vb, key, expiry) = (VbId(0), &b"counter"[..], 0);
    let up = Arithmetic { mode, quiet: false, vb, delta: 1, initial: 0, expiry, key };
    let frame = client.ask(|o, out| up.encode(o, out));
    assert_eq!(ArithmeticAnswer::parse(&frame).expect("counted").count, 42);
    let touch = Touch { vb, expiry: 1000, key: b"touch" };
    assert_eq!(client.status(|o, out| touch.encode(o, out)), Status::SUCCESS);
    assert_eq!(client.value(0, b"touch"), b"cold");
    let gat = GetAndTouch { vb, expiry: 0, key: b"gat", quiet: false };
    let frame = client.ask(|o, out| gat.encode(o, out));
    assert_eq!((frame.value(), frame.cas()), (&b"cold"[..], cas), "its time was that already");
    assert_eq!(client.status(|o, out| delete(0, b"delete").encode(o, out)), Status::SUCCESS);
    assert!(!client.has(0, b"delete"));
    client.store(set(0, b"overwrite", b"warm"));
    assert_eq!(client.value(0, b"overwrite"), b"warm");
}

#[test]
fn answers_keep_their_order_around_a_read_of_the_store() {
    let server = tight();
    let mut client = server.client();
    client.store(set(0, b"cold", b"cold"));
    push_out(&server);
    let mut out = BytesMut::new();
    for n in 0..100 {
        let key: &[u8] = if n % 3 == 0 { b"cold" } else { b"none" };
        get(0, key).encode(Opaque(n), &mut out);
    }
    client.send(&out);
    for n in 0..100 {
        let frame = client.next();
        let status = if n % 3 == 0 { Status::SUCCESS } else { Status::KEY_ENOENT };
        assert_eq!((frame.opaque(), frame.status()), (Opaque(n), status));
    }
}

#[test]
fn a_stream_reads_what_memory_no_longer_has() {
    let server = tight();
    push_out(&server);
    let mut dcp = Dcp::open(&server, "backfill");
    dcp.stream(&from_zero(0));
    let high = server.engine.vbucket(VbId(0)).expect("it exists").high;
    dcp.documents(high);
    dcp.verdict();
}

#[test]
fn a_write_waits_for_memory_and_is_refused_in_the_end() {
    let gate = Gate::default();
    let mut settings = EngineSettings::default();
    settings.memory_bytes = 256 * 1024;
    let engine = Engine::builder(gated_store(16, &gate)).settings(settings).open();
    let server = Running::over(engine.expect("an engine"), Wanted::default().server);
    let mut client = server.client();
    gate.shut();
    let value = [b'v'; 512];
    let mut n = 0;
    let refused = loop {
        let key = format!("key-{n}");
        let status = client.status(|o, out| set(0, key.as_bytes(), &value).encode(o, out));
        if status != Status::SUCCESS {
            break status;
        }
        n += 1;
        assert!(n < 10_000, "memory has no end");
    };
    assert_eq!(refused, Status::ETMPFAIL);
    // Reads go on, and so do later requests behind one that waits.
    assert!(client.has(0, b"key-0"));
    let waiting = client.request(|o, out| set(0, b"late", &value).encode(o, out));
    let behind = client.request(|o, out| Noop.encode(o, out));
    gate.open();
    for opaque in [waiting, behind] {
        let frame = client.next();
        assert_eq!((frame.opaque(), frame.status()), (opaque, Status::SUCCESS));
    }
    assert!(client.has(0, b"late"));
}
