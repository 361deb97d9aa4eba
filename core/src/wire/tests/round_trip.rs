use super::frame;
use crate::types::{
    Cas, Datatype, FailoverEntry, Opaque, RevSeqno, Seqno, Sid, VbId, VbState, VbUuid,
};
use crate::wire::dcp::{self, MarkerExtension, MarkerFlags, StreamMessage, StreamTag};
use crate::wire::kv::{self, MutationToken};
use crate::wire::{
    CollectionId, Feature, FeatureSet, Frame, Header, Magic, Opcode, Response, Status, WireError,
};
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// One of each message of a stream.
pub(super) fn each_stream_message(tag: StreamTag) -> Vec<StreamMessage<'static>> {
    let seqno = Seqno(0x99);
    let signals = vec![
        StreamMessage::SeqnoAdvanced(dcp::SeqnoAdvanced { tag, seqno }),
        StreamMessage::OsoSnapshot(dcp::OsoSnapshot { tag, begins: true }),
        StreamMessage::OsoSnapshot(dcp::OsoSnapshot { tag, begins: false }),
        StreamMessage::SetVbucketState(dcp::SetVbucketState { tag, state: VbState::Pending }),
        StreamMessage::StreamEnd(dcp::StreamEnd { tag, reason: 7 }),
    ];
    [markers(tag), changes(tag), signals].concat()
}

fn markers(tag: StreamTag) -> Vec<StreamMessage<'static>> {
    let (max_visible, high_completed) = (Seqno(8), Seqno(7));
    let (purge, high_prepared) = (Seqno(6), Seqno(5));
    let v2_0 = MarkerExtension::V2_0 { max_visible, high_completed };
    let v2_2 = MarkerExtension::V2_2 { max_visible, high_completed, purge, high_prepared };
    let flags = MarkerFlags::DISK.with(MarkerFlags::CHECKPOINT);
    [MarkerExtension::None, v2_0, v2_2]
        .map(|extension| {
            let (start, end) = (Seqno(3), Seqno(9));
            StreamMessage::SnapshotMarker(dcp::SnapshotMarker { tag, start, end, flags, extension })
        })
        .to_vec()
}

fn changes(tag: StreamTag) -> Vec<StreamMessage<'static>> {
    let (seqno, rev, cas) = (Seqno(0x1122_3344_5566_7788), RevSeqno(0x99), Cas(0xaabb));
    let (key, value, datatype) = (b"\x00key".as_slice(), b"value".as_slice(), Datatype::JSON);
    let (flags, expiry, lock_time, nru) = (0xdead_beef, 0x1234_5678, 0x42, 2);
    let (delete_time, kind) = (77, dcp::SystemEventKind::CREATE_SCOPE);
    let mutation =
        dcp::Mutation { tag, seqno, rev, cas, flags, expiry, lock_time, nru, datatype, key, value };
    let deletion = dcp::Deletion { tag, seqno, rev, cas, delete_time: None, datatype, key, value };
    let timed = dcp::Deletion { delete_time: Some(delete_time), ..deletion };
    let expiration = dcp::Expiration { tag, seqno, rev, cas, delete_time, datatype, key, value };
    let (name, version) = (b"scope", 1);
    let event = dcp::SystemEvent { tag, seqno, kind, version, cas, datatype, name, value };
    vec![
        StreamMessage::Mutation(mutation),
        StreamMessage::Deletion(deletion),
        StreamMessage::Deletion(timed),
        StreamMessage::Expiration(expiration),
        StreamMessage::SystemEvent(event),
    ]
}

fn written(encode: impl FnOnce(&mut BytesMut)) -> Frame {
    let mut out = BytesMut::new();
    encode(&mut out);
    frame(&out)
}

/// The header of some request, as an answer needs it.
fn request(opcode: Opcode, opaque: Opaque) -> Header {
    Header {
        magic: Magic::REQUEST,
        opcode,
        framing_len: 0,
        key_len: 0,
        extras_len: 0,
        datatype: Datatype::RAW,
        vbucket_or_status: 77,
        body_len: 0,
        opaque,
        cas: Cas(5),
    }
}

#[test]
fn stream_messages_come_back_and_count_as_long_as_they_are() {
    for sid in [None, Some(Sid(1)), Some(Sid(u16::MAX))] {
        let tag = StreamTag { opaque: Opaque(0xfeed), vb: VbId(1023), sid };
        for message in each_stream_message(tag) {
            let mut out = BytesMut::new();
            message.encode(&mut out);
            let frame = frame(&out);
            assert_eq!(StreamMessage::parse(&frame), Ok(message));
            assert_eq!(message.counted_bytes(), out.len(), "{message:?}");
            assert_eq!(message.counted_bytes(), frame.wire_len());
            assert_eq!(message.tag(), tag);
            let magic = if sid.is_some() { Magic::FLEX_REQUEST } else { Magic::REQUEST };
            assert_eq!(frame.header().magic, magic);
        }
    }
}

#[test]
fn a_stream_id_costs_three_bytes() {
    let plain = StreamTag::new(Opaque(1), VbId(2));
    let with_sid = StreamTag { sid: Some(Sid(9)), ..plain };
    let counted =
        |tag| each_stream_message(tag).iter().map(|m| m.counted_bytes()).collect::<Vec<_>>();
    let more = counted(plain).iter().map(|n| n + 3).collect::<Vec<_>>();
    assert_eq!(counted(with_sid), more);
    // Key 4, value 5; the name 5, its value 5.
    assert_eq!(counted(plain), [44, 61, 77, 64, 51, 54, 53, 47, 32, 28, 28, 25, 28]);
}

fn tags() -> impl Strategy<Value = StreamTag> {
    (any::<u32>(), any::<u16>(), option::of(1..=u16::MAX)).prop_map(|(opaque, vb, sid)| StreamTag {
        opaque: Opaque(opaque),
        vb: VbId(vb),
        sid: sid.map(Sid),
    })
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..=255)
}

fn values() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..2000)
}

fn features() -> impl Strategy<Value = FeatureSet> {
    vec(0..64u16, 0..64).prop_map(|f| f.into_iter().map(Feature).collect())
}

fn tokens() -> impl Strategy<Value = Option<MutationToken>> {
    option::of(
        any::<(u64, u64)>()
            .prop_map(|(uuid, seqno)| MutationToken { uuid: VbUuid(uuid), seqno: Seqno(seqno) }),
    )
}

fn states() -> impl Strategy<Value = Option<VbState>> {
    (0..=4u32).prop_map(VbState::from_u32)
}

proptest! {
    #[test]
    fn documents(
        tag in tags(), n in any::<(u64, u64, u64)>(), m in any::<(u32, u32, u32)>(), nru in any::<u8>(),
        datatype in 0..8u8, key in keys(), value in values(), time in option::of(any::<u32>()),
    ) {
        let (seqno, rev, cas) = (Seqno(n.0), RevSeqno(n.1), Cas(n.2));
        let (flags, expiry, lock_time) = m;
        let (datatype, key, value) = (Datatype(datatype), key.as_slice(), value.as_slice());
        let mutation = dcp::Mutation { tag, seqno, rev, cas, flags, expiry, lock_time, nru, datatype, key, value };
        let f = written(|out| mutation.encode(out));
        prop_assert_eq!(dcp::Mutation::parse(&f), Ok(mutation));
        prop_assert_eq!(f.wire_len(), mutation.counted_bytes());
        let deletion = dcp::Deletion { tag, seqno, rev, cas, delete_time: time, datatype, key, value };
        let f = written(|out| deletion.encode(out));
        prop_assert_eq!(dcp::Deletion::parse(&f), Ok(deletion));
        prop_assert_eq!(f.wire_len(), deletion.counted_bytes());
        let expiration = dcp::Expiration { tag, seqno, rev, cas, delete_time: expiry, datatype, key, value };
        let f = written(|out| expiration.encode(out));
        prop_assert_eq!(dcp::Expiration::parse(&f), Ok(expiration));
        prop_assert_eq!(f.wire_len(), expiration.counted_bytes());
        prop_assert_eq!(f.key_bytes(), key);
        prop_assert_eq!(f.value_bytes(), value);
    }

    #[test]
    fn snapshot_markers(tag in tags(), a in any::<u64>(), b in any::<u64>(), flags in any::<u32>(), n in any::<[u64; 4]>(), v in 0..3) {
        let (max_visible, high_completed, purge, high_prepared) = (Seqno(n[0]), Seqno(n[1]), Seqno(n[2]), Seqno(n[3]));
        let extension = match v {
            0 => MarkerExtension::None,
            1 => MarkerExtension::V2_0 { max_visible, high_completed },
            _ => MarkerExtension::V2_2 { max_visible, high_completed, purge, high_prepared },
        };
        let (start, end, flags) = (Seqno(a.min(b)), Seqno(a.max(b)), MarkerFlags(flags));
        let marker = dcp::SnapshotMarker { tag, start, end, flags, extension };
        let f = written(|out| marker.encode(out));
        prop_assert_eq!(dcp::SnapshotMarker::parse(&f), Ok(marker));
        prop_assert_eq!(f.wire_len(), marker.counted_bytes());
    }

    #[test]
    fn events(tag in tags(), seqno in any::<u64>(), n in any::<u32>(), version in any::<u8>(), name in vec(any::<u8>(), 0..=255), value in values(), begins in any::<bool>()) {
        let seqno = Seqno(seqno);
        let (kind, cas, datatype) = (dcp::SystemEventKind(n), Cas(n.into()), Datatype::RAW);
        let messages = [
            StreamMessage::SystemEvent(dcp::SystemEvent { tag, seqno, kind, version, cas, datatype, name: &name, value: &value }),
            StreamMessage::SeqnoAdvanced(dcp::SeqnoAdvanced { tag, seqno }),
            StreamMessage::OsoSnapshot(dcp::OsoSnapshot { tag, begins }),
            StreamMessage::StreamEnd(dcp::StreamEnd { tag, reason: n }),
        ];
        for message in messages {
            let f = written(|out| message.encode(out));
            prop_assert_eq!(StreamMessage::parse(&f), Ok(message));
            prop_assert_eq!(f.wire_len(), message.counted_bytes());
        }
    }

    #[test]
    fn dcp_requests(
        opaque in any::<u32>(), vb in any::<u16>(), n in any::<[u64; 5]>(), flags in 0..0x100u32,
        sid in option::of(1..=u16::MAX), name in vec(any::<u8>(), 1..=200), value in vec(any::<u8>(), 1..=1000),
    ) {
        let (opaque, vb) = (Opaque(opaque), VbId(vb));
        let flags = dcp::StreamFlags(flags).without(dcp::StreamFlags::NO_VALUE);
        let req = dcp::StreamReq {
            vb, flags, start: Seqno(n[0]), end: Seqno(n[1]), uuid: VbUuid(n[2]),
            snap_start: Seqno(n[3]), snap_end: Seqno(n[4]), value: &value,
        };
        let f = written(|out| req.encode(opaque, out));
        prop_assert_eq!(dcp::StreamReq::parse(&f), Ok(req));
        prop_assert_eq!(f.opaque(), opaque);
        let open = dcp::Open { flags: dcp::OpenFlags(0x25), name: &name, value: &[] };
        let f = written(|out| open.encode(opaque, out));
        prop_assert_eq!(dcp::Open::parse(&f), Ok(open));
        let control = dcp::Control { key: &name, value: &value };
        let f = written(|out| control.encode(opaque, out));
        prop_assert_eq!(dcp::Control::parse(&f), Ok(control));
        let close = dcp::CloseStream { vb, sid: sid.map(Sid) };
        let f = written(|out| close.encode(opaque, out));
        prop_assert_eq!(dcp::CloseStream::parse(&f), Ok(close));
        let log = dcp::GetFailoverLog { vb };
        let f = written(|out| log.encode(opaque, out));
        prop_assert_eq!(dcp::GetFailoverLog::parse(&f), Ok(log));
        let ack = dcp::BufferAck { bytes: opaque.get() };
        let f = written(|out| ack.encode(opaque, out));
        prop_assert_eq!(dcp::BufferAck::parse(&f), Ok(ack));
        let f = written(|out| dcp::Noop.encode(opaque, out));
        prop_assert_eq!(dcp::Noop::parse(&f), Ok(dcp::Noop));
        let f = written(|out| dcp::NoopAnswer.encode(opaque, out));
        prop_assert_eq!(dcp::NoopAnswer::parse(&f), Ok(dcp::NoopAnswer));
        prop_assert_eq!(f.opaque(), opaque);
    }

    #[test]
    fn dcp_answers(opaque in any::<u32>(), seqno in any::<u64>(), log in vec((1..=u64::MAX, any::<u64>()), 1..=25)) {
        let entries: Vec<_> = log.into_iter().map(|(u, s)| FailoverEntry { uuid: VbUuid(u), seqno: Seqno(s) }).collect();
        for opcode in [Opcode::DCP_STREAM_REQ, Opcode::DCP_GET_FAILOVER_LOG] {
            let to = request(opcode, Opaque(opaque));
            let f = written(|out| dcp::FailoverLogAnswer::encode(&to, &entries, out));
            prop_assert_eq!(dcp::FailoverLogAnswer::parse(&f), Ok(dcp::FailoverLogAnswer { entries: entries.clone() }));
            prop_assert_eq!(dcp::RollbackAnswer::parse(&f), Ok(None));
        }
        let rollback = dcp::RollbackAnswer { to: Seqno(seqno) };
        let f = written(|out| rollback.encode(&request(Opcode::DCP_STREAM_REQ, Opaque(opaque)), out));
        prop_assert_eq!(dcp::RollbackAnswer::parse(&f), Ok(Some(rollback)));
        prop_assert_eq!((f.opaque(), f.status(), f.value().len()), (Opaque(opaque), Status::ROLLBACK, 8));
    }

    #[test]
    fn document_requests(
        opaque in any::<u32>(), vb in any::<u16>(), cas in any::<u64>(), n in any::<(u32, u32, u64, u64)>(),
        datatype in 0..8u8, key in keys(), value in values(), quiet in any::<bool>(), with_key in any::<bool>(), mode in 0..3usize,
    ) {
        let (opaque, vb, cas, datatype) = (Opaque(opaque), VbId(vb), Cas(cas), Datatype(datatype));
        let (key, value) = (key.as_slice(), value.as_slice());
        let mode = [kv::StoreMode::Set, kv::StoreMode::Add, kv::StoreMode::Replace][mode];
        let store_cas = if mode == kv::StoreMode::Add { Cas::ZERO } else { cas };
        let store = kv::Store { mode, quiet, vb, cas: store_cas, flags: n.0, expiry: n.1, datatype, key, value };
        let f = written(|out| store.encode(opaque, out));
        prop_assert_eq!(kv::Store::parse(&f), Ok(store));
        prop_assert_eq!(f.opaque(), opaque);
        let get = kv::Get { vb, key, with_key, quiet };
        let f = written(|out| get.encode(opaque, out));
        prop_assert_eq!(kv::Get::parse(&f), Ok(get));
        let delete = kv::Delete { vb, cas, key, quiet };
        let f = written(|out| delete.encode(opaque, out));
        prop_assert_eq!(kv::Delete::parse(&f), Ok(delete));
        let concat_mode = if with_key { kv::ConcatMode::Append } else { kv::ConcatMode::Prepend };
        let concat = kv::Concat { mode: concat_mode, quiet, vb, cas, datatype, key, value };
        let f = written(|out| concat.encode(opaque, out));
        prop_assert_eq!(kv::Concat::parse(&f), Ok(concat));
        let up = if with_key { kv::ArithmeticMode::Increment } else { kv::ArithmeticMode::Decrement };
        let count = kv::Arithmetic { mode: up, quiet, vb, delta: n.2, initial: n.3, expiry: n.1, key };
        let f = written(|out| count.encode(opaque, out));
        prop_assert_eq!(kv::Arithmetic::parse(&f), Ok(count));
        let touch = kv::Touch { vb, expiry: n.1, key };
        let f = written(|out| touch.encode(opaque, out));
        prop_assert_eq!(kv::Touch::parse(&f), Ok(touch));
        let gat = kv::GetAndTouch { vb, expiry: n.1, key, quiet };
        let f = written(|out| gat.encode(opaque, out));
        prop_assert_eq!(kv::GetAndTouch::parse(&f), Ok(gat));
        let lock = kv::GetLocked { vb, seconds: n.1, key };
        let f = written(|out| lock.encode(opaque, out));
        prop_assert_eq!(kv::GetLocked::parse(&f), Ok(lock));
        let unlock = kv::UnlockKey { vb, cas: Cas(u64::from(n.1) + 1), key };
        let f = written(|out| unlock.encode(opaque, out));
        prop_assert_eq!(kv::UnlockKey::parse(&f), Ok(unlock));
    }

    #[test]
    fn document_answers(opaque in any::<u32>(), cas in any::<u64>(), token in tokens(), count in any::<u64>(), key in keys(), value in values()) {
        let cas = Cas(cas);
        let write = kv::WriteAnswer { cas, token };
        let f = written(|out| write.encode(&request(Opcode::SET, Opaque(opaque)), out));
        prop_assert_eq!(kv::WriteAnswer::parse(&f), Ok(write));
        let counted = kv::ArithmeticAnswer { cas, token, count };
        let f = written(|out| counted.encode(&request(Opcode::DECREMENT, Opaque(opaque)), out));
        prop_assert_eq!(kv::ArithmeticAnswer::parse(&f), Ok(counted));
        let get = kv::GetAnswer { cas, flags: opaque, datatype: Datatype::JSON, key: &key, value: &value };
        let f = written(|out| get.encode(&request(Opcode::GETK, Opaque(opaque)), out));
        prop_assert_eq!(kv::GetAnswer::parse(&f), Ok(get));
        let entry = kv::StatEntry { name: &key, value: &value };
        let f = written(|out| entry.encode(&request(Opcode::STAT, Opaque(opaque)), out));
        prop_assert_eq!(kv::StatEntry::parse(&f), Ok(Some(entry)));
        prop_assert_eq!(f.opaque(), Opaque(opaque));
    }

    #[test]
    fn connection_commands(
        opaque in any::<u32>(), features in features(), key in vec(any::<u8>(), 1..=64), value in values(),
        known in option::of(any::<(u64, u64)>()), first in any::<bool>(), quiet in any::<bool>(),
    ) {
        let opaque = Opaque(opaque);
        let hello = kv::Hello { agent: &key, features };
        let f = written(|out| hello.encode(opaque, out));
        prop_assert_eq!(kv::Hello::parse(&f), Ok(hello));
        let granted = kv::HelloAnswer { features };
        let f = written(|out| granted.encode(&request(Opcode::HELLO, opaque), out));
        prop_assert_eq!(kv::HelloAnswer::parse(&f), Ok(granted));
        let sasl = kv::SaslAuth { first, mechanism: &key, data: &value };
        let f = written(|out| sasl.encode(opaque, out));
        prop_assert_eq!(kv::SaslAuth::parse(&f), Ok(sasl));
        let select = kv::SelectBucket { bucket: &key };
        let f = written(|out| select.encode(opaque, out));
        prop_assert_eq!(kv::SelectBucket::parse(&f), Ok(select));
        let known = known.map(|(epoch, revision)| kv::ConfigVersion { epoch, revision });
        let config = kv::GetClusterConfig { known };
        let f = written(|out| config.encode(opaque, out));
        prop_assert_eq!(kv::GetClusterConfig::parse(&f), Ok(config));
        let map = kv::GetErrorMap { version: opaque.get() as u16 };
        let f = written(|out| map.encode(opaque, out));
        prop_assert_eq!(kv::GetErrorMap::parse(&f), Ok(map));
        let stat = kv::Stat { group: &key, value: &value[..value.len().min(4096)] };
        let f = written(|out| stat.encode(opaque, out));
        prop_assert_eq!(kv::Stat::parse(&f), Ok(stat));
        let quit = kv::Quit { quiet };
        let f = written(|out| quit.encode(opaque, out));
        prop_assert_eq!(kv::Quit::parse(&f), Ok(quit));
        let path = kv::GetCollectionId { path: &key };
        let f = written(|out| path.encode(opaque, out));
        prop_assert_eq!(kv::GetCollectionId::parse(&f), Ok(path));
        let id = kv::CollectionIdAnswer { manifest: 9, collection: CollectionId(opaque.get()) };
        let f = written(|out| id.encode(&request(Opcode::COLLECTIONS_GET_ID, opaque), out));
        prop_assert_eq!(kv::CollectionIdAnswer::parse(&f), Ok(id));
        let f = written(|out| kv::Noop.encode(opaque, out));
        prop_assert_eq!(kv::Noop::parse(&f), Ok(kv::Noop));
        let f = written(|out| kv::Version.encode(opaque, out));
        prop_assert_eq!(kv::Version::parse(&f), Ok(kv::Version));
        let f = written(|out| kv::SaslListMechs.encode(opaque, out));
        prop_assert_eq!(kv::SaslListMechs::parse(&f), Ok(kv::SaslListMechs));
        let f = written(|out| kv::GetManifest.encode(opaque, out));
        prop_assert_eq!(kv::GetManifest::parse(&f), Ok(kv::GetManifest));
    }

    #[test]
    fn seqno_commands(opaque in any::<u32>(), n in any::<[u64; 5]>(), failed_over in any::<bool>(), state in states(), collection in option::of(any::<u32>()), seqnos in vec(any::<(u16, u64)>(), 0..1024)) {
        let (opaque, vb) = (Opaque(opaque), VbId(n[0] as u16));
        let observe = kv::ObserveSeqno { vb, uuid: VbUuid(n[0]) };
        let f = written(|out| observe.encode(opaque, out));
        prop_assert_eq!(kv::ObserveSeqno::parse(&f), Ok(observe));
        let failover = failed_over.then_some(kv::Failover { uuid: VbUuid(n[3]), last_seqno: Seqno(n[4]) });
        let seen = kv::ObserveSeqnoAnswer { vb, uuid: VbUuid(n[0]), persisted: Seqno(n[1]), current: Seqno(n[2]), failover };
        let f = written(|out| seen.encode(&request(Opcode::OBSERVE_SEQNO, opaque), out));
        prop_assert_eq!(kv::ObserveSeqnoAnswer::parse(&f), Ok(seen));
        prop_assert_eq!(f.value().len(), if failed_over { 43 } else { 27 });
        let compact = kv::CompactDb { vb, before: n[1], upto: Seqno(n[2]), drop_deletes: failed_over, value: b"[]" };
        let f = written(|out| compact.encode(opaque, out));
        prop_assert_eq!(kv::CompactDb::parse(&f), Ok(compact));
        let random = kv::GetRandomKey { collection: collection.map(CollectionId) };
        let f = written(|out| random.encode(opaque, out));
        prop_assert_eq!(kv::GetRandomKey::parse(&f, collection.is_some()), Ok(random));
        prop_assert!(kv::GetRandomKey::parse(&f, collection.is_none()).is_err());
        let ask = kv::GetAllVbSeqnos { state, collection: collection.map(CollectionId) };
        let f = written(|out| ask.encode(opaque, out));
        prop_assert_eq!(kv::GetAllVbSeqnos::parse(&f), Ok(ask));
        let entries: Vec<_> = seqnos.into_iter().map(|(vb, s)| (VbId(vb), Seqno(s))).collect();
        let to = request(Opcode::GET_ALL_VB_SEQNOS, opaque);
        let f = written(|out| kv::AllVbSeqnosAnswer::encode(&to, entries.iter().copied(), out));
        prop_assert_eq!(kv::AllVbSeqnosAnswer::parse(&f), Ok(kv::AllVbSeqnosAnswer { entries }));
    }

    #[test]
    fn responses(opcode in any::<u8>(), status in any::<u16>(), opaque in any::<u32>(), cas in any::<u64>(), extras in vec(any::<u8>(), 0..=255), key in vec(any::<u8>(), 0..300), value in values()) {
        let response = Response::to(&request(Opcode(opcode), Opaque(opaque)), Status(status))
            .extras(&extras).key(&key).value(Datatype::JSON, &value).cas(Cas(cas));
        let f = written(|out| response.encode(out));
        prop_assert_eq!(Response::parse(&f), Ok(response));
        let accepted = Response::accept(&f, &[Opcode(opcode)]);
        if status == 0 {
            prop_assert_eq!(accepted, Ok(response));
        } else {
            let (opcode, status) = (Opcode(opcode), Status(status));
            prop_assert_eq!(accepted, Err(WireError::Refused { opcode, status }));
        }
    }
}
