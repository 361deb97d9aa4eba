//! Values compressed with Snappy, over key-value commands: kept as they come, inflated for who does not read them, and
//! refused when they are none.

use super::client::{Client, value};
use super::requests::{get, set};
use super::running::Running;
use millstream::limits::VALUE_BYTES_MAX;
use millstream::partition::{Change, Decision};
use millstream::types::{Cas, Datatype, RevSeqno, VbId};
use millstream::wire::kv::{
    Arithmetic, ArithmeticAnswer, ArithmeticMode, Concat, ConcatMode, GetAndTouch, GetAnswer,
    GetClusterConfig, GetMeta, GetMetaAnswer, MetaOptions, Store, StoreMode, Touch, WithMeta,
};
use millstream::wire::{Feature, Opcode, Status};

const BOTH: Datatype = Datatype(3);

/// A value as a client sends it that compresses.
pub(super) fn compressed(value: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(value).expect("it fits")
}

/// A document of JSON that is worth compressing.
pub(super) fn long_json() -> Vec<u8> {
    format!("{{\"text\":\"{}\"}}", "again and ".repeat(50)).into_bytes()
}

/// A connection that agreed on these features.
fn agreed(server: &Running, features: &[Feature]) -> Client {
    let mut client = server.client();
    client.agree(features);
    client
}

fn shown(client: &mut Client, key: &[u8]) -> (Datatype, Vec<u8>) {
    let frame = client.read(0, key);
    let answer = GetAnswer::parse(&frame).expect("a document");
    (answer.datatype, answer.value.to_vec())
}

/// The length in front of a compressed value, and nothing that is so long.
fn claim(len: usize) -> Vec<u8> {
    let mut out = compressed(&vec![0; len]);
    out.truncate(64);
    out
}

#[test]
fn a_compressed_value_is_shown_as_each_client_reads_it() {
    let server = Running::start();
    let mut writer = agreed(&server, &[Feature::SNAPPY, Feature::JSON]);
    let plain = long_json();
    let small = compressed(&plain);
    writer.store(Store { datatype: Datatype::SNAPPY, ..set(0, b"bytes", &small) });
    writer.store(Store { datatype: BOTH, ..set(0, b"json", &small) });
    let cases: [(&[Feature], [_; 2]); 5] = [
        (
            &[Feature::SNAPPY, Feature::JSON],
            [(Datatype::SNAPPY, small.clone()), (BOTH, small.clone())],
        ),
        (
            &[Feature::SNAPPY],
            [(Datatype::SNAPPY, small.clone()), (Datatype::SNAPPY, small.clone())],
        ),
        (
            &[Feature::SNAPPY_EVERYWHERE],
            [(Datatype::SNAPPY, small.clone()), (Datatype::SNAPPY, small.clone())],
        ),
        (&[Feature::JSON], [(Datatype::RAW, plain.clone()), (Datatype::JSON, plain.clone())]),
        (&[], [(Datatype::RAW, plain.clone()), (Datatype::RAW, plain.clone())]),
    ];
    for (features, expected) in cases {
        let mut client = agreed(&server, features);
        assert_eq!([&b"bytes"[..], b"json"].map(|key| shown(&mut client, key)), expected);
    }
    let ask = GetMeta { vb: VbId(0), key: b"json", with_datatype: true, quiet: false };
    let frame = writer.ask(|o, out| ask.encode(o, out));
    assert_eq!(GetMetaAnswer::parse(&frame).expect("meta").datatype, Some(BOTH));
}

#[test]
fn what_was_not_agreed_on_or_is_no_snappy_is_refused_and_not_kept() {
    let server = Running::start();
    let small = compressed(&long_json());
    let mut plain = agreed(&server, &[Feature::JSON]);
    let store = Store { datatype: Datatype::SNAPPY, ..set(0, b"key", &small) };
    assert_eq!(plain.refused_store(store), Status::EINVAL);
    let mut client = agreed(&server, &[Feature::SNAPPY]);
    let at_limit = claim(VALUE_BYTES_MAX);
    let past_limit = claim(VALUE_BYTES_MAX + 1);
    let cases = [
        (&b""[..], Status::EINVAL),
        (b"plain text", Status::EINVAL),
        (b"{\"plain\":\"json\"}", Status::EINVAL),
        (&small[..small.len() - 1], Status::EINVAL),
        (b"\xff\xff\xff\xff\x0f", Status::E2BIG),
        (&at_limit, Status::EINVAL),
        (&past_limit, Status::E2BIG),
    ];
    for (value, expected) in cases {
        for mode in [StoreMode::Set, StoreMode::Add, StoreMode::Replace] {
            let store = Store { mode, datatype: Datatype::SNAPPY, ..set(0, b"key", value) };
            let frame = client.ask(|o, out| store.encode(o, out));
            assert_eq!(frame.status(), expected, "{mode:?}");
            let context = String::from_utf8_lossy(frame.value()).into_owned();
            let why = if expected == Status::E2BIG { "inflated" } else { "Snappy" };
            assert!(context.contains(why), "{context}");
        }
        let made = WithMeta {
            opcode: Opcode::SET_WITH_META,
            quiet: false,
            vb: VbId(0),
            expected: Cas::ZERO,
            flags: 0,
            expiry: 0,
            rev: RevSeqno(5),
            cas: Cas(5),
            options: MetaOptions::NONE,
            datatype: Datatype::SNAPPY,
            key: b"key",
            value,
        };
        assert_eq!(client.status(|o, out| made.encode(o, out)), expected);
        client.store(set(0, b"other", b"1"));
        for mode in [ConcatMode::Append, ConcatMode::Prepend] {
            let more = concat(mode, b"other", Datatype::SNAPPY, value);
            assert_eq!(client.status(|o, out| more.encode(o, out)), expected);
        }
        assert_eq!(client.value(0, b"other"), b"1");
    }
    assert!(!client.has(0, b"key"));
    let attributes = Store { datatype: Datatype::XATTR, ..set(0, b"key", b"\0\0\0\0") };
    assert_eq!(client.refused_store(attributes), Status::EINVAL, "attributes are not built");
}

fn concat<'a>(mode: ConcatMode, key: &'a [u8], datatype: Datatype, value: &'a [u8]) -> Concat<'a> {
    Concat { mode, quiet: false, vb: VbId(0), cas: Cas::ZERO, datatype, key, value }
}

#[test]
fn who_says_that_a_compressed_value_is_json_is_believed_when_it_is() {
    let server = Running::start();
    let mut client = agreed(&server, &[Feature::SNAPPY, Feature::JSON]);
    let good = compressed(&long_json());
    let bad = compressed(&"no json at all ".repeat(20).into_bytes());
    client.store(Store { datatype: BOTH, ..set(0, b"good", &good) });
    client.store(Store { datatype: BOTH, ..set(0, b"bad", &bad) });
    assert_eq!(shown(&mut client, b"good"), (BOTH, good));
    assert_eq!(shown(&mut client, b"bad"), (Datatype::SNAPPY, bad));
}

#[test]
fn a_compressed_value_grows_counts_and_is_touched() {
    let server = Running::start();
    let mut client = agreed(&server, &[Feature::SNAPPY, Feature::JSON]);
    let middle = "middle ".repeat(30);
    client.store(Store {
        datatype: Datatype::SNAPPY,
        ..set(0, b"text", &compressed(middle.as_bytes()))
    });
    let (front, back) = ("front ".repeat(20), "back ".repeat(20));
    let front_small = compressed(front.as_bytes());
    let more = concat(ConcatMode::Prepend, b"text", Datatype::SNAPPY, &front_small);
    assert_eq!(client.status(|o, out| more.encode(o, out)), Status::SUCCESS);
    let more = concat(ConcatMode::Append, b"text", Datatype::RAW, back.as_bytes());
    assert_eq!(client.status(|o, out| more.encode(o, out)), Status::SUCCESS);
    let joined = format!("{front}{middle}{back}");
    assert_eq!(shown(&mut client, b"text"), (Datatype::RAW, joined.into_bytes()));

    client.store(Store { datatype: Datatype::SNAPPY, ..set(0, b"count", &compressed(b"41")) });
    let count = Arithmetic {
        mode: ArithmeticMode::Increment,
        quiet: false,
        vb: VbId(0),
        delta: 1,
        initial: 0,
        expiry: 0,
        key: b"count",
    };
    let frame = client.ask(|o, out| count.encode(o, out));
    assert_eq!(ArithmeticAnswer::parse(&frame).expect("a count").count, 42);
    assert_eq!(shown(&mut client, b"count"), (Datatype::RAW, b"42".to_vec()));

    let small = compressed(&long_json());
    client.store(Store { datatype: BOTH, ..set(0, b"touched", &small) });
    let touch = Touch { vb: VbId(0), expiry: 4_000_000_000, key: b"touched" };
    assert_eq!(client.status(|o, out| touch.encode(o, out)), Status::SUCCESS);
    assert_eq!(shown(&mut client, b"touched"), (BOTH, small.clone()));
    let gat = GetAndTouch { vb: VbId(0), expiry: 4_000_000_001, key: b"touched", quiet: false };
    for (features, expected) in [
        (&[Feature::SNAPPY, Feature::JSON][..], (BOTH, small.clone())),
        (&[Feature::JSON], (Datatype::JSON, long_json())),
        (&[], (Datatype::RAW, long_json())),
    ] {
        let mut client = agreed(&server, features);
        let frame = client.ask(|o, out| gat.encode(o, out));
        let answer = GetAnswer::parse(&frame).expect("a document");
        assert_eq!((answer.datatype, answer.value.to_vec()), expected, "{features:?}");
    }
}

#[test]
fn a_value_that_an_embedder_marked_wrongly_is_an_error_only_for_who_cannot_read_it() {
    let server = Running::start();
    let change = Change { datatype: Datatype::SNAPPY, ..Change::set(&b"plain text"[..]) };
    let mut session = server.engine.session("embedder");
    let written =
        session.update(VbId(0), &b"key"[..], None, |_| Decision::<()>::Write(change.clone()));
    written.expect("it is not looked at");
    let mut reader = agreed(&server, &[Feature::SNAPPY]);
    assert_eq!(shown(&mut reader, b"key"), (Datatype::SNAPPY, b"plain text".to_vec()));
    let mut plain = server.client();
    assert_eq!(plain.status(|o, out| get(0, b"key").encode(o, out)), Status::EINTERNAL);
    for mode in [ConcatMode::Append, ConcatMode::Prepend] {
        let more = concat(mode, b"key", Datatype::RAW, b"more");
        assert_eq!(plain.status(|o, out| more.encode(o, out)), Status::EINTERNAL);
    }
}

#[test]
fn answers_may_be_compressed_where_that_was_agreed_on() {
    let server = Running::start();
    let config = GetClusterConfig { known: None };
    let mut plain = agreed(&server, &[Feature::SNAPPY, Feature::JSON]);
    let text = value(&plain.ask(|o, out| config.encode(o, out)));
    let mut client = agreed(&server, &[Feature::SNAPPY_EVERYWHERE, Feature::JSON]);
    let frame = client.ask(|o, out| config.encode(o, out));
    if frame.datatype() == BOTH {
        let inflated = snap::raw::Decoder::new().decompress_vec(frame.value()).expect("Snappy");
        assert_eq!(inflated, text);
    } else {
        assert_eq!((frame.datatype(), frame.value()), (Datatype::JSON, &text[..]));
    }
    let select = millstream::wire::kv::SelectBucket { bucket: b"default" };
    for client in [&mut plain, &mut client] {
        assert_eq!(client.status(|o, out| select.encode(o, out)), Status::SUCCESS);
    }
    let text = value(&plain.ask(|o, out| config.encode(o, out)));
    let frame = client.ask(|o, out| config.encode(o, out));
    assert_eq!(frame.datatype(), BOTH, "a map of all vbuckets is worth it");
    let inflated = snap::raw::Decoder::new().decompress_vec(frame.value()).expect("Snappy");
    assert_eq!(inflated, text);
}
