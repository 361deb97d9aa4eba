mod bytes_exact;
mod commands;
mod garbage;
mod headers;
mod reading;
mod refusals;
mod round_trip;

use super::{Frame, FrameLimits, FrameReader};

/// Bytes from text like `80 57 0003`.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "half a byte in {text}");
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The one message that these bytes are.
fn frame(bytes: &[u8]) -> Frame {
    let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
    reader.feed(bytes);
    let frame = reader.next_frame().expect("a valid header").expect("a whole message");
    assert_eq!(reader.buffered(), 0, "bytes behind the message");
    assert_eq!(frame.wire_len(), bytes.len());
    frame
}

/// A small generator of numbers, the same on each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}
