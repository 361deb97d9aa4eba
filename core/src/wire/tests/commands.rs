use crate::limits::{ANSWER_BODY_BYTES_MAX, FRAME_SKIP_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::types::{Cas, Datatype, Opaque};
use crate::wire::{
    Aftermath, FrameLimits, FrameReader, HEADER_BYTES, Header, Magic, Opcode, Status, WireError,
};

/// 19 MiB: within the limit of bodies.
const LARGE: u32 = 19 << 20;

/// A request with these lengths: extras, key, all of the body.
fn request(opcode: Opcode, extras_len: u8, key_len: u16, body_len: u32) -> Header {
    Header {
        magic: Magic::REQUEST,
        opcode,
        framing_len: 0,
        key_len,
        extras_len,
        datatype: Datatype::RAW,
        vbucket_or_status: 0,
        body_len,
        opaque: Opaque(5),
        cas: Cas::ZERO,
    }
}

fn server() -> FrameReader {
    FrameReader::of_clients(FrameLimits::AFTER_AUTH)
}

/// Feeds a header and its body in small pieces; the most bytes that the reader held, and the first refusal.
fn feed(header: &Header) -> (usize, Option<(WireError, Aftermath)>) {
    let mut reader = server();
    let (mut most, mut refused) = (0, None);
    reader.feed(&header.to_bytes());
    let mut left = header.body_len as usize;
    let piece = vec![0; 64 * 1024];
    loop {
        match reader.next_frame() {
            Ok(_) => {}
            Err(why) => {
                refused.get_or_insert((why.error, why.aftermath));
                if why.aftermath != Aftermath::AnswerAndGoOn {
                    return (most, refused);
                }
            }
        }
        most = most.max(reader.buffered());
        if left == 0 {
            return (most, refused);
        }
        let n = left.min(piece.len());
        reader.feed(&piece[..n]);
        left -= n;
    }
}

#[test]
fn of_a_large_body_nothing_is_kept_unless_it_may_be_a_document() {
    let mut large = Vec::new();
    for opcode in (0..=255).map(Opcode) {
        // Of all the shapes of requests, the first that the command takes, if it takes any.
        let shapes = (0..=60).flat_map(|extras| [0, 1].map(|key| (extras, key)));
        let fits = shapes.into_iter().find(|(extras, key)| {
            let mut reader = server();
            reader.feed(&request(opcode, *extras, *key, LARGE).to_bytes());
            reader.next_frame().is_ok()
        });
        match fits {
            Some(_) => large.push(opcode.0),
            None => {
                let (most, refused) = feed(&request(opcode, 0, 0, LARGE));
                assert!(most <= 64 * 1024, "{opcode}: {most} bytes were kept");
                assert!(refused.is_some(), "{opcode}");
            }
        }
    }
    let documents = [
        0x01, 0x02, 0x03, 0x0e, 0x0f, 0x11, 0x12, 0x13, 0x19, 0x1a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa8,
        0xa9,
    ];
    assert_eq!(large, documents);
}

#[test]
fn a_request_is_judged_before_its_body_comes() {
    for (header, status) in [
        (request(Opcode::NOOP, 0, 0, LARGE), Status::EINVAL),
        (request(Opcode::GET, 0, 3, LARGE), Status::EINVAL),
        (request(Opcode(0xee), 0, 0, LARGE), Status::UNKNOWN_COMMAND),
        (request(Opcode::DCP_MUTATION, 31, 3, LARGE), Status::UNKNOWN_COMMAND),
        (request(Opcode::SET, 4, 3, LARGE), Status::EINVAL),
        (request(Opcode::SET, 8, 60_000, LARGE), Status::EINVAL),
        (request(Opcode::SET, 8, 3, VALUE_BYTES_MAX as u32 + 12), Status::E2BIG),
        (request(Opcode::DCP_STREAM_REQ, 48, 0, LARGE), Status::E2BIG),
        (Header { datatype: Datatype(8), ..request(Opcode::SET, 8, 3, LARGE) }, Status::EINVAL),
    ] {
        let mut reader = server();
        reader.feed(&header.to_bytes());
        let refused = reader.next_frame().expect_err("refused without its body");
        assert_eq!(Status::of(&refused.error), status, "{}", refused.error);
        assert_eq!(refused.aftermath, Aftermath::AnswerAndGoOn);
        let (most, _) = feed(&header);
        assert!(most <= 64 * 1024, "{most} bytes were kept");
    }
}

#[test]
fn what_follows_a_refused_body_is_read() {
    let mut reader = server();
    reader.feed(&request(Opcode::NOOP, 0, 0, 100).to_bytes());
    assert!(reader.next_frame().is_err());
    reader.feed(&[0x80; 100]);
    reader.feed(&request(Opcode::NOOP, 0, 0, 0).to_bytes());
    let frame = reader.next_frame().expect("a good message").expect("all of it");
    assert_eq!(frame.opcode(), Opcode::NOOP);
}

#[test]
fn a_body_that_is_too_long_to_be_skipped_ends_the_connection() {
    for opcode in [Opcode::NOOP, Opcode::SET, Opcode(0xee)] {
        let header = request(opcode, 0, 0, FRAME_SKIP_BYTES_MAX as u32 + 1);
        let mut reader = server();
        reader.feed(&header.to_bytes());
        let refused = reader.next_frame().expect_err("refused");
        assert_eq!(refused.aftermath, Aftermath::AnswerAndClose);
    }
    // Before it has logged in, a client has no more skipped for it than it may send.
    let mut reader = FrameReader::of_clients(FrameLimits::BEFORE_AUTH);
    reader.feed(&request(Opcode::NOOP, 0, 0, 1000).to_bytes());
    assert_eq!(reader.next_frame().expect_err("a body").aftermath, Aftermath::AnswerAndGoOn);
    let mut reader = FrameReader::of_clients(FrameLimits::BEFORE_AUTH);
    reader.feed(&request(Opcode::NOOP, 0, 0, LARGE).to_bytes());
    assert_eq!(reader.next_frame().expect_err("a body").aftermath, Aftermath::AnswerAndClose);
}

#[test]
fn the_largest_document_is_taken() {
    let key_len = KEY_BYTES_MAX as u16;
    let body_len = 8 + u32::from(key_len) + VALUE_BYTES_MAX as u32;
    let (most, refused) = feed(&request(Opcode::SET, 8, key_len, body_len));
    assert_eq!(refused, None);
    assert!(most > VALUE_BYTES_MAX - 64 * 1024, "{most}");
    assert!(most <= HEADER_BYTES + body_len as usize);
}

#[test]
fn answers_are_short_and_nobody_asks_as_servers_do() {
    let answer = |magic, body_len| {
        let mut reader = server();
        let header = Header { magic, ..request(Opcode::DCP_NOOP, 0, 0, body_len) };
        reader.feed(&header.to_bytes());
        reader.next_frame().err().map(|refused| refused.aftermath)
    };
    assert_eq!(answer(Magic::RESPONSE, ANSWER_BODY_BYTES_MAX as u32), None);
    assert_eq!(answer(Magic::RESPONSE, ANSWER_BODY_BYTES_MAX as u32 + 1), Some(Aftermath::Close));
    assert_eq!(answer(Magic::SERVER_REQUEST, 0), Some(Aftermath::Close));
    assert_eq!(answer(Magic::SERVER_RESPONSE, 0), Some(Aftermath::Close));
}

#[test]
fn a_client_reads_what_only_servers_send() {
    let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
    reader.feed(&request(Opcode::DCP_MUTATION, 31, 3, LARGE).to_bytes());
    assert_eq!(reader.next_frame(), Ok(None));
}
