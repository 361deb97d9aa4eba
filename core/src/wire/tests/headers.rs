use super::{Random, hex};
use crate::limits::FRAME_SKIP_BYTES_MAX;
use crate::types::{Cas, Datatype, Opaque, VbId};
use crate::wire::{
    Aftermath, CollectionId, Feature, FeatureSet, FrameLimits, Header, Magic, Opcode, Status,
    WireError, vbucket_of,
};
use bytes::BytesMut;

const CLASSIC: &str = "80 57 0003 1f 01 0115 00000027 deadbeef 0102030405060708";
const FLEXIBLE: &str = "08 57 03 05 1f 01 0115 00000030 deadbeef 0102030405060708";

fn parse(text: &str) -> Header {
    Header::parse(&hex(text).try_into().unwrap())
}

#[test]
fn a_classic_header_has_a_16_bit_key_length() {
    let expected = Header {
        magic: Magic::REQUEST,
        opcode: Opcode::DCP_MUTATION,
        framing_len: 0,
        key_len: 3,
        extras_len: 31,
        datatype: Datatype::JSON,
        vbucket_or_status: 0x115,
        body_len: 0x27,
        opaque: Opaque(0xdead_beef),
        cas: Cas(0x0102_0304_0506_0708),
    };
    assert_eq!(parse(CLASSIC), expected);
    assert_eq!(expected.vbucket(), VbId(0x115));
    assert_eq!(expected.to_bytes().as_slice(), hex(CLASSIC));
}

#[test]
fn a_flexible_header_splits_the_key_length_in_two() {
    let header = parse(FLEXIBLE);
    assert_eq!((header.framing_len, header.key_len), (3, 5));
    assert_eq!(header.to_bytes().as_slice(), hex(FLEXIBLE));
}

#[test]
fn six_magics_are_known() {
    let known: Vec<u8> = (0..=255).filter(|&n| Magic(n).is_known()).collect();
    assert_eq!(known, [0x08, 0x18, 0x80, 0x81, 0x82, 0x83]);
    for n in known {
        let magic = Magic(n);
        assert_eq!(magic.is_response(), matches!(n, 0x18 | 0x81 | 0x83));
        assert_eq!(magic.is_flexible(), n < 0x80);
    }
}

#[test]
fn a_header_is_refused_before_its_body_comes() {
    let limits = FrameLimits { body_max: 1000, skip_max: 5000 };
    let with = |body_len: u32| Header { body_len, ..parse(CLASSIC) };

    let header = with(33);
    let error = header.check(limits).unwrap_err();
    assert_eq!(error, WireError::BodyShort { parts: 34, body: 33 });
    assert_eq!(limits.after(&header, &error), Aftermath::AnswerAndClose);
    assert_eq!(with(34).check(limits), Ok(()));
    assert_eq!(with(1000).check(limits), Ok(()));

    for (body, aftermath) in [
        (1001, Aftermath::AnswerAndGoOn),
        (5000, Aftermath::AnswerAndGoOn),
        (5001, Aftermath::AnswerAndClose),
        (u32::MAX, Aftermath::AnswerAndClose),
    ] {
        let error = with(body).check(limits).unwrap_err();
        assert_eq!(error, WireError::BodyLong { body, limit: 1000 });
        assert_eq!(limits.after(&with(body), &error), aftermath);
        assert_eq!(Status::of(&error), Status::E2BIG);
    }

    let header = Header { magic: Magic(0x47), ..with(40) };
    let error = header.check(limits).unwrap_err();
    assert_eq!(error, WireError::Magic(Magic(0x47)));
    assert_eq!(limits.after(&header, &error), Aftermath::Close);
}

#[test]
fn framing_extras_count_as_a_part_of_the_body() {
    let limits = FrameLimits::AFTER_AUTH;
    let with = |body_len: u32| Header { body_len, ..parse(FLEXIBLE) };
    assert_eq!(with(39).check(limits), Ok(()));
    assert_eq!(with(38).check(limits), Err(WireError::BodyShort { parts: 39, body: 38 }));
}

#[test]
fn before_authentication_little_is_taken_and_nothing_skipped() {
    let header = Header { body_len: 16 * 1024 + 1, ..parse(CLASSIC) };
    let error = header.check(FrameLimits::BEFORE_AUTH).unwrap_err();
    assert_eq!(FrameLimits::BEFORE_AUTH.after(&header, &error), Aftermath::AnswerAndClose);
    assert_eq!(header.check(FrameLimits::AFTER_AUTH), Ok(()));
    let largest = Header { body_len: FRAME_SKIP_BYTES_MAX as u32, ..header };
    let error = largest.check(FrameLimits::AFTER_AUTH).unwrap_err();
    assert_eq!(FrameLimits::AFTER_AUTH.after(&largest, &error), Aftermath::AnswerAndGoOn);
}

#[test]
fn any_24_bytes_survive_parse_and_to_bytes() {
    let mut random = Random(7);
    for _ in 0..10_000 {
        let mut bytes = [0; 24];
        bytes.fill_with(|| random.next() as u8);
        assert_eq!(Header::parse(&bytes).to_bytes(), bytes);
    }
}

#[test]
fn numbers_have_one_name_each() {
    let mut opcodes: Vec<_> = Opcode::ALL.iter().map(|o| (o.name().unwrap(), o.0)).collect();
    let mut statuses: Vec<_> = Status::ALL.iter().map(|s| (s.name().unwrap(), s.0)).collect();
    let lengths = (opcodes.len(), statuses.len());
    opcodes.sort_unstable();
    opcodes.dedup_by_key(|o| o.0);
    statuses.sort_unstable();
    statuses.dedup_by_key(|s| s.0);
    assert_eq!((opcodes.len(), statuses.len()), lengths);
    assert_eq!(Opcode(0xee).to_string(), "opcode 0xee");
    assert_eq!(Opcode::DCP_OPEN.to_string(), "DCP_OPEN");
    assert_eq!(Status(0x23).to_string(), "0x23 (rollback)");
    assert_eq!(Status(0x999).to_string(), "0x999 (unknown status)");
}

#[test]
fn eight_commands_are_counted() {
    let counted: Vec<u8> = (0..=255).filter(|&n| Opcode(n).is_counted()).collect();
    assert_eq!(counted, [0x55, 0x56, 0x57, 0x58, 0x59, 0x5f, 0x64, 0x65]);
}

#[test]
fn quiet_commands_have_loud_ones() {
    for (quiet, loud) in [
        (0x09, 0x00),
        (0x0d, 0x0c),
        (0x11, 0x01),
        (0x12, 0x02),
        (0x13, 0x03),
        (0x14, 0x04),
        (0x15, 0x05),
        (0x16, 0x06),
        (0x17, 0x07),
        (0x18, 0x08),
        (0x19, 0x0e),
        (0x1a, 0x0f),
        (0x1e, 0x1d),
        (0xa1, 0xa0),
        (0xa3, 0xa2),
        (0xa5, 0xa4),
        (0xa9, 0xa8),
    ] {
        assert!(Opcode(quiet).is_quiet());
        assert_eq!(Opcode(quiet).loud(), Opcode(loud));
    }
    assert_eq!((0..=255).filter(|&n| Opcode(n).is_quiet()).count(), 17);
}

#[test]
fn a_feature_set_holds_what_was_put_in() {
    let set =
        FeatureSet::of(&[Feature::COLLECTIONS, Feature::SNAPPY, Feature(64), Feature(0xffff)]);
    assert_eq!(set.iter().collect::<Vec<_>>(), [Feature::SNAPPY, Feature::COLLECTIONS]);
    assert!(set.contains(Feature(0x12)) && !set.contains(Feature(64)));
    assert_eq!(set.without(Feature::SNAPPY).and(set), FeatureSet::of(&[Feature::COLLECTIONS]));
}

#[test]
fn keys_go_to_the_vbuckets_that_clients_expect() {
    // From CRC-32 of each key as any zlib computes it: 0x8c736521, 0x3610a686, 0, 0xcbf43926 (check value).
    for (key, vb) in [("foo", 0x0c73), ("hello", 0x3610), ("", 0), ("123456789", 0x4bf4)] {
        for n in [1, 4, 64, 1000, 1024, 65_536] {
            assert_eq!(vbucket_of(key.as_bytes(), n).get(), (vb % n) as u16, "{key} of {n}");
        }
    }
}

#[test]
fn collection_ids_are_leb128() {
    for (id, text) in [
        (0, "00"),
        (1, "01"),
        (0x7f, "7f"),
        (0x80, "80 01"),
        (0x555, "d5 0a"),
        (0x4000, "80 80 01"),
        (u32::MAX, "ff ff ff ff 0f"),
    ] {
        let mut out = BytesMut::new();
        CollectionId(id).encode(&mut out);
        assert_eq!(out, hex(text));
        out.extend_from_slice(b"key");
        assert_eq!(CollectionId::split(&out), Ok((CollectionId(id), b"key".as_slice())));
    }
    // Unfinished, too large, and longer than needed.
    for text in ["", "80", "ff ff ff ff 1f", "ff ff ff ff ff 00", "80 00", "81 80 00"] {
        assert_eq!(CollectionId::split(&hex(text)), Err(WireError::CollectionId), "{text}");
    }
}
