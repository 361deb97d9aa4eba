//! Messages written out byte by byte from the documented layouts.

use super::{frame, hex};
use crate::types::{
    Cas, Datatype, FailoverEntry, Opaque, RevSeqno, Seqno, Sid, VbId, VbState, VbUuid,
};
use crate::wire::dcp::{self, MarkerExtension, MarkerFlags, StreamTag};
use crate::wire::{CollectionId, Feature, FeatureSet, Header, Response, Status, kv};
use bytes::BytesMut;

const TAG: StreamTag = StreamTag { opaque: Opaque(0xdead_beef), vb: VbId(0x210), sid: None };
const TAG_SID: StreamTag = StreamTag { sid: Some(Sid(0x0102)), ..TAG };

#[track_caller]
fn same(encode: impl FnOnce(&mut BytesMut), expected: &str) {
    let mut out = BytesMut::new();
    encode(&mut out);
    assert_eq!(out, hex(expected), "written: {out:02x?}");
    frame(&out);
}

fn to(opcode: u8) -> Header {
    let mut bytes: [u8; 24] =
        hex("80 00 0000 00 00 0210 00000000 0000002a 0000000000000000").try_into().unwrap();
    bytes[1] = opcode;
    Header::parse(&bytes)
}

#[test]
fn mutation() {
    let mutation = dcp::Mutation {
        tag: TAG,
        seqno: Seqno(4),
        rev: RevSeqno(1),
        cas: Cas(0x0102_0304_0506_0708),
        flags: 0x0200_0006,
        expiry: 0x11,
        lock_time: 0x22,
        nru: 3,
        datatype: Datatype::JSON,
        key: b"hello",
        value: b"world",
    };
    // magic op key extras datatype vb | body 31 + 5 + 5 | opaque | cas
    // seqno | rev | flags | expiry | lock time | nmeta | nru | key | value
    same(
        |out| mutation.encode(out),
        "80 57 0005 1f 01 0210 00000029 deadbeef 0102030405060708
         0000000000000004 0000000000000001 02000006 00000011 00000022 0000 03 68656c6c6f 776f726c64",
    );
    // With a stream id: magic 08, framing length 3, key length in one byte; number 2 length 2, then the id.
    same(
        |out| dcp::Mutation { tag: TAG_SID, ..mutation }.encode(out),
        "08 57 03 05 1f 01 0210 0000002c deadbeef 0102030405060708 22 0102
         0000000000000004 0000000000000001 02000006 00000011 00000022 0000 03 68656c6c6f 776f726c64",
    );
}

#[test]
fn deletion_and_expiration() {
    let (tag, seqno, rev, cas) = (TAG, Seqno(5), RevSeqno(2), Cas(7));
    let (datatype, key, value) = (Datatype::RAW, b"k".as_slice(), b"".as_slice());
    let deletion = dcp::Deletion { tag, seqno, rev, cas, delete_time: None, datatype, key, value };
    // seqno | rev | nmeta
    same(
        |out| deletion.encode(out),
        "80 58 0001 12 00 0210 00000013 deadbeef 0000000000000007
         0000000000000005 0000000000000002 0000 6b",
    );
    // seqno | rev | delete time | unused
    same(
        |out| {
            dcp::Deletion { delete_time: Some(0x5a5a_0001), ..deletion }.encode(out);
        },
        "80 58 0001 15 00 0210 00000016 deadbeef 0000000000000007
         0000000000000005 0000000000000002 5a5a0001 00 6b",
    );
    // seqno | rev | delete time
    let expiration = dcp::Expiration { tag, seqno, rev, cas, delete_time: 9, datatype, key, value };
    same(
        |out| expiration.encode(out),
        "80 59 0001 14 00 0210 00000015 deadbeef 0000000000000007
         0000000000000005 0000000000000002 00000009 6b",
    );
}

#[test]
fn snapshot_marker() {
    let marker = |tag, extension| dcp::SnapshotMarker {
        tag,
        start: Seqno(1),
        end: Seqno(8),
        flags: MarkerFlags::DISK,
        extension,
    };
    // start | end | flags, all in the extras
    same(
        |out| marker(TAG, MarkerExtension::None).encode(out),
        "80 56 0000 14 00 0210 00000014 deadbeef 0000000000000000
         0000000000000001 0000000000000008 00000002",
    );
    same(
        |out| marker(TAG_SID, MarkerExtension::None).encode(out),
        "08 56 03 00 14 00 0210 00000017 deadbeef 0000000000000000 22 0102
         0000000000000001 0000000000000008 00000002",
    );
    // version | start | end | flags | max visible | high completed
    let (max_visible, high_completed) = (Seqno(8), Seqno(7));
    same(
        |out| {
            marker(TAG, MarkerExtension::V2_0 { max_visible, high_completed }).encode(out);
        },
        "80 56 0000 01 00 0210 00000025 deadbeef 0000000000000000
         00 0000000000000001 0000000000000008 00000002 0000000000000008 0000000000000007",
    );
    // the same, then purge | high prepared
    let (purge, high_prepared) = (Seqno(6), Seqno(5));
    let v2_2 = MarkerExtension::V2_2 { max_visible, high_completed, purge, high_prepared };
    same(
        |out| marker(TAG, v2_2).encode(out),
        "80 56 0000 01 00 0210 00000035 deadbeef 0000000000000000
         02 0000000000000001 0000000000000008 00000002 0000000000000008 0000000000000007
         0000000000000006 0000000000000005",
    );
    // 2.1 is read as 2.0; its timestamp is left out.
    let v2_1 = frame(&hex(
        "80 56 0000 01 00 0210 0000002d deadbeef 0000000000000000
         01 0000000000000001 0000000000000008 00000002 0000000000000008 0000000000000007 00000000000000ff",
    ));
    let read = dcp::SnapshotMarker::parse(&v2_1).unwrap();
    assert_eq!(read, marker(TAG, MarkerExtension::V2_0 { max_visible, high_completed }));
}

#[test]
fn small_stream_messages() {
    same(
        |out| {
            dcp::StreamEnd { tag: TAG, reason: 5 }.encode(out);
        },
        "80 55 0000 04 00 0210 00000004 deadbeef 0000000000000000 00000005",
    );
    same(
        |out| {
            dcp::SeqnoAdvanced { tag: TAG, seqno: Seqno(0x99) }.encode(out);
        },
        "80 64 0000 08 00 0210 00000008 deadbeef 0000000000000000 0000000000000099",
    );
    same(
        |out| {
            dcp::OsoSnapshot { tag: TAG, begins: true }.encode(out);
        },
        "80 65 0000 04 00 0210 00000004 deadbeef 0000000000000000 00000001",
    );
    same(
        |out| {
            dcp::OsoSnapshot { tag: TAG, begins: false }.encode(out);
        },
        "80 65 0000 04 00 0210 00000004 deadbeef 0000000000000000 00000002",
    );
    same(
        |out| {
            dcp::SetVbucketState { tag: TAG, state: VbState::Active }.encode(out);
        },
        "80 5b 0000 01 00 0210 00000001 deadbeef 0000000000000000 01",
    );
    // seqno | event | version | name | value
    let event = dcp::SystemEvent {
        tag: TAG,
        seqno: Seqno(3),
        kind: dcp::SystemEventKind::DROP_SCOPE,
        version: 1,
        cas: Cas::ZERO,
        datatype: Datatype::RAW,
        name: b"sc",
        value: &[9, 8],
    };
    same(
        |out| event.encode(out),
        "80 5f 0002 0d 00 0210 00000011 deadbeef 0000000000000000
         0000000000000003 00000004 01 7363 0908",
    );
}

#[test]
fn dcp_requests() {
    let opaque = Opaque(1);
    // seqno | flags | name
    let open = dcp::Open { flags: dcp::OpenFlags(0x21), name: b"tail:1", value: b"" };
    same(
        |out| open.encode(opaque, out),
        "80 50 0006 08 00 0000 0000000e 00000001 0000000000000000 00000000 00000021 7461696c3a31",
    );
}

#[test]
fn stream_request_and_control() {
    let opaque = Opaque(1);
    // flags | reserved | start | end | uuid | snapshot start | snapshot end | value
    let request = dcp::StreamReq {
        vb: VbId(5),
        flags: dcp::StreamFlags(0x10),
        start: Seqno(1),
        end: Seqno::MAX,
        uuid: VbUuid(0xfeed_deca),
        snap_start: Seqno(2),
        snap_end: Seqno(3),
        value: b"{}",
    };
    same(
        |out| request.encode(opaque, out),
        "80 53 0000 30 00 0005 00000032 00000001 0000000000000000
         00000010 00000000 0000000000000001 ffffffffffffffff 00000000feeddeca
         0000000000000002 0000000000000003 7b7d",
    );
    same(
        |out| {
            dcp::Control { key: b"enable_noop", value: b"true" }.encode(opaque, out);
        },
        "80 5e 000b 00 00 0000 0000000f 00000001 0000000000000000 656e61626c655f6e6f6f70 74727565",
    );
}

#[test]
fn small_dcp_requests() {
    let opaque = Opaque(1);
    same(
        |out| {
            dcp::CloseStream { vb: VbId(5), sid: None }.encode(opaque, out);
        },
        "80 52 0000 00 00 0005 00000000 00000001 0000000000000000",
    );
    same(
        |out| {
            dcp::CloseStream { vb: VbId(5), sid: Some(Sid(7)) }.encode(opaque, out);
        },
        "08 52 03 00 00 00 0005 00000003 00000001 0000000000000000 22 0007",
    );
    same(
        |out| dcp::GetFailoverLog { vb: VbId(5) }.encode(opaque, out),
        "80 54 0000 00 00 0005 00000000 00000001 0000000000000000",
    );
    same(
        |out| dcp::BufferAck { bytes: 4096 }.encode(opaque, out),
        "80 5d 0000 04 00 0000 00000004 00000001 0000000000000000 00001000",
    );
    same(
        |out| dcp::Noop.encode(opaque, out),
        "80 5c 0000 00 00 0000 00000000 00000001 0000000000000000",
    );
    same(
        |out| dcp::NoopAnswer.encode(opaque, out),
        "81 5c 0000 00 00 0000 00000000 00000001 0000000000000000",
    );
}

#[test]
fn answers() {
    let log = [
        FailoverEntry { uuid: VbUuid(0xfeed_deca), seqno: Seqno(0x5432) },
        FailoverEntry { uuid: VbUuid(0xdeca_feed), seqno: Seqno(0) },
    ];
    same(
        |out| dcp::FailoverLogAnswer::encode(&to(0x53), &log, out),
        "81 53 0000 00 00 0000 00000020 0000002a 0000000000000000
         00000000feeddeca 0000000000005432 00000000decafeed 0000000000000000",
    );
    same(
        |out| dcp::RollbackAnswer { to: Seqno(0x99) }.encode(&to(0x53), out),
        "81 53 0000 00 00 0023 00000008 0000002a 0000000000000000 0000000000000099",
    );
    same(
        |out| Response::to(&to(0x5e), Status::EINVAL).encode(out),
        "81 5e 0000 00 00 0004 00000000 0000002a 0000000000000000",
    );
}

#[test]
fn hello_and_get_answers() {
    // granted: 06, 12
    let features = FeatureSet::of(&[Feature::XATTR, Feature::COLLECTIONS]);
    same(
        |out| kv::HelloAnswer { features }.encode(&to(0x1f), out),
        "81 1f 0000 00 00 0000 00000004 0000002a 0000000000000000 0006 0012",
    );
    // flags | value
    let get = kv::GetAnswer {
        cas: Cas(3),
        flags: 0xcafe,
        datatype: Datatype::JSON,
        key: b"",
        value: b"1",
    };
    same(
        |out| get.encode(&to(0x00), out),
        "81 00 0000 04 01 0000 00000005 0000002a 0000000000000003 0000cafe 31",
    );
}

#[test]
fn write_answers() {
    // uuid | seqno
    let token = Some(kv::MutationToken { uuid: VbUuid(0xab), seqno: Seqno(0xcd) });
    same(
        |out| kv::WriteAnswer { cas: Cas(3), token }.encode(&to(0x01), out),
        "81 01 0000 10 00 0000 00000010 0000002a 0000000000000003 00000000000000ab 00000000000000cd",
    );
    same(
        |out| {
            kv::ArithmeticAnswer { cas: Cas(3), token: None, count: 10 }.encode(&to(0x05), out);
        },
        "81 05 0000 00 00 0000 00000008 0000002a 0000000000000003 000000000000000a",
    );
}

#[test]
fn seqno_answers() {
    // format | vb | uuid | persisted | current [| old uuid | last seqno]
    let failover = Some(kv::Failover { uuid: VbUuid(4), last_seqno: Seqno(5) });
    let seen = kv::ObserveSeqnoAnswer {
        vb: VbId(0x210),
        uuid: VbUuid(1),
        persisted: Seqno(2),
        current: Seqno(3),
        failover,
    };
    same(
        |out| seen.encode(&to(0x91), out),
        "81 91 0000 00 00 0000 0000002b 0000002a 0000000000000000
         01 0210 0000000000000001 0000000000000002 0000000000000003 0000000000000004 0000000000000005",
    );
    same(
        |out| {
            kv::ObserveSeqnoAnswer { failover: None, ..seen }.encode(&to(0x91), out);
        },
        "81 91 0000 00 00 0000 0000001b 0000002a 0000000000000000
         00 0210 0000000000000001 0000000000000002 0000000000000003",
    );
    same(
        |out| kv::AllVbSeqnosAnswer::encode(&to(0x48), [(VbId(1), Seqno(2))].into_iter(), out),
        "81 48 0000 00 00 0000 0000000a 0000002a 0000000000000000 0001 0000000000000002",
    );
    same(
        |out| {
            kv::StatEntry { name: b"n", value: b"1" }.encode(&to(0x10), out);
        },
        "81 10 0001 00 00 0000 00000002 0000002a 0000000000000000 6e 31",
    );
    let id = kv::CollectionIdAnswer { manifest: 2, collection: CollectionId(8) };
    same(
        |out| id.encode(&to(0xbb), out),
        "81 bb 0000 0c 00 0000 0000000c 0000002a 0000000000000000 0000000000000002 00000008",
    );
}

#[test]
fn document_requests() {
    let opaque = Opaque(1);
    // flags | expiry | key | value
    let store = kv::Store {
        mode: kv::StoreMode::Add,
        quiet: false,
        vb: VbId(5),
        cas: Cas::ZERO,
        flags: 0xdead_beef,
        expiry: 0xe10,
        datatype: Datatype::RAW,
        key: b"Hello",
        value: b"World",
    };
    same(
        |out| store.encode(opaque, out),
        "80 02 0005 08 00 0005 00000012 00000001 0000000000000000 deadbeef 00000e10 48656c6c6f 576f726c64",
    );
    // delta | initial | expiry | key
    let count = kv::Arithmetic {
        mode: kv::ArithmeticMode::Increment,
        quiet: false,
        vb: VbId(5),
        delta: 1,
        initial: 0,
        expiry: 0xe10,
        key: b"n",
    };
    same(
        |out| count.encode(opaque, out),
        "80 05 0001 14 00 0005 00000015 00000001 0000000000000000
         0000000000000001 0000000000000000 00000e10 6e",
    );
}

#[test]
fn document_requests_without_extras() {
    let opaque = Opaque(1);
    same(
        |out| {
            kv::Get { vb: VbId(5), key: b"n", with_key: true, quiet: true }.encode(opaque, out);
        },
        "80 0d 0001 00 00 0005 00000001 00000001 0000000000000000 6e",
    );
    same(
        |out| {
            kv::Delete { vb: VbId(5), cas: Cas(9), key: b"n", quiet: false }.encode(opaque, out);
        },
        "80 04 0001 00 00 0005 00000001 00000001 0000000000000009 6e",
    );
    same(
        |out| {
            kv::Touch { vb: VbId(5), expiry: 16, key: b"n" }.encode(opaque, out);
        },
        "80 1c 0001 04 00 0005 00000005 00000001 0000000000000000 00000010 6e",
    );
    let (cas, datatype, key, value) = (Cas::ZERO, Datatype::RAW, b"n".as_slice(), b"!".as_slice());
    let mode = kv::ConcatMode::Prepend;
    let concat = kv::Concat { mode, quiet: false, vb: VbId(5), cas, datatype, key, value };
    same(
        |out| concat.encode(opaque, out),
        "80 0f 0001 00 00 0005 00000002 00000001 0000000000000000 6e 21",
    );
}

#[test]
fn connection_commands() {
    let opaque = Opaque(1);
    let features = FeatureSet::of(&[Feature::SNAPPY, Feature::JSON]);
    same(
        |out| {
            kv::Hello { agent: b"m", features }.encode(opaque, out);
        },
        "80 1f 0001 00 00 0000 00000005 00000001 0000000000000000 6d 000a 000b",
    );
    let auth = kv::SaslAuth { first: true, mechanism: b"PLAIN", data: b"\0u\0p" };
    same(
        |out| auth.encode(opaque, out),
        "80 21 0005 00 00 0000 00000009 00000001 0000000000000000 504c41494e 00 75 00 70",
    );
}

#[test]
fn config_and_seqno_commands() {
    let opaque = Opaque(1);
    let known = Some(kv::ConfigVersion { epoch: 1, revision: 2 });
    same(
        |out| kv::GetClusterConfig { known }.encode(opaque, out),
        "80 b5 0000 10 00 0000 00000010 00000001 0000000000000000 0000000000000001 0000000000000002",
    );
    same(
        |out| kv::GetErrorMap { version: 2 }.encode(opaque, out),
        "80 fe 0000 00 00 0000 00000002 00000001 0000000000000000 0002",
    );
    same(
        |out| {
            kv::ObserveSeqno { vb: VbId(5), uuid: VbUuid(7) }.encode(opaque, out);
        },
        "80 91 0000 00 00 0005 00000008 00000001 0000000000000000 0000000000000007",
    );
    same(
        |out| kv::GetRandomKey { collection: None }.encode(opaque, out),
        "80 b6 0000 00 00 0000 00000000 00000001 0000000000000000",
    );
    same(
        |out| kv::GetRandomKey { collection: Some(CollectionId(8)) }.encode(opaque, out),
        "80 b6 0000 04 00 0000 00000004 00000001 0000000000000000 00000008",
    );
    let upto = Seqno(3);
    let compact = kv::CompactDb { vb: VbId(5), before: 2, upto, drop_deletes: true, value: &[] };
    same(
        |out| compact.encode(opaque, out),
        "80 b3 0000 18 00 0005 00000018 00000001 0000000000000000 \
         0000000000000002 0000000000000003 01 00 0000 00000000",
    );
    let ask =
        kv::GetAllVbSeqnos { state: Some(VbState::Active), collection: Some(CollectionId(8)) };
    same(
        |out| ask.encode(opaque, out),
        "80 48 0000 08 00 0000 00000008 00000001 0000000000000000 00000001 00000008",
    );
    same(
        |out| {
            kv::GetAllVbSeqnos { state: None, collection: None }.encode(opaque, out);
        },
        "80 48 0000 00 00 0000 00000000 00000001 0000000000000000",
    );
}
