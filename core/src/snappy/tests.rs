use super::{Compressor, SnappyFault, inflate, inflated_len};
use crate::limits::VALUE_BYTES_MAX;
use proptest::prelude::*;

fn compressed(value: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(value).expect("it fits")
}

fn inflated(value: &[u8]) -> Result<Vec<u8>, SnappyFault> {
    let mut room = b"what was there".to_vec();
    inflate(value, &mut room).map(|()| room)
}

/// A length in front of nothing, as Snappy writes it.
fn claim(mut len: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out
}

#[test]
fn what_was_compressed_is_inflated() {
    for value in [&b""[..], b"x", &[7; 100_000], &[0; VALUE_BYTES_MAX]] {
        assert_eq!(inflated(&compressed(value)).as_deref(), Ok(value));
    }
}

#[test]
fn a_length_that_cannot_be_is_refused_before_there_is_room() {
    let past = VALUE_BYTES_MAX as u64 + 1;
    for len in [past, u64::from(u32::MAX)] {
        let mut value = claim(len);
        value.extend([0; 64]);
        let mut room = Vec::new();
        assert_eq!(inflate(&value, &mut room), Err(SnappyFault::TooLong), "{len}");
        assert_eq!(room.capacity(), 0);
    }
    // Within the limit, and far more than a few bytes can stand for.
    let mut room = Vec::new();
    assert_eq!(inflate(&claim(1_000_000), &mut room), Err(SnappyFault::Malformed));
    assert_eq!(room.capacity(), 0);
}

#[test]
fn what_is_no_snappy_is_refused() {
    let good = compressed(&b"the same again, ".repeat(10));
    for cut in 0..good.len() {
        assert_eq!(inflated(&good[..cut]), Err(SnappyFault::Malformed), "{cut}");
    }
    for bad in [&b"plain text"[..], b"\xff\xff\xff\xff\xff\xff", b"{\"json\":true}"] {
        assert!(inflated(bad).is_err(), "{bad:?}");
    }
    let longer = [&good[..], b"x"].concat();
    assert_eq!(inflated(&longer), Err(SnappyFault::Malformed));
}

#[test]
fn a_value_is_compressed_if_that_is_worth_it() {
    let (mut compressor, mut room) = (Compressor::default(), vec![1]);
    let value = b"the same again, ".repeat(10);
    assert!(compressor.compress(&value, &mut room));
    assert!(room.len() * 100 <= value.len() * 85);
    assert_eq!(inflated(&room), Ok(value));
    for value in [&b""[..], b"x", b"nothing in here repeats"] {
        assert!(!compressor.compress(value, &mut room), "{value:?}");
    }
}

#[test]
fn a_share_of_85_percent_is_the_last_that_is_used() {
    // Bytes that repeat nothing, and then a run: the longer the run, the smaller the share.
    let mixed = |run: usize| {
        let mut value: Vec<u8> = (0..=255).collect();
        value.extend(std::iter::repeat_n(0, run));
        value
    };
    let (mut compressor, mut room) = (Compressor::default(), Vec::new());
    let mut seen = [false; 2];
    for run in 0..200 {
        let value = mixed(run);
        let used = compressor.compress(&value, &mut room);
        assert_eq!(used, room.len() as f64 / value.len() as f64 <= 0.85, "{run}");
        seen[usize::from(used)] = true;
    }
    assert_eq!(seen, [true; 2]);
}

proptest! {
    #[test]
    fn any_bytes_are_inflated_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(value) = inflated(&bytes) {
            prop_assert_eq!(Ok(value.len()), inflated_len(&bytes));
        }
    }

    #[test]
    fn any_value_survives(value in prop::collection::vec(0_u8..4, 0..3000)) {
        let (mut compressor, mut room) = (Compressor::default(), Vec::new());
        compressor.compress(&value, &mut room);
        prop_assert_eq!(inflated(&room), Ok(value));
    }
}
