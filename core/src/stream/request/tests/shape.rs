use super::scene::{HIGH, UUID, facts, log, vb};
use crate::collections::Manifest;
use crate::stream::request::{
    FilterFault, FilterHigh, FilterKind, RawFilter, Refusal, StreamFlags, StreamRequest, check,
    resolve,
};
use crate::types::{Seqno, VbUuid};
use proptest::prelude::*;

#[test]
fn a_filter_in_a_vbucket_of_the_default_collection() {
    let collections = |ids: &[u32]| Some(RawFilter::Collections(ids.to_vec()));
    for (filter, came_to) in [
        (None, Ok(FilterKind::Legacy)),
        (Some(RawFilter::Absent), Ok(FilterKind::Passthrough)),
        (Some(RawFilter::Everything), Ok(FilterKind::Passthrough)),
        (collections(&[0]), Ok(FilterKind::Collections)),
        (collections(&[0, 0]), Ok(FilterKind::Collections)),
        (collections(&[0, 8, 9]), Err(FilterFault::UnknownCollection(8))),
        (collections(&[]), Err(FilterFault::Invalid)),
        (Some(RawFilter::Scope(0)), Ok(FilterKind::Scope)),
        (Some(RawFilter::Scope(8)), Err(FilterFault::UnknownScope(8))),
    ] {
        assert_eq!(resolve(filter.as_ref(), &Manifest::default()), came_to, "{filter:?}");
    }
}

#[test]
fn flags_are_named() {
    assert_eq!(StreamFlags::NONE.to_string(), "none");
    assert_eq!(StreamFlags::from_bits(0x1000).to_string(), "0x1000");
    assert_eq!(
        StreamFlags::from_bits(0x8000_0092).to_string(),
        "disk-only|active-vb-only|ignore-purged-tombstones|0x80000000"
    );
    let all: StreamFlags = (0..9).fold(StreamFlags::NONE, |all, bit| {
        let flag = StreamFlags::from_bits(1 << bit);
        assert!(StreamFlags::ALL.contains(flag) && !flag.to_string().contains("0x"), "{flag}");
        all | flag
    });
    assert_eq!(all, StreamFlags::ALL);
    assert_eq!(all.bits(), 0x1FF);
}

proptest! {
    #[test]
    fn what_is_granted_makes_sense(
        bits in 0u32..0x200,
        points in prop::array::uniform4(0u64..400),
        uuid in prop::sample::select(vec![0u64, 0x9, UUID, 0xBAD]),
        numbers in prop::array::uniform3(0u64..330),
        sorted in any::<bool>(),
    ) {
        let mut points = points;
        if sorted {
            points.sort_unstable();
        }
        let [snap_start, start, snap_end, end] = points.map(Seqno);
        let request = StreamRequest {
            flags: StreamFlags::from_bits(bits),
            start, end, snap_start, snap_end,
            uuid: VbUuid(uuid),
            ..StreamRequest::from_zero()
        };
        let log = log();
        let mut facts = facts(&log);
        let [persisted, purge, filter_high] = numbers.map(|n| Seqno(n.min(HIGH)));
        (vb(&mut facts).persisted, vb(&mut facts).purge) = (persisted, purge);
        facts.filter_high = FilterHigh::Collections(filter_high);
        match check(&request, &facts) {
            Ok(stream) => {
                prop_assert!(stream.snap_start <= stream.start && stream.start <= stream.snap_end);
                prop_assert!(stream.start <= Seqno(HIGH) && stream.snap_end <= Seqno(HIGH));
                prop_assert_eq!(stream.born_dead, stream.start >= stream.end);
                prop_assert_eq!(stream.flags, request.flags);
            }
            Err(Refusal::Rollback { to, .. }) => prop_assert!(to <= start.max(Seqno(HIGH))),
            Err(refusal) => prop_assert!(!refusal.to_string().is_empty()),
        }
    }
}
