use super::{frame, hex};
use crate::types::{Datatype, Sid};
use crate::wire::dcp::{self, StreamMessage};
use crate::wire::{Frame, FrameInfos, Opcode, Status, WireError, kv};

/// A request with everything chosen: opcode, datatype, extras, key, value.
fn request(opcode: Opcode, datatype: u8, extras: &[u8], key: &[u8], value: &[u8]) -> Frame {
    let mut bytes = vec![0x80, opcode.0, 0, key.len() as u8, extras.len() as u8, datatype, 0, 0];
    bytes.extend(((extras.len() + key.len() + value.len()) as u32).to_be_bytes());
    bytes.extend([0; 12]);
    bytes.extend([extras, key, value].concat());
    frame(&bytes)
}

fn open(flags: u32, name: &[u8], value: &[u8]) -> Result<(), WireError> {
    let extras = [[0; 4], flags.to_be_bytes()].concat();
    dcp::Open::parse(&request(Opcode::DCP_OPEN, 0, &extras, name, value)).map(drop)
}

fn stream(flags: u32) -> Result<(), WireError> {
    let extras = [flags.to_be_bytes().as_slice(), &[0; 44]].concat();
    dcp::StreamReq::parse(&request(Opcode::DCP_STREAM_REQ, 0, &extras, b"", b"")).map(drop)
}

#[track_caller]
fn einval<T>(result: Result<T, WireError>) {
    let error = result.err().expect("a refusal");
    assert_eq!(Status::of(&error), Status::EINVAL, "{error}");
}

#[test]
fn open_flags_must_be_known_and_agree() {
    for good in [0x00, 0x01, 0x05, 0x09, 0x21, 0x25, 0x41, 0x45, 0x61, 0x105, 0x201] {
        assert_eq!(open(good, b"name", b""), Ok(()), "{good:#x}");
    }
    for bad in [0x02, 0x03, 0x11, 0x49, 0x81, 0x101, 0x200, 0x401, 0x8000_0001] {
        einval(open(bad, b"name", b""));
    }
}

#[test]
fn open_needs_a_name_and_a_producer_takes_no_value() {
    einval(open(1, b"", b""));
    assert_eq!(open(1, &[b'n'; 200], b""), Ok(()));
    einval(open(1, &[b'n'; 201], b""));
    einval(open(1, b"name", b"{}"));
    assert_eq!(open(0, b"name", b"{\"consumer_name\":\"x\"}"), Ok(()));
}

#[test]
fn stream_flags_must_be_known_and_agree() {
    for good in [0, 1, 2, 4, 0x10, 0x20, 0x40, 0x80, 0x100, 0x111, 0xf7] {
        assert_eq!(stream(good), Ok(()), "{good:#x}");
    }
    for bad in [0x08, 0x18, 0x102, 0x104, 0x180, 0x200, 0x8000_0000] {
        einval(stream(bad));
    }
}

#[test]
fn extras_have_exactly_their_length() {
    type Parse = fn(&Frame) -> Result<(), WireError>;
    let cases: [(Opcode, &[usize], Parse); 12] = [
        (Opcode::DCP_OPEN, &[8], |f| dcp::Open::parse(f).map(drop)),
        (Opcode::DCP_STREAM_REQ, &[48], |f| dcp::StreamReq::parse(f).map(drop)),
        (Opcode::DCP_BUFFER_ACK, &[4], |f| dcp::BufferAck::parse(f).map(drop)),
        (Opcode::DCP_CONTROL, &[0], |f| dcp::Control::parse(f).map(drop)),
        (Opcode::DCP_MUTATION, &[31], |f| dcp::Mutation::parse(f).map(drop)),
        (Opcode::DCP_DELETION, &[18, 21], |f| dcp::Deletion::parse(f).map(drop)),
        (Opcode::DCP_EXPIRATION, &[20], |f| dcp::Expiration::parse(f).map(drop)),
        (Opcode::SET, &[8], |f| kv::Store::parse(f).map(drop)),
        (Opcode::GET, &[0], |f| kv::Get::parse(f).map(drop)),
        (Opcode::INCREMENT, &[20], |f| kv::Arithmetic::parse(f).map(drop)),
        (Opcode::TOUCH, &[4], |f| kv::Touch::parse(f).map(drop)),
        (Opcode::GAT, &[4], |f| kv::GetAndTouch::parse(f).map(drop)),
    ];
    for (opcode, allowed, parse) in cases {
        for len in 0..60 {
            let no_value = matches!(opcode.0, 0x00 | 0x05 | 0x1c | 0x1d | 0x50 | 0x5d);
            let no_key = matches!(opcode, Opcode::DCP_STREAM_REQ | Opcode::DCP_BUFFER_ACK);
            let value: &[u8] = if no_value { b"" } else { b"v" };
            let key: &[u8] = if no_key { b"" } else { b"k" };
            let result = parse(&request(opcode, 0, &vec![0; len], key, value));
            if allowed.contains(&len) {
                assert_eq!(result, Ok(()), "{opcode} with {len}");
            } else {
                assert_eq!(result, Err(WireError::Extras { opcode, len, allowed }));
                einval(result);
            }
        }
    }
}

#[test]
fn get_all_vb_seqnos_takes_three_lengths_and_four_states() {
    let parse = |extras: &[u8]| {
        kv::GetAllVbSeqnos::parse(&request(Opcode::GET_ALL_VB_SEQNOS, 0, extras, b"", b""))
    };
    for len in 0..=12 {
        assert_eq!(parse(&vec![0; len]).is_ok(), [0, 4, 8].contains(&len), "{len}");
    }
    for state in 0..=6 {
        assert_eq!(parse(&[0, 0, 0, state]).is_ok(), state <= 4, "{state}");
    }
}

#[test]
fn keys_and_values_are_where_they_belong() {
    let zeros = [0; 48];
    einval(kv::Get::parse(&request(Opcode::GET, 0, b"", b"", b"")));
    einval(kv::Get::parse(&request(Opcode::GET, 0, b"", b"k", b"v")).map_err(|e| {
        assert_eq!(e, WireError::ValueLong { opcode: Opcode::GET, len: 1, max: 0 });
        WireError::Framing
    }));
    einval(dcp::Control::parse(&request(Opcode::DCP_CONTROL, 0, b"", b"", b"v")));
    einval(dcp::Control::parse(&request(Opcode::DCP_CONTROL, 0, b"", b"k", b"")));
    einval(dcp::StreamReq::parse(&request(Opcode::DCP_STREAM_REQ, 0, &zeros, b"k", b"")));
    einval(kv::Hello::parse(&request(Opcode::HELLO, 0, b"", b"agent", b"odd")));
    einval(kv::GetErrorMap::parse(&request(Opcode::GET_ERROR_MAP, 0, b"", b"", b"1")));
    einval(kv::SelectBucket::parse(&request(Opcode::SELECT_BUCKET, 0, b"", b"", b"")));
    einval(kv::SaslAuth::parse(&request(Opcode::SASL_AUTH, 0, b"", b"", b"x")));
}

#[test]
fn a_collection_path_is_in_the_value_or_else_in_the_key() {
    let both = request(Opcode::COLLECTIONS_GET_ID, 0, b"", b"a.b", b"a.b");
    einval(kv::GetCollectionId::parse(&both));
    let neither = request(Opcode::COLLECTIONS_GET_ID, 0, b"", b"", b"");
    einval(kv::GetCollectionId::parse(&neither));
    let in_key = request(Opcode::COLLECTIONS_GET_ID, 0, b"", b"a.b", b"");
    assert_eq!(kv::GetCollectionId::parse(&in_key), Ok(kv::GetCollectionId { path: b"a.b" }));
}

#[test]
fn datatypes_are_those_that_the_command_takes() {
    for datatype in 0..=255 {
        let set = request(Opcode::SET, datatype, &[0; 8], b"k", b"v");
        assert_eq!(kv::Store::parse(&set).is_ok(), datatype < 8);
        let get = request(Opcode::GET, datatype, b"", b"k", b"");
        assert_eq!(kv::Get::parse(&get).is_ok(), datatype == 0);
        let stream = request(Opcode::DCP_STREAM_REQ, datatype, &[0; 48], b"", b"{}");
        assert_eq!(dcp::StreamReq::parse(&stream).is_ok(), datatype <= 1);
    }
    let wrong = request(Opcode::SET, 8, &[0; 8], b"k", b"v");
    let error = kv::Store::parse(&wrong).unwrap_err();
    assert_eq!(error, WireError::Datatype { opcode: Opcode::SET, datatype: Datatype(8) });
}

#[test]
fn add_and_counters_take_no_cas() {
    let add = hex("80 02 0001 08 00 0000 00000009 00000000 0000000000000001 0000000000000000 6b");
    einval(kv::Store::parse(&frame(&add)));
    let mut set = add;
    set[1] = 1;
    assert!(kv::Store::parse(&frame(&set)).is_ok());
    let zeros = "00".repeat(20);
    let count =
        hex(&format!("80 05 0001 14 00 0000 00000015 00000000 0000000000000001 {zeros} 6b"));
    einval(kv::Arithmetic::parse(&frame(&count)));
}

/// CLOSE_STREAM with these framing extras.
fn close(framing: &str) -> Result<Option<Sid>, WireError> {
    let framing = hex(framing);
    let mut bytes = hex("08 52 00 00 00 00 0005 00000000 00000000 0000000000000000");
    bytes[2] = framing.len() as u8;
    bytes[11] = framing.len() as u8;
    bytes.extend(framing);
    dcp::CloseStream::parse(&frame(&bytes)).map(|close| close.sid)
}

#[test]
fn stream_ids_are_two_bytes_not_zero_and_alone() {
    assert_eq!(close(""), Ok(None));
    assert_eq!(close("22 0102"), Ok(Some(Sid(0x102))));
    assert_eq!(close("22 0000"), Err(WireError::StreamId { len: 2 }));
    assert_eq!(close("21 01"), Err(WireError::StreamId { len: 1 }));
    assert_eq!(close("23 010203"), Err(WireError::StreamId { len: 3 }));
    assert_eq!(close("22 0001 22 0002"), Err(WireError::Framing));
    assert_eq!(close("22 01"), Err(WireError::Framing));
    assert_eq!(close("10"), Err(WireError::FrameInfo { id: 1 }));
    assert_eq!(close("f0 01"), Err(WireError::FrameInfo { id: 16 }));
    assert_eq!(close("2f"), Err(WireError::Framing));
    let status = |text| Status::of(&close(text).unwrap_err());
    assert_eq!(status("22 0000"), Status::DCP_STREAM_ID_INVALID);
    assert_eq!(status("10"), Status::UNKNOWN_FRAME_INFO);
}

#[test]
fn frame_infos_escape_large_numbers_and_lengths() {
    // Number 15 + 3, length 15 + 1, both with an extra byte; then number 1, length 1.
    let bytes = format!(
        "08 01 15 00 00 00 0000 00000015 00000000 0000000000000000 ff 03 01 {} 11 aa",
        "bb".repeat(16)
    );
    let frame = frame(&hex(&bytes));
    let infos: Vec<_> = frame.frame_infos().map(Result::unwrap).collect();
    assert_eq!(infos, [(18, [0xbb; 16].as_slice()), (1, [0xaa].as_slice())]);
    assert_eq!(FrameInfos::STREAM_ID, 2);
}

#[test]
fn a_durable_write_is_refused_not_made_weaker() {
    let set =
        hex("08 01 02 01 08 00 0000 0000000b 00000000 0000000000000000 11 01 0000000000000000 6b");
    assert_eq!(kv::Store::parse(&frame(&set)), Err(WireError::Durability));
}

#[test]
fn another_command_or_direction_is_not_parsed() {
    let noop = request(Opcode::NOOP, 0, b"", b"", b"");
    assert_eq!(dcp::Noop::parse(&noop), Err(WireError::Opcode { found: Opcode::NOOP }));
    assert_eq!(StreamMessage::parse(&noop), Err(WireError::Opcode { found: Opcode::NOOP }));
    let answer = frame(&hex("81 5c 0000 00 00 0000 00000000 00000000 0000000000000000"));
    assert_eq!(dcp::Noop::parse(&answer), Err(WireError::Opcode { found: Opcode::DCP_NOOP }));
    assert_eq!(dcp::NoopAnswer::parse(&answer), Ok(dcp::NoopAnswer));
    assert_eq!(Status::of(&WireError::Opcode { found: Opcode(0xee) }), Status::UNKNOWN_COMMAND);
}

#[test]
fn markers_of_unknown_or_wrong_layout_are_refused() {
    let marker = |extras: &[u8], value: &[u8]| {
        dcp::SnapshotMarker::parse(&request(Opcode::DCP_SNAPSHOT_MARKER, 0, extras, b"", value))
    };
    assert!(marker(&[0; 20], b"").is_ok());
    assert!(marker(&[1], &[0; 44]).is_ok());
    for (version, len) in [(0, 36), (1, 44), (2, 52)] {
        for n in 0..60 {
            assert_eq!(marker(&[version], &vec![0; n]).is_ok(), n == len, "{version}: {n}");
        }
    }
    einval(marker(&[3], &[0; 36]));
    einval(marker(&[0; 20], &[0; 36]));
    let mut backwards = [0; 20];
    backwards[7] = 1;
    einval(marker(&backwards, b""));
}

#[test]
fn failover_logs_are_entries_with_a_uuid() {
    let log = |value: &[u8]| {
        let mut bytes = hex("81 54 0000 00 00 0000 00000000 00000000 0000000000000000");
        bytes[11] = value.len() as u8;
        bytes.extend(value);
        dcp::FailoverLogAnswer::parse(&frame(&bytes)).map(|log| log.entries.len())
    };
    assert_eq!(log(&[1; 32]), Ok(2));
    einval(log(&[1; 17]));
    einval(log(&[]));
    einval(log(&[0; 16]));
}

#[test]
fn a_rollback_carries_eight_bytes() {
    let answer = |len: usize| {
        let mut bytes = hex("81 53 0000 00 00 0023 00000000 00000000 0000000000000000");
        bytes[11] = len as u8;
        bytes.extend(vec![1; len]);
        dcp::RollbackAnswer::parse(&frame(&bytes))
    };
    assert!(answer(8).unwrap().is_some());
    einval(answer(0));
    einval(answer(16));
}

#[test]
fn errors_say_what_was_wrong() {
    let text = open(0x49, b"n", b"").unwrap_err().to_string();
    assert_eq!(
        text,
        "DCP_OPEN has flags 0x49: the two ways to leave values out exclude each other"
    );
    let short = request(Opcode::DCP_OPEN, 0, &[0; 7], b"n", b"");
    let text = dcp::Open::parse(&short).unwrap_err().to_string();
    assert_eq!(text, "DCP_OPEN has 7 bytes of extras; it takes [8]");
    let error = crate::Error::from(WireError::Framing);
    assert_eq!(error.kind(), crate::ErrorKind::Peer);
}
