use super::{Random, hex};
use crate::limits::READ_AHEAD_BYTES;
use crate::types::{Cas, Datatype, Opaque, RevSeqno, Seqno, Sid, VbId};
use crate::wire::dcp::{MarkerExtension, MarkerFlags};
use crate::wire::dcp::{Mutation, SnapshotMarker, StreamTag};
use crate::wire::{Aftermath, Frame, FrameLimits, FrameReader, Opcode, WireError};
use bytes::BytesMut;

/// A few hundred messages of many sizes, one behind the other.
fn messages() -> (BytesMut, usize) {
    let mut random = Random(11);
    let mut out = BytesMut::new();
    let value = vec![b'v'; 3 * READ_AHEAD_BYTES];
    for n in 0..300u32 {
        let sid = (n % 3 == 0).then_some(Sid(7));
        let tag = StreamTag { opaque: Opaque(n), vb: VbId(n as u16), sid };
        if n % 4 == 0 {
            let flags = MarkerFlags::MEMORY;
            let extension = MarkerExtension::None;
            let marker = SnapshotMarker { tag, start: Seqno(1), end: Seqno(9), flags, extension };
            marker.encode(&mut out);
            continue;
        }
        let len = if n % 50 == 1 { value.len() } else { random.below(300) };
        Mutation {
            tag,
            seqno: Seqno(n.into()),
            rev: RevSeqno(1),
            cas: Cas(2),
            flags: 3,
            expiry: 4,
            lock_time: 0,
            nru: 0,
            datatype: Datatype::RAW,
            key: &value[..1 + random.below(250)],
            value: &value[..len],
        }
        .encode(&mut out);
    }
    (out, 300)
}

fn drain(reader: &mut FrameReader, frames: &mut Vec<Frame>) {
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push(frame);
    }
}

#[test]
fn any_split_gives_the_same_messages() {
    let (bytes, count) = messages();
    let mut whole = Vec::new();
    let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
    reader.feed(&bytes);
    drain(&mut reader, &mut whole);
    assert_eq!((whole.len(), reader.buffered()), (count, 0));

    let mut one_by_one = Vec::new();
    for byte in bytes.chunks(1) {
        reader.feed(byte);
        drain(&mut reader, &mut one_by_one);
    }
    assert_eq!(one_by_one, whole);

    for seed in 0..20 {
        let mut random = Random(seed);
        let (mut rest, mut frames) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let n = 1 + random.below(rest.len().min(if seed % 2 == 0 { 40 } else { 100_000 }));
            reader.feed(&rest[..n]);
            rest = &rest[n..];
            drain(&mut reader, &mut frames);
        }
        assert_eq!(frames, whole, "seed {seed}");
    }
}

#[test]
fn room_follows_what_was_received_not_what_was_promised() {
    // A header that promises the largest body allowed.
    let header = hex("80 01 0003 08 00 0000 01400000 00000000 0000000000000000");
    let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
    let (mut received, mut rooms) = (0, 0);
    let mut feed = header.as_slice();
    let body = vec![0; 1 << 20];
    while received < header.len() + 0x0140_0000 {
        let before = reader.buffered();
        let room = reader.room();
        let spare = room.capacity() - room.len();
        // The quarter is what is left over when the buffer asks for room before it is quite full.
        assert!(
            spare <= before.max(READ_AHEAD_BYTES) + READ_AHEAD_BYTES / 4,
            "{spare} at {before}"
        );
        assert!(spare >= READ_AHEAD_BYTES / 8);
        let n = feed.len().min(spare).min(header.len() + 0x0140_0000 - received);
        room.extend_from_slice(&feed[..n]);
        received += n;
        feed = &body;
        rooms += 1;
        if received < header.len() + 0x0140_0000 {
            assert_eq!(reader.next_frame().unwrap(), None);
        }
    }
    let frame = reader.next_frame().unwrap().unwrap();
    assert_eq!(frame.value().len(), 0x0140_0000 - 11);
    assert!(rooms < 100, "{rooms} times");
    // The allocation went with the message.
    assert!(reader.room().capacity() <= 2 * READ_AHEAD_BYTES);
}

#[test]
fn a_large_body_is_skipped_as_it_comes() {
    let limits = FrameLimits { body_max: 100, skip_max: 1_000_000 };
    let mut reader = FrameReader::new(limits);
    reader.feed(&hex("80 01 0003 08 00 0000 00070000 00000005 0000000000000000"));
    let refused = reader.next_frame().unwrap_err();
    assert_eq!(refused.error, WireError::BodyLong { body: 0x7_0000, limit: 100 });
    assert_eq!((refused.aftermath, refused.header.opaque), (Aftermath::AnswerAndGoOn, Opaque(5)));
    let part = vec![0xaa; 0x1000];
    for _ in 0..0x70 {
        assert_eq!(reader.next_frame(), Ok(None));
        reader.feed(&part);
        assert!(reader.buffered() <= part.len());
    }
    reader.feed(&hex("80 0a 0000 00 00 0000 00000000 00000006 0000000000000000"));
    let frame = reader.next_frame().unwrap().unwrap();
    assert_eq!((frame.opcode(), frame.opaque()), (Opcode::NOOP, Opaque(6)));
    assert_eq!(reader.next_frame(), Ok(None));
}

#[test]
fn what_is_not_the_protocol_stays_refused() {
    let mut reader = FrameReader::new(FrameLimits::BEFORE_AUTH);
    reader.feed(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n");
    let refused = reader.next_frame().unwrap_err();
    assert_eq!(refused.aftermath, Aftermath::Close);
    reader.feed(&hex("80 0a 0000 00 00 0000 00000000 00000006 0000000000000000"));
    assert_eq!(reader.next_frame(), Err(refused));
}

#[test]
fn limits_change_between_messages() {
    let mut reader = FrameReader::new(FrameLimits { body_max: 1, skip_max: 0 });
    reader.set_limits(FrameLimits { body_max: 3, skip_max: 0 });
    reader.feed(&hex("80 00 0003 00 00 0000 00000003 00000006 0000000000000000 616263"));
    assert_eq!(reader.next_frame().unwrap().unwrap().key(), b"abc");
    assert_eq!(reader.limits().body_max, 3);
}

#[test]
fn who_rests_keeps_what_is_in_the_buffer_and_no_memory_beside() {
    let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
    let noop = hex("80 0a 0000 00 00 0000 00000000 00000000 0000000000000000");
    reader.feed(&noop);
    reader.feed(&noop[..10]);
    assert_eq!(reader.next_frame().unwrap().unwrap().opcode(), Opcode::NOOP);
    reader.rest();
    assert_eq!(reader.buffered(), 10, "the beginning of a message");
    reader.feed(&noop[10..]);
    assert_eq!(reader.next_frame().unwrap().unwrap().opcode(), Opcode::NOOP);
    reader.rest();
    assert_eq!(reader.buffer.capacity(), 0);
    assert!(reader.room().capacity() >= READ_AHEAD_BYTES, "until there is something to read");
}
