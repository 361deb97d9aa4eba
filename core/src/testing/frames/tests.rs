use super::{Generator, Seed, answers, codec, requests, stream_messages};
use crate::wire::{Frame, FrameLimits, FrameReader, Opcode};
use std::collections::BTreeSet;

fn frame(seed: &Seed) -> Frame {
    let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
    reader.feed(&seed.bytes());
    let frame = reader.next_frame().expect("a valid header").expect("a whole message");
    assert_eq!(reader.buffered(), 0);
    frame
}

#[test]
fn every_command_has_a_seed_that_is_read() {
    let commands: BTreeSet<Opcode> = requests().iter().map(|seed| seed.header.opcode).collect();
    assert_eq!(commands, Opcode::ALL.iter().copied().collect());
    for seed in requests().iter().chain(&answers()).chain(&stream_messages()) {
        let frame = frame(seed);
        assert_eq!((frame.key(), frame.value()), (&seed.key[..], &seed.value[..]));
        assert_eq!(codec(&seed.bytes()), 1);
    }
    for seed in stream_messages() {
        let frame = frame(&seed);
        let read = crate::wire::dcp::StreamMessage::parse(&frame);
        assert!(read.is_ok(), "{seed:?}: {read:?}");
    }
}

#[test]
fn the_same_number_makes_the_same_frames() {
    let make = |seed| {
        let (mut generator, mut out) = (Generator::new(seed, requests()), Vec::new());
        for _ in 0..1000 {
            generator.frame(&mut out);
        }
        out
    };
    assert_eq!(make(1), make(1));
    assert_ne!(make(1), make(2));
}
