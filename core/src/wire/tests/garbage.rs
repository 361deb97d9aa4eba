use super::Random;
use crate::limits::READ_AHEAD_BYTES;
use crate::types::{Datatype, Opaque, Seqno, VbId, VbUuid};
use crate::wire::dcp::{self, StreamFlags, StreamTag};
use crate::wire::{Aftermath, Frame, FrameLimits, FrameReader, Response, dcp::StreamMessage, kv};
use bytes::BytesMut;

/// Every parser there is; how many took the frame.
fn parse_with_everything(f: &Frame) -> usize {
    let tries = [
        dcp::Open::parse(f).is_ok(),
        dcp::Control::parse(f).is_ok(),
        dcp::StreamReq::parse(f).is_ok(),
        dcp::CloseStream::parse(f).is_ok(),
        dcp::GetFailoverLog::parse(f).is_ok(),
        dcp::BufferAck::parse(f).is_ok(),
        dcp::Noop::parse(f).is_ok(),
        dcp::NoopAnswer::parse(f).is_ok(),
        dcp::FailoverLogAnswer::parse(f).is_ok(),
        matches!(dcp::RollbackAnswer::parse(f), Ok(Some(_))),
        StreamMessage::parse(f).is_ok(),
        kv::Get::parse(f).is_ok(),
        kv::GetAnswer::parse(f).is_ok(),
        kv::Store::parse(f).is_ok(),
        kv::WriteAnswer::parse(f).is_ok(),
        kv::Delete::parse(f).is_ok(),
        kv::Concat::parse(f).is_ok(),
        kv::Arithmetic::parse(f).is_ok(),
        kv::ArithmeticAnswer::parse(f).is_ok(),
        kv::Touch::parse(f).is_ok(),
        kv::GetAndTouch::parse(f).is_ok(),
        kv::Noop::parse(f).is_ok(),
        kv::Version::parse(f).is_ok(),
        kv::Quit::parse(f).is_ok(),
        kv::Stat::parse(f).is_ok(),
        kv::StatEntry::parse(f).is_ok(),
        kv::Hello::parse(f).is_ok(),
        kv::HelloAnswer::parse(f).is_ok(),
        kv::SaslListMechs::parse(f).is_ok(),
        kv::SaslAuth::parse(f).is_ok(),
        kv::SelectBucket::parse(f).is_ok(),
        kv::GetClusterConfig::parse(f).is_ok(),
        kv::GetErrorMap::parse(f).is_ok(),
        kv::ObserveSeqno::parse(f).is_ok(),
        kv::ObserveSeqnoAnswer::parse(f).is_ok(),
        kv::GetAllVbSeqnos::parse(f).is_ok(),
        kv::AllVbSeqnosAnswer::parse(f).is_ok(),
        kv::GetManifest::parse(f).is_ok(),
        kv::GetCollectionId::parse(f).is_ok(),
        kv::CollectionIdAnswer::parse(f).is_ok(),
        Response::parse(f).is_ok(),
    ];
    tries.into_iter().filter(|&ok| ok).count()
}

/// Reads until the input makes no sense any more, checking the room at each step.
fn read_all(reader: &mut FrameReader, bytes: &[u8]) -> (usize, usize) {
    let (mut frames, mut parsed) = (0, 0);
    reader.feed(bytes);
    loop {
        let before = reader.buffered();
        let room = reader.room();
        let spare = room.capacity() - room.len();
        assert!(spare <= before.max(READ_AHEAD_BYTES) + READ_AHEAD_BYTES / 4);
        match reader.next_frame() {
            Ok(Some(frame)) => {
                frames += 1;
                parsed += parse_with_everything(&frame);
            }
            Err(why) if why.aftermath == Aftermath::AnswerAndGoOn => {}
            Ok(None) | Err(_) => return (frames, parsed),
        }
    }
}

#[test]
fn a_million_random_headers() {
    let mut random = Random(1);
    let (mut frames, mut refused) = (0, 0);
    let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
    for n in 0..1_000_000u32 {
        let mut bytes = [0; 24];
        for word in bytes.chunks_mut(8) {
            word.copy_from_slice(&random.next().to_le_bytes());
        }
        if n % 4 != 0 {
            // Three in four get further than the first byte.
            bytes[0] = [0x80, 0x81, 0x08, 0x18, 0x82, 0x83][n as usize % 6];
        }
        if n % 8 == 1 {
            bytes[2..5].fill(0);
            bytes[8..12].fill(0);
        }
        let (whole, _) = read_all(&mut reader, &bytes);
        frames += whole;
        refused += usize::from(whole == 0);
        if whole == 0 {
            reader = FrameReader::new(FrameLimits::AFTER_AUTH);
        }
    }
    assert!(frames > 100_000 && refused > 100_000, "{frames} read, {refused} not");
}

/// One valid message of each layout that has parts to damage.
fn valid() -> Vec<BytesMut> {
    let mut all = Vec::new();
    let mut add = |encode: &dyn Fn(&mut BytesMut)| {
        let mut out = BytesMut::new();
        encode(&mut out);
        all.push(out);
    };
    let tag = StreamTag { opaque: Opaque(1), vb: VbId(2), sid: Some(crate::types::Sid(3)) };
    for tag in [tag, StreamTag::new(Opaque(1), VbId(2))] {
        for message in super::round_trip::each_stream_message(tag) {
            add(&|out| message.encode(out));
        }
    }
    let opaque = Opaque(9);
    let value = b"{\"sid\":1}".as_slice();
    add(&|out| {
        dcp::StreamReq {
            vb: VbId(1),
            flags: StreamFlags::ACTIVE_VB_ONLY,
            start: Seqno(1),
            end: Seqno::MAX,
            uuid: VbUuid(5),
            snap_start: Seqno(1),
            snap_end: Seqno(2),
            value,
        }
        .encode(opaque, out);
    });
    add(&|out| {
        dcp::Open { flags: dcp::OpenFlags::PRODUCER, name: b"name", value: b"" }
            .encode(opaque, out);
    });
    add(&|out| {
        dcp::CloseStream { vb: VbId(1), sid: tag.sid }.encode(opaque, out);
    });
    add(&|out| {
        kv::Store {
            mode: kv::StoreMode::Set,
            quiet: false,
            vb: VbId(1),
            cas: crate::types::Cas(1),
            flags: 1,
            expiry: 2,
            datatype: Datatype::JSON,
            key: b"key",
            value,
        }
        .encode(opaque, out);
    });
    all
}

#[test]
fn damaged_messages_are_refused_or_read_but_never_fatal() {
    let valid = valid();
    let mut random = Random(2);
    let (mut frames, mut parsed) = (0, 0);
    for n in 0..300_000 {
        let mut bytes = valid[n % valid.len()].to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = random.next() as u8,
                2 => bytes.truncate(at.max(1)),
                // Most of what can go wrong is in the lengths.
                _ => {
                    let at = [1, 2, 3, 4, 5, 10, 11][random.below(7)].min(bytes.len() - 1);
                    bytes[at] = random.below(60) as u8;
                }
            }
        }
        let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
        let (f, p) = read_all(&mut reader, &bytes);
        frames += f;
        parsed += p;
    }
    assert!(frames > 50_000 && parsed > 10_000, "{frames} whole, {parsed} parsed");
}
