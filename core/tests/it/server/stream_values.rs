//! Values of stream messages, as each connection agreed on them: compressed, inflated, or left out. What is counted is
//! always what is on the wire; every message of these tests is compared with that.

use super::compressed_values::{compressed, long_json};
use super::dcp::{Dcp, from_zero};
use super::requests::{delete, get, set};
use super::running::Running;
use millstream::partition::{Change, Decision};
use millstream::types::{Datatype, EndReason, Seqno, VbId};
use millstream::wire::dcp::{OpenFlags, StreamFlags, StreamMessage, StreamReq};
use millstream::wire::kv::{Hello, Store};
use millstream::wire::{Feature, FeatureSet, Frame, Opcode, Status};

const BOTH: Datatype = Datatype(3);
const ALL: &[Feature] = &[Feature::SNAPPY, Feature::JSON];

/// Bytes that nothing can make shorter.
fn noise() -> Vec<u8> {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word as u8
    };
    (0..400).map(|_| next()).collect()
}

/// What every test's vbucket 0 holds: of JSON and of other bytes one that is kept compressed and one that is not, one
/// that no compressing makes shorter, one that is empty, and a tombstone.
fn scene() -> Running {
    let server = Running::start();
    let mut writer = server.client();
    writer.agree(ALL);
    let (json, text) = (long_json(), text());
    let (json_small, text_small) = (compressed(&json), compressed(&text));
    let noise = noise();
    for (key, datatype, value) in [
        (&b"json"[..], Datatype::JSON, &json),
        (b"json-small", BOTH, &json_small),
        (b"text", Datatype::RAW, &text),
        (b"text-small", Datatype::SNAPPY, &text_small),
        (b"noise", Datatype::RAW, &noise),
        (b"empty", Datatype::RAW, &Vec::new()),
    ] {
        writer.store(Store { datatype, ..set(0, key, value) });
    }
    writer.store(set(0, b"gone", b"1"));
    writer.status(|o, out| delete(0, b"gone").encode(o, out));
    server
}

fn text() -> Vec<u8> {
    b"the same again, ".repeat(30)
}

/// Key, datatype and value of the documents, from memory and from the store.
fn documents(
    server: &Running,
    flags: OpenFlags,
    features: &[Feature],
    controls: &[&str],
) -> Vec<(Vec<u8>, Datatype, Vec<u8>)> {
    persist(server);
    let mut all = Vec::new();
    for source in [StreamFlags::NONE, StreamFlags::DISK_ONLY] {
        let mut dcp = Dcp::open_as(server, "values", flags, features);
        for control in controls {
            dcp.control(control, "true");
        }
        dcp.stream(&StreamReq { flags: source, end: Seqno(8), ..from_zero(0) });
        all.push(until_end(&mut dcp));
        assert_eq!(sent(server, "values"), (dcp.counted, dcp.counted + saved(&all[0])));
        dcp.verdict();
    }
    assert_eq!(all[0], all[1], "memory and store");
    all.swap_remove(0)
}

/// What the compressed values among these had taken more if they were inflated.
fn saved(documents: &[(Vec<u8>, Datatype, Vec<u8>)]) -> u64 {
    let small = documents
        .iter()
        .filter(|(_, datatype, value)| datatype.contains(Datatype::SNAPPY) && !value.is_empty());
    small.map(|(_, _, value)| (inflated(value).len() - value.len()) as u64).sum()
}

fn inflated(value: &[u8]) -> Vec<u8> {
    snap::raw::Decoder::new().decompress_vec(value).expect("Snappy")
}

/// Bytes sent on a connection, and what they had been inflated.
fn sent(server: &Running, name: &str) -> (u64, u64) {
    let connections = server.engine.connections();
    let ours = connections.iter().find(|c| c.name == name && !c.pending_disconnect);
    let ours = ours.expect("it is there");
    (ours.bytes_sent, ours.uncompressed_bytes_sent)
}

fn until_end(dcp: &mut Dcp) -> Vec<(Vec<u8>, Datatype, Vec<u8>)> {
    let mut documents = Vec::new();
    loop {
        let frame = dcp.event();
        match StreamMessage::parse(&frame).expect("a message of a stream") {
            StreamMessage::Mutation(m) => {
                documents.push((m.key.to_vec(), m.datatype, m.value.to_vec()));
            }
            StreamMessage::Deletion(d) => {
                assert_eq!((d.datatype, d.value), (Datatype::RAW, &b""[..]));
                documents.push((d.key.to_vec(), d.datatype, Vec::new()));
            }
            StreamMessage::SnapshotMarker(_) => {}
            StreamMessage::StreamEnd(e) => {
                assert_eq!(e.reason, EndReason::Ok as u32);
                return documents;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Waits until vbucket 0 is persisted.
fn persist(server: &Running) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while server.engine.vbucket(VbId(0)).is_none_or(|stats| stats.persisted < stats.high) {
        assert!(std::time::Instant::now() < deadline, "it is persisted");
        std::thread::yield_now();
    }
}

/// The documents of the scene with these datatypes and values.
fn expected(rows: [(Datatype, Vec<u8>); 5]) -> Vec<(Vec<u8>, Datatype, Vec<u8>)> {
    let keys = [&b"json"[..], b"json-small", b"text", b"text-small", b"noise"];
    let rows =
        keys.into_iter().zip(rows).map(|(key, (datatype, value))| (key.to_vec(), datatype, value));
    let rest = [b"empty", &b"gone"[..]].map(|key| (key.to_vec(), Datatype::RAW, Vec::new()));
    rows.chain(rest).collect()
}

#[test]
fn a_value_that_is_kept_compressed_is_inflated_for_who_did_not_ask_for_it() {
    let server = scene();
    let plain = |json| {
        expected([
            (json, long_json()),
            (json, long_json()),
            (Datatype::RAW, text()),
            (Datatype::RAW, text()),
            (Datatype::RAW, noise()),
        ])
    };
    assert_eq!(documents(&server, OpenFlags::PRODUCER, &[], &[]), plain(Datatype::RAW));
    let json = documents(&server, OpenFlags::PRODUCER, &[Feature::JSON], &[]);
    assert_eq!(json, plain(Datatype::JSON));
}

#[test]
fn a_value_is_sent_as_it_is_kept_to_who_reads_it() {
    let server = scene();
    let kept = |json: Datatype| {
        expected([
            (json, long_json()),
            (json.with(Datatype::SNAPPY), compressed(&long_json())),
            (Datatype::RAW, text()),
            (Datatype::SNAPPY, compressed(&text())),
            (Datatype::RAW, noise()),
        ])
    };
    assert_eq!(documents(&server, OpenFlags::PRODUCER, ALL, &[]), kept(Datatype::JSON));
    let snappy = documents(&server, OpenFlags::PRODUCER, &[Feature::SNAPPY], &[]);
    assert_eq!(snappy, kept(Datatype::RAW));
}

#[test]
fn forced_compression_is_kept_where_it_is_worth_it() {
    let server = scene();
    let mut refused = Dcp::open(&server, "refused");
    assert_eq!(refused.try_control("force_value_compression", "true"), Status::EINVAL);
    let forced = documents(&server, OpenFlags::PRODUCER, ALL, &["force_value_compression"]);
    let shape: Vec<_> = forced.iter().map(|(key, datatype, _)| (&key[..], datatype.0)).collect();
    assert_eq!(
        shape,
        [
            (&b"json"[..], 3),
            (b"json-small", 3),
            (b"text", 2),
            (b"text-small", 2),
            (b"noise", 0),
            (b"empty", 0),
            (b"gone", 0)
        ]
    );
    for (at, plain) in [(0, long_json()), (1, long_json()), (2, text()), (3, text())] {
        assert!(forced[at].2.len() * 100 <= plain.len() * 85);
        assert_eq!(inflated(&forced[at].2), plain);
    }
    assert_eq!(forced[1].2, compressed(&long_json()), "as it was");
    assert_eq!(forced[4].2, noise());
}

#[test]
fn values_are_left_out_of_messages_and_of_what_is_counted() {
    let server = scene();
    let empty = |rows: [u8; 5]| expected(rows.map(|datatype| (Datatype(datatype), Vec::new())));
    let without = OpenFlags::PRODUCER.with(OpenFlags::NO_VALUE);
    for features in [&[][..], &[Feature::SNAPPY], ALL] {
        assert_eq!(documents(&server, without, features, &[]), empty([0; 5]), "{features:?}");
    }
    let with_datatype = OpenFlags::PRODUCER.with(OpenFlags::NO_VALUE_WITH_DATATYPE);
    for (features, datatypes) in [
        (&[][..], [0, 0, 0, 0, 0]),
        (&[Feature::JSON], [1, 1, 0, 0, 0]),
        (&[Feature::SNAPPY], [0, 2, 0, 2, 0]),
        (ALL, [1, 3, 0, 2, 0]),
    ] {
        let shown = documents(&server, with_datatype, features, &[]);
        assert_eq!(shown, empty(datatypes), "{features:?}");
    }
    let forced = documents(&server, without, ALL, &["force_value_compression"]);
    assert_eq!(forced, empty([0; 5]), "there is nothing to compress");
}

#[test]
fn values_that_are_left_out_are_not_read_ahead_either() {
    let server = Running::start();
    let mut writer = server.client();
    for n in 0..8 {
        writer.store(set(0, format!("key-{n}").as_bytes(), &[b'v'; 20_000]));
    }
    persist(&server);
    let without = OpenFlags::PRODUCER.with(OpenFlags::NO_VALUE);
    // Seven of eight, whose keys are kept with the id of their collection.
    for (flags, kept) in [(OpenFlags::PRODUCER, 7 * (6 + 20_000)), (without, 7 * 6)] {
        let mut dcp = Dcp::open_with(&server, "ahead", flags);
        // Room for the marker and one more message: the rest stays where it was read to.
        dcp.control("connection_buffer_size", "45");
        dcp.stream(&StreamReq { flags: StreamFlags::DISK_ONLY, ..from_zero(0) });
        dcp.marker();
        dcp.event();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let buffered = || {
            let connections = server.engine.connections();
            let ours = connections.iter().find(|c| c.name == "ahead" && !c.pending_disconnect);
            ours.and_then(|c| c.backfills).map(|backfills| backfills.buffer_bytes)
        };
        while buffered() != Some(kept) {
            assert!(std::time::Instant::now() < deadline, "{:?}, not {kept}", buffered());
            std::thread::yield_now();
        }
    }
}

#[test]
fn both_ways_to_leave_values_out_exclude_each_other() {
    let server = Running::start();
    let flags =
        OpenFlags::PRODUCER.with(OpenFlags::NO_VALUE).with(OpenFlags::NO_VALUE_WITH_DATATYPE);
    let open = millstream::wire::dcp::Open { flags, name: b"both", value: &[] };
    assert_eq!(server.client().status(|o, out| open.encode(o, out)), Status::EINVAL);
}

#[test]
fn the_window_counts_compressed_bytes() {
    let server = Running::start();
    let mut writer = server.client();
    writer.agree(ALL);
    let small = compressed(&vec![b'v'; 20_000]);
    for n in 0..6 {
        let key = format!("key-{n}");
        writer.store(Store { datatype: Datatype::SNAPPY, ..set(0, key.as_bytes(), &small) });
    }
    let each = 55 + 5 + small.len() as u32;
    let mut dcp = Dcp::open_as(&server, "small", OpenFlags::PRODUCER, ALL);
    // Room for the marker and a little more than three messages: one more may pass the end.
    dcp.control("connection_buffer_size", &(44 + 3 * each + 1).to_string());
    dcp.stream(&from_zero(0));
    dcp.marker();
    for _ in 0..4 {
        assert_eq!(dcp.event().wire_len() as u32, each);
    }
    dcp.is_silent();
    dcp.ack(44 + 4 * each);
    for _ in 0..2 {
        assert_eq!(dcp.event().wire_len() as u32, each);
    }
    let mut plain = Dcp::open(&server, "long");
    plain.control("connection_buffer_size", "30000");
    plain.stream(&from_zero(0));
    plain.marker();
    for _ in 0..2 {
        assert_eq!(plain.event().wire_len(), 55 + 5 + 20_000);
    }
    plain.is_silent();
}

#[test]
fn what_is_agreed_on_after_the_opening_counts_from_then_on() {
    let server = Running::start();
    let mut writer = server.client();
    writer.agree(ALL);
    let small = compressed(&text());
    let store = Store { datatype: Datatype::SNAPPY, ..set(0, b"key", &small) };
    let mut dcp = Dcp::open(&server, "late");
    assert_eq!(dcp.try_control("force_value_compression", "true"), Status::EINVAL);
    dcp.stream(&from_zero(0));
    let mut next = |dcp: &mut Dcp| -> Frame {
        writer.store(store);
        dcp.marker();
        dcp.event()
    };
    assert_eq!(next(&mut dcp).value(), text());
    dcp.agree(ALL);
    assert_eq!(next(&mut dcp).value(), small);
    dcp.control("force_value_compression", "true");
    assert_eq!(next(&mut dcp).value(), small);
    let nothing = Hello { agent: b"", features: FeatureSet::EMPTY };
    assert_eq!(dcp.status(|o, out| nothing.encode(o, out)), Status::SUCCESS);
    assert_eq!(next(&mut dcp).value(), text(), "though it was forced before");
}

#[test]
fn a_stream_ends_at_a_value_that_cannot_be_inflated_for_it() {
    let server = Running::start();
    let change = Change { datatype: Datatype::SNAPPY, ..Change::set(&b"plain text"[..]) };
    let mut session = server.engine.session("embedder");
    let mut put = |key: &[u8], change: &Change<'static>| {
        let written = session.update(VbId(0), key, None, |_| Decision::<()>::Write(change.clone()));
        written.expect("it is not looked at");
    };
    put(b"first", &Change::set(&b"1"[..]));
    put(b"damaged", &change);
    put(b"last", &Change::set(&b"3"[..]));
    persist(&server);
    for flags in [StreamFlags::NONE, StreamFlags::DISK_ONLY] {
        let mut dcp = Dcp::open(&server, "plain");
        dcp.stream(&StreamReq { flags, ..from_zero(0) });
        dcp.marker();
        assert_eq!(dcp.event().key(), b"first");
        assert_eq!(dcp.end(), EndReason::BackfillFailed, "{flags:?}");
        let mut dcp = Dcp::open_as(&server, "reads", OpenFlags::PRODUCER, ALL);
        dcp.stream(&StreamReq { flags, end: Seqno(3), ..from_zero(0) });
        let keys: Vec<_> = until_end(&mut dcp).into_iter().map(|(key, ..)| key).collect();
        assert_eq!(keys, [&b"first"[..], b"damaged", b"last"]);
    }
    let mut client = server.client();
    assert_eq!(client.status(|o, out| get(0, b"last").encode(o, out)), Status::SUCCESS);
    let frame = client.ask(|o, out| get(0, b"damaged").encode(o, out));
    assert_eq!((frame.opcode(), frame.status()), (Opcode::GET, Status::EINTERNAL));
}
