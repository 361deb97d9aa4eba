use super::Random;
use crate::limits::READ_AHEAD_BYTES;
use crate::testing::frames::parse_with_everything;
use crate::types::{Datatype, Opaque, Seqno, VbId, VbUuid};
use crate::wire::dcp::{self, StreamFlags, StreamTag};
use crate::wire::{Aftermath, FrameLimits, FrameReader, kv};
use bytes::BytesMut;

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
