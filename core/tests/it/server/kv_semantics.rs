//! What each document command does, and how it refuses.

use super::client::Client;
use super::requests::{delete, get, set};
use super::running::Running;
use bytes::BytesMut;
use millstream::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use millstream::types::{Cas, Datatype, Opaque, VbId, VbState};
use millstream::wire::kv::{
    Arithmetic, ArithmeticAnswer, ArithmeticMode, Concat, ConcatMode, Delete, Get, GetAndTouch,
    GetAnswer, Hello, MutationToken, Noop, Store, StoreMode, Touch, WriteAnswer,
};
use millstream::wire::{Feature, FeatureSet, Header, Magic, Opcode, Response, Status};

fn counter(mode: ArithmeticMode, delta: u64) -> Arithmetic<'static> {
    let vb = VbId(0);
    Arithmetic { mode, quiet: false, vb, delta, initial: 10, expiry: 0, key: b"counter" }
}

fn count(client: &mut Client, arithmetic: Arithmetic<'_>) -> u64 {
    let frame = client.ask(|opaque, out| arithmetic.encode(opaque, out));
    ArithmeticAnswer::parse(&frame).unwrap_or_else(|error| panic!("{error}")).count
}

fn hello(client: &mut Client, features: &[Feature]) {
    let hello = Hello { agent: b"test", features: FeatureSet::of(features) };
    assert_eq!(client.status(|opaque, out| hello.encode(opaque, out)), Status::SUCCESS);
}

#[test]
fn a_document_is_read_as_it_was_written() {
    let server = Running::start();
    let mut client = server.client();
    let cas = client.store(Store { flags: 0xdead_beef, ..set(1, b"key", b"value") });
    let frame = client.read(1, b"key");
    let answer = GetAnswer::parse(&frame).expect("it is there");
    let expected =
        GetAnswer { cas, flags: 0xdead_beef, datatype: Datatype::RAW, key: &[], value: b"value" };
    assert_eq!(answer, expected);
    assert!(!client.has(2, b"key"), "another vbucket has documents of its own");
    assert!(!client.has(1, b"other"));
    let empty = client.store(set(1, b"key", b""));
    assert!(empty > cas, "tokens rise");
    assert_eq!(client.value(1, b"key"), b"");
}

#[test]
fn getk_answers_with_the_key() {
    let server = Running::start();
    let mut client = server.client();
    client.store(set(0, b"key", b"value"));
    for (key, found) in [(&b"key"[..], true), (b"none", false)] {
        let getk = Get { with_key: true, ..get(0, key) };
        let frame = client.ask(|opaque, out| getk.encode(opaque, out));
        assert_eq!(frame.status().is_success(), found);
        assert_eq!(frame.key(), key);
    }
}

#[test]
fn add_and_replace_look_first() {
    let server = Running::start();
    let mut client = server.client();
    let add = |value| Store { mode: StoreMode::Add, ..set(0, b"key", value) };
    let replace = |value| Store { mode: StoreMode::Replace, ..set(0, b"key", value) };
    assert_eq!(client.refused_store(replace(b"1")), Status::KEY_ENOENT);
    client.store(add(b"2"));
    assert_eq!(client.refused_store(add(b"3")), Status::KEY_EEXISTS);
    client.store(replace(b"4"));
    assert_eq!(client.value(0, b"key"), b"4");
    client.status(|opaque, out| delete(0, b"key").encode(opaque, out));
    assert_eq!(client.refused_store(replace(b"5")), Status::KEY_ENOENT, "a tombstone is nothing");
    client.store(add(b"6"));
    assert_eq!(client.value(0, b"key"), b"6");
}

#[test]
fn a_cas_has_to_match() {
    let server = Running::start();
    let mut client = server.client();
    let with = |cas, value| Store { cas, ..set(0, b"key", value) };
    assert_eq!(client.refused_store(with(Cas(5), b"0")), Status::KEY_ENOENT);
    let first = client.store(set(0, b"key", b"1"));
    let second = client.store(with(first, b"2"));
    assert_eq!(client.refused_store(with(first, b"3")), Status::KEY_EEXISTS);
    let replace = Store { mode: StoreMode::Replace, ..with(first, b"3") };
    assert_eq!(client.refused_store(replace), Status::KEY_EEXISTS);
    let append = Concat {
        mode: ConcatMode::Append,
        quiet: false,
        vb: VbId(0),
        cas: first,
        datatype: Datatype::RAW,
        key: b"key",
        value: b"+",
    };
    assert_eq!(client.status(|o, out| append.encode(o, out)), Status::KEY_EEXISTS);
    let stale = Delete { cas: first, ..delete(0, b"key") };
    assert_eq!(client.status(|o, out| stale.encode(o, out)), Status::KEY_EEXISTS);
    assert_eq!(client.value(0, b"key"), b"2");
    let fresh = Delete { cas: second, ..delete(0, b"key") };
    assert_eq!(client.status(|o, out| fresh.encode(o, out)), Status::SUCCESS);
    assert_eq!(client.status(|o, out| fresh.encode(o, out)), Status::KEY_ENOENT);
}

#[test]
fn append_and_prepend_keep_flags_and_time() {
    let server = Running::start();
    let mut client = server.client();
    let concat = |mode, value| Concat {
        mode,
        quiet: false,
        vb: VbId(0),
        cas: Cas::ZERO,
        datatype: Datatype::RAW,
        key: b"key",
        value,
    };
    let append = concat(ConcatMode::Append, b" and more");
    assert_eq!(client.status(|o, out| append.encode(o, out)), Status::NOT_STORED);
    client.store(Store { flags: 7, ..set(0, b"key", b"middle") });
    assert_eq!(client.status(|o, out| append.encode(o, out)), Status::SUCCESS);
    let prepend = concat(ConcatMode::Prepend, b"the ");
    assert_eq!(client.status(|o, out| prepend.encode(o, out)), Status::SUCCESS);
    let frame = client.read(0, b"key");
    let answer = GetAnswer::parse(&frame).expect("it is there");
    assert_eq!((answer.flags, answer.value), (7, &b"the middle and more"[..]));
}

#[test]
fn counters_count() {
    use ArithmeticMode::{Decrement, Increment};
    let server = Running::start();
    let mut client = server.client();
    let must_exist = Arithmetic { expiry: Arithmetic::MUST_EXIST, ..counter(Increment, 1) };
    assert_eq!(client.status(|o, out| must_exist.encode(o, out)), Status::KEY_ENOENT);
    assert_eq!(count(&mut client, counter(Increment, 5)), 10, "its initial value");
    assert_eq!(count(&mut client, counter(Increment, 5)), 15);
    assert_eq!(count(&mut client, must_exist), 16);
    assert_eq!(client.value(0, b"counter"), b"16");
    assert_eq!(count(&mut client, counter(Decrement, 100)), 0, "it stops at nothing");
    client.store(Store { flags: 3, ..set(0, b"counter", b"18446744073709551615") });
    assert_eq!(count(&mut client, counter(Increment, 2)), 1, "it goes round");
    let frame = client.read(0, b"counter");
    assert_eq!(GetAnswer::parse(&frame).expect("it is there").flags, 3);
    for bad in [&b"12a"[..], b"", b"-1", b"18446744073709551616", b" 1"] {
        client.store(set(0, b"counter", bad));
        let status = client.status(|o, out| counter(Increment, 1).encode(o, out));
        assert_eq!(status, Status::DELTA_BADVAL, "{bad:?}");
    }
}

#[test]
fn touch_changes_the_time_alone() {
    let server = Running::start();
    let mut client = server.client();
    let touch = |expiry| Touch { vb: VbId(0), expiry, key: b"key" };
    assert_eq!(client.status(|o, out| touch(100).encode(o, out)), Status::KEY_ENOENT);
    let before = client.store(Store { flags: 9, ..set(0, b"key", b"value") });
    let frame = client.ask(|o, out| touch(1000).encode(o, out));
    let touched = WriteAnswer::parse(&frame).expect("touched");
    assert!(touched.cas > before && touched.token.is_none());
    let gat = GetAndTouch { vb: VbId(0), expiry: 0, key: b"key", quiet: false };
    let frame = client.ask(|o, out| gat.encode(o, out));
    let answer = GetAnswer::parse(&frame).expect("it is there");
    assert!(answer.cas > touched.cas);
    assert_eq!((answer.flags, answer.value), (9, &b"value"[..]));
    let again = client.ask(|o, out| gat.encode(o, out));
    assert_eq!(again.cas(), frame.cas(), "nothing changed, nothing is written");
    assert_eq!(client.status(|o, out| touch(1_000_000_000).encode(o, out)), Status::SUCCESS);
    assert!(!client.has(0, b"key"), "a time in the past is over at once");
    assert_eq!(client.status(|o, out| gat.encode(o, out)), Status::KEY_ENOENT);
}

#[test]
fn a_document_whose_time_has_run_out_is_gone() {
    let server = Running::start();
    let mut client = server.client();
    let past = |key| Store { expiry: 1_000_000_000, ..set(0, key, b"1") };
    client.store(past(b"get"));
    assert!(!client.has(0, b"get"));
    client.store(past(b"replace"));
    let replace = Store { mode: StoreMode::Replace, ..set(0, b"replace", b"2") };
    assert_eq!(client.refused_store(replace), Status::KEY_ENOENT);
    client.store(past(b"add"));
    client.store(Store { mode: StoreMode::Add, ..set(0, b"add", b"2") });
    assert_eq!(client.value(0, b"add"), b"2");
    client.store(past(b"delete"));
    let status = client.status(|o, out| delete(0, b"delete").encode(o, out));
    assert_eq!(status, Status::KEY_ENOENT);
    client.store(past(b"counter"));
    assert_eq!(count(&mut client, counter(ArithmeticMode::Increment, 1)), 10);
    client.store(Store { expiry: 30 * 24 * 60 * 60, ..set(0, b"relative", b"1") });
    assert!(client.has(0, b"relative"), "thirty days are counted from now");
}

#[test]
fn quiet_commands_tell_only_what_is_worth_telling() {
    let server = Running::start();
    let mut client = server.client();
    let mut out = BytesMut::new();
    let quiet = |store: Store<'static>| Store { quiet: true, ..store };
    quiet(set(0, b"key", b"1")).encode(Opaque(1), &mut out);
    quiet(Store { mode: StoreMode::Add, ..set(0, b"key", b"2") }).encode(Opaque(2), &mut out);
    Get { quiet: true, ..get(0, b"none") }.encode(Opaque(3), &mut out);
    Get { quiet: true, ..get(0, b"key") }.encode(Opaque(4), &mut out);
    Delete { quiet: true, ..delete(0, b"key") }.encode(Opaque(5), &mut out);
    Delete { quiet: true, ..delete(0, b"key") }.encode(Opaque(6), &mut out);
    let up = counter(ArithmeticMode::Increment, 1);
    Arithmetic { quiet: true, ..up }.encode(Opaque(7), &mut out);
    GetAndTouch { vb: VbId(0), expiry: 0, key: b"none", quiet: true }.encode(Opaque(8), &mut out);
    Noop.encode(Opaque(9), &mut out);
    client.send(&out);
    let told: Vec<_> = (0..4).map(|_| client.next()).map(|f| (f.opaque().0, f.status())).collect();
    let expected = [
        (2, Status::KEY_EEXISTS),
        (4, Status::SUCCESS),
        (6, Status::KEY_ENOENT),
        (9, Status::SUCCESS),
    ];
    assert_eq!(told, expected);
    assert_eq!(client.value(0, b"counter"), b"10", "what was not told was done");
}

#[test]
fn keys_and_values_have_limits() {
    let server = Running::start();
    let mut client = server.client();
    let longest = [b'k'; KEY_BYTES_MAX];
    client.store(set(0, &longest, b"1"));
    assert!(client.has(0, &longest));
    let too_long = [b'k'; KEY_BYTES_MAX + 1];
    assert_eq!(client.refused_store(set(0, &too_long, b"1")), Status::EINVAL);
    let status = client.status(|o, out| get(0, &too_long).encode(o, out));
    assert_eq!(status, Status::EINVAL);
    assert_eq!(client.refused_store(set(0, b"", b"1")), Status::EINVAL);
    let largest = vec![b'v'; VALUE_BYTES_MAX];
    client.store(set(0, b"large", &largest));
    assert_eq!(client.value(0, b"large").len(), VALUE_BYTES_MAX);
    let too_large = vec![b'v'; VALUE_BYTES_MAX + 1];
    assert_eq!(client.refused_store(set(0, b"large", &too_large)), Status::E2BIG);
    let append = Concat {
        mode: ConcatMode::Append,
        quiet: false,
        vb: VbId(0),
        cas: Cas::ZERO,
        datatype: Datatype::RAW,
        key: b"large",
        value: b"v",
    };
    assert_eq!(client.status(|o, out| append.encode(o, out)), Status::E2BIG);
    assert_eq!(client.value(0, b"large").len(), VALUE_BYTES_MAX, "the connection goes on");
}

#[test]
fn a_vbucket_has_to_be_here_and_active() {
    let server = Running::start();
    let mut client = server.client();
    assert_eq!(client.refused_store(set(16, b"key", b"1")), Status::NOT_MY_VBUCKET);
    let status = client.status(|o, out| get(16, b"key").encode(o, out));
    assert_eq!(status, Status::NOT_MY_VBUCKET);
    client.store(set(2, b"key", b"1"));
    for state in [VbState::Replica, VbState::Pending, VbState::Dead] {
        server.engine.set_vbucket_state(VbId(2), state).expect("there is such a vbucket");
        assert_eq!(client.refused_store(set(2, b"key", b"2")), Status::NOT_MY_VBUCKET);
        let status = client.status(|o, out| get(2, b"key").encode(o, out));
        assert_eq!(status, Status::NOT_MY_VBUCKET);
    }
    server.engine.set_vbucket_state(VbId(2), VbState::Active).expect("there is such a vbucket");
    assert_eq!(client.value(2, b"key"), b"1");
    client.store(set(2, b"key", b"2"));
}

#[test]
fn json_is_told_to_those_who_asked_for_it() {
    let server = Running::start();
    let (mut knows, mut plain) = (server.client(), server.client());
    hello(&mut knows, &[Feature::JSON]);
    let json = Store { datatype: Datatype::JSON, ..set(0, b"key", b"{}") };
    assert_eq!(plain.refused_store(json), Status::EINVAL, "it did not agree to send JSON");
    knows.store(json);
    assert_eq!(knows.read(0, b"key").datatype(), Datatype::JSON);
    // Who claims what is not so is not believed.
    knows.store(Store { datatype: Datatype::JSON, ..set(0, b"other", b"{{{") });
    assert_eq!(knows.read(0, b"other").datatype(), Datatype::RAW);
    assert_eq!(plain.read(0, b"key").datatype(), Datatype::RAW);
    for datatype in [Datatype::SNAPPY, Datatype::XATTR, Datatype(8)] {
        let strange = Store { datatype, ..set(0, b"key", b"{}") };
        assert_eq!(knows.refused_store(strange), Status::EINVAL, "{datatype:?}");
    }
    let concat = Concat {
        mode: ConcatMode::Append,
        quiet: false,
        vb: VbId(0),
        cas: Cas::ZERO,
        datatype: Datatype::RAW,
        key: b"key",
        value: b"{}",
    };
    assert_eq!(knows.status(|o, out| concat.encode(o, out)), Status::SUCCESS);
    assert_eq!(knows.read(0, b"key").datatype(), Datatype::RAW, "two objects are none");
}

#[test]
fn tokens_tell_where_a_write_is() {
    let server = Running::start();
    let mut client = server.client();
    hello(&mut client, &[Feature::MUTATION_SEQNO]);
    let uuid = server.engine.failover_log(VbId(5)).expect("it exists")[0].uuid;
    for n in 1..4 {
        let frame = client.ask(|o, out| set(5, b"key", b"1").encode(o, out));
        let token = WriteAnswer::parse(&frame).expect("written").token;
        assert_eq!(token, Some(MutationToken { uuid, seqno: n.into() }));
    }
    let frame = client.ask(|o, out| delete(5, b"key").encode(o, out));
    let token = WriteAnswer::parse(&frame).expect("deleted").token;
    assert_eq!(token, Some(MutationToken { uuid, seqno: 4.into() }));
    let mut five = counter(ArithmeticMode::Increment, 1);
    five.vb = VbId(5);
    let frame = client.ask(|o, out| five.encode(o, out));
    let token = ArithmeticAnswer::parse(&frame).expect("counted").token;
    assert_eq!(token, Some(MutationToken { uuid, seqno: 5.into() }));
}

#[test]
fn what_is_not_built_is_refused_and_the_connection_goes_on() {
    let server = Running::start();
    let mut client = server.client();
    let bare = |opcode| Header {
        magic: Magic::REQUEST,
        opcode,
        framing_len: 0,
        key_len: 0,
        extras_len: 0,
        datatype: Datatype::RAW,
        vbucket_or_status: 0,
        body_len: 0,
        opaque: Opaque(1),
        cas: Cas::ZERO,
    };
    let cases = [
        (Opcode::FLUSH, Status::NOT_SUPPORTED),
        (Opcode::FLUSHQ, Status::NOT_SUPPORTED),
        (Opcode(0xc5), Status::UNKNOWN_COMMAND),
        (Opcode::SUBDOC_MULTI_LOOKUP, Status::UNKNOWN_COMMAND),
        (Opcode::SUBDOC_MULTI_MUTATION, Status::UNKNOWN_COMMAND),
        (Opcode(0xd2), Status::UNKNOWN_COMMAND),
        (Opcode(0xb9), Status::UNKNOWN_COMMAND),
        (Opcode(0x1b), Status::UNKNOWN_COMMAND),
        (Opcode(0xff), Status::UNKNOWN_COMMAND),
    ];
    for (opcode, status) in cases {
        client.send(&bare(opcode).to_bytes());
        let frame = client.next();
        let answer = Response::parse(&frame).expect("an answer");
        assert_eq!((answer.opcode, answer.status), (opcode, status), "{opcode}");
    }
    client.store(set(0, b"key", b"value"));
}
