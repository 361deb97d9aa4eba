//! The codec on its own, on both sides.

use super::parse_with_everything;
use crate::limits::READ_AHEAD_BYTES;
use crate::wire::dcp::StreamMessage;
use crate::wire::{Aftermath, Frame, FrameLimits, FrameReader, Header, Opcode};
use bytes::BytesMut;

/// Cuts bytes into messages and takes each apart, by every rule there is. How many messages it was.
///
/// # Panics
/// When the reader sets aside more than it was sent, when messages depend on the pieces that they came in, when what
/// was parsed does not come back from its encoder, or when anything below panics.
pub fn codec(bytes: &[u8]) -> usize {
    let whole = read(bytes, bytes.len().max(1));
    // In pieces: the first byte says how long.
    let piece = bytes.first().map_or(1, |&byte| usize::from(byte % 37) + 1);
    assert_eq!(whole, read(bytes, piece), "messages depend on their pieces");
    for frame in whole.iter().flatten() {
        check(frame);
    }
    whole.iter().flatten().count()
}

/// The messages, and `None` for each that was refused on its header and skipped.
fn read(bytes: &[u8], piece: usize) -> Vec<Option<Frame>> {
    let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
    let mut read = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.feed(piece);
        let buffered = reader.buffered();
        let room = reader.room();
        let spare = room.capacity() - room.len();
        assert!(spare <= buffered.max(READ_AHEAD_BYTES) + READ_AHEAD_BYTES / 4, "{spare} spare");
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => read.push(Some(frame)),
                Ok(None) => break,
                Err(why) if why.aftermath == Aftermath::AnswerAndGoOn => read.push(None),
                Err(_) => return read,
            }
        }
    }
    read
}

fn check(frame: &Frame) {
    let header = frame.header();
    assert_eq!(&Header::parse(&header.to_bytes()), header);
    let parts = [frame.framing(), frame.extras(), frame.key(), frame.value()];
    assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), header.body_len as usize);
    // Each entry takes a byte or more, and what is malformed is told once.
    assert!(frame.frame_infos().count() <= frame.framing().len());
    parse_with_everything(frame);
    if let Ok(message) = StreamMessage::parse(frame) {
        let mut again = BytesMut::new();
        message.encode(&mut again);
        assert_eq!(message.counted_bytes(), again.len(), "{message:?}");
        // Markers of version 2.1 have a time, which is read and never written.
        let is_timed = frame.opcode() == Opcode::DCP_SNAPSHOT_MARKER && frame.extras() == [1];
        let left_out = if is_timed { 8 } else { 0 };
        assert_eq!(again.len() + left_out, frame.wire_len(), "{message:?}");
        let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
        reader.feed(&again);
        let again = reader.next_frame().expect("what we encode").expect("whole");
        assert_eq!(StreamMessage::parse(&again), Ok(message));
    }
}
