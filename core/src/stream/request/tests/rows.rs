use super::scene::{HIGH, UUID, at, from_zero, granted, refused, unchanged, vb, with};
use crate::failover::Rule;
use crate::stream::request::{
    Accepted, Built, Facts, FilterFault, FilterHigh, FilterKind, Memory, RawFilter, Refusal,
    StreamFlags, StreamRequest,
};
use crate::types::{Seqno, Sid, VbState, VbUuid};

#[test]
fn a_plain_request_is_granted_as_it_is() {
    let request = StreamRequest { purge_seqno: Some(Seqno(7)), ..at(200) };
    assert_eq!(
        granted(&request, unchanged),
        Accepted {
            flags: StreamFlags::NONE,
            start: Seqno(200),
            end: Seqno::MAX,
            uuid: VbUuid(UUID),
            snap_start: Seqno(200),
            snap_end: Seqno(200),
            sid: None,
            filter: FilterKind::Legacy,
            client_purge: Some(Seqno(7)),
            born_dead: false,
        }
    );
}

#[test]
fn row_0_unknown_flags() {
    let flags = StreamFlags::from_bits(0x8000_0201) | StreamFlags::ACTIVE_VB_ONLY;
    assert_eq!(
        refused(&with(flags), unchanged),
        Refusal::UnknownFlags(StreamFlags::from_bits(0x8000_0200))
    );
    for bit in 9..32 {
        let flag = StreamFlags::from_bits(1 << bit);
        assert_eq!(refused(&with(flag), unchanged), Refusal::UnknownFlags(flag));
    }
}

#[test]
fn row_0_the_flag_for_no_values() {
    assert_eq!(refused(&with(StreamFlags::NO_VALUE), unchanged), Refusal::NoValueFlag);
}

#[test]
fn row_0_what_goes_with_a_cache_transfer() {
    let transfer = StreamFlags::CACHE_TRANSFER;
    for good in [StreamFlags::NONE, StreamFlags::TAKEOVER, StreamFlags::ACTIVE_VB_ONLY] {
        assert_eq!(granted(&with(transfer | good), unchanged).flags, transfer | good);
    }
    let bad = StreamFlags::TO_LATEST | StreamFlags::STRICT_VB_UUID;
    assert_eq!(
        refused(&with(transfer | StreamFlags::TAKEOVER | bad), unchanged),
        Refusal::CacheTransferFlags(bad)
    );
}

#[test]
fn row_0_a_value_needs_collections() {
    let request = StreamRequest { filter: Some(RawFilter::Everything), ..at(200) };
    assert_eq!(
        refused(&request, |facts| facts.connection.collections = false),
        Refusal::ValueNotNegotiated
    );
    granted(&request, unchanged);
    granted(&at(200), |facts| facts.connection.collections = false);
}

#[test]
fn row_0_flags_that_are_not_built_are_not_ignored() {
    let built = Built { flags: StreamFlags::TO_LATEST | StreamFlags::ACTIVE_VB_ONLY };
    let some = StreamFlags::TO_LATEST | StreamFlags::TAKEOVER | StreamFlags::DISK_ONLY;
    assert_eq!(
        refused(&with(some), |facts| facts.built = built),
        Refusal::FlagsNotBuilt(StreamFlags::TAKEOVER | StreamFlags::DISK_ONLY)
    );
    granted(&with(StreamFlags::TO_LATEST), |facts| facts.built = built);
}

#[test]
fn row_1_a_closed_connection() {
    assert_eq!(refused(&at(200), |facts| facts.connection.closed = true), Refusal::Closed);
}

#[test]
fn row_2_no_such_vbucket() {
    assert_eq!(refused(&at(200), |facts| facts.vb = None), Refusal::NoSuchVbucket);
}

#[test]
fn row_3_the_vbuckets_state() {
    for state in [VbState::Pending, VbState::Dead] {
        assert_eq!(
            refused(&at(200), |facts| vb(facts).state = state),
            Refusal::NotStreamable(state)
        );
    }
    granted(&at(200), |facts| vb(facts).state = VbState::Replica);
    let active_only = with(StreamFlags::ACTIVE_VB_ONLY);
    assert_eq!(
        refused(&active_only, |facts| vb(facts).state = VbState::Replica),
        Refusal::NotStreamable(VbState::Replica)
    );
    granted(&active_only, unchanged);
}

#[test]
fn row_4_from_latest_starts_at_the_high_seqno() {
    let request = StreamRequest { flags: StreamFlags::FROM_LATEST, ..from_zero() };
    let stream = granted(&request, unchanged);
    assert_eq!(
        (stream.start, stream.snap_start, stream.snap_end),
        (Seqno(HIGH), Seqno(HIGH), Seqno(HIGH))
    );
    assert_eq!(stream.uuid, VbUuid(UUID), "the newest branch");
    assert!(!stream.born_dead);
    // A range that would be refused does not matter, but a uuid that was given does.
    let request = StreamRequest { uuid: VbUuid(0xBAD), snap_end: Seqno(0), ..request };
    let request = StreamRequest { snap_start: Seqno(9), start: Seqno(5), ..request };
    let unknown = Refusal::Rollback { to: Seqno(0), rule: Rule::UnknownUuid };
    assert_eq!(refused(&request, unchanged), unknown);
    granted(&StreamRequest { uuid: VbUuid(UUID), ..request.clone() }, unchanged);
    // The end still counts.
    let request = StreamRequest { end: Seqno(HIGH - 1), ..request };
    assert!(matches!(refused(&request, unchanged), Refusal::StartAboveEnd { .. }));
}

#[test]
fn row_5_noop() {
    let valued = StreamRequest { filter: Some(RawFilter::Everything), ..at(200) };
    let without = |facts: &mut Facts<'_>| facts.connection.noop = false;
    assert_eq!(refused(&valued, without), Refusal::NoopRequired);
    assert_eq!(
        refused(&at(200), |facts| {
            without(facts);
            facts.connection.xattrs = true;
        }),
        Refusal::NoopRequired
    );
    granted(&at(200), without);
    granted(&valued, |facts| {
        without(facts);
        facts.connection.noop_mandatory = false;
    });
    granted(&valued, |facts| facts.connection.xattrs = true);
}

#[test]
fn row_6_start_above_end() {
    let request = StreamRequest { end: Seqno(199), ..at(200) };
    let above = Refusal::StartAboveEnd { start: Seqno(200), end: Seqno(199) };
    assert_eq!(refused(&request, unchanged), above);
    granted(&StreamRequest { end: Seqno(200), ..at(200) }, unchanged);
}

#[test]
fn row_7_start_outside_its_snapshot() {
    for (snap_start, snap_end) in [(201, 250), (150, 199), (250, 150)] {
        let (snap_start, snap_end) = (Seqno(snap_start), Seqno(snap_end));
        let request = StreamRequest { snap_start, snap_end, ..at(200) };
        let outside = Refusal::OutsideSnapshot { start: Seqno(200), snap_start, snap_end };
        assert_eq!(refused(&request, unchanged), outside);
    }
    for (snap_start, snap_end) in [(200, 200), (200, 250), (150, 200), (150, 250)] {
        let (snap_start, snap_end) = (Seqno(snap_start), Seqno(snap_end));
        granted(&StreamRequest { snap_start, snap_end, ..at(200) }, unchanged);
    }
}

#[test]
fn row_8_a_filter_that_cannot_be() {
    for fault in [
        FilterFault::UnknownCollection(8),
        FilterFault::UnknownScope(9),
        FilterFault::Access,
        FilterFault::Invalid,
        FilterFault::NotBuilt("a member"),
        FilterFault::StreamId,
    ] {
        assert_eq!(refused(&at(200), |facts| facts.filter = Err(fault)), Refusal::Filter(fault));
    }
    let request = StreamRequest { sid: Some(Sid(0)), ..at(200) };
    for stream_ids in [false, true] {
        assert_eq!(
            refused(&request, |facts| facts.connection.stream_ids = stream_ids),
            Refusal::Filter(FilterFault::StreamId),
            "0 is no stream id"
        );
    }
}

#[test]
fn row_9_stream_ids() {
    let named = StreamRequest { sid: Some(Sid(7)), ..at(200) };
    assert_eq!(refused(&named, unchanged), Refusal::StreamIdNotEnabled);
    let enable = |facts: &mut Facts<'_>| facts.connection.stream_ids = true;
    assert_eq!(refused(&at(200), enable), Refusal::StreamIdRequired);
    assert_eq!(granted(&named, enable).sid, Some(Sid(7)));
}

#[test]
fn row_10_synchronous_replication_takes_no_filter() {
    for filter in [FilterKind::Legacy, FilterKind::Collections, FilterKind::Scope] {
        assert_eq!(
            refused(&at(200), |facts| {
                facts.connection.sync_replication = true;
                facts.filter = Ok(filter);
            }),
            Refusal::FilterWithSyncReplication
        );
        assert_eq!(granted(&at(200), |facts| facts.filter = Ok(filter)).filter, filter);
    }
    granted(&at(200), |facts| {
        facts.connection.sync_replication = true;
        facts.filter = Ok(FilterKind::Passthrough);
    });
}

#[test]
fn row_11_a_live_stream() {
    assert_eq!(refused(&at(200), |facts| vb(facts).live_stream = true), Refusal::StreamExists);
}

#[test]
fn row_12_rollback() {
    let ahead = Refusal::Rollback { to: Seqno(HIGH), rule: Rule::NotBegunBeyond };
    assert_eq!(refused(&at(HIGH + 1), unchanged), ahead);
    let old = StreamRequest { uuid: VbUuid(0x9), ..at(200) };
    let branched = Refusal::Rollback { to: Seqno(100), rule: Rule::NotBegunBeyond };
    assert_eq!(refused(&old, unchanged), branched);
    // The flags and the purge seqno reach the decision.
    let unknown = Refusal::Rollback { to: Seqno(0), rule: Rule::UnknownUuid };
    let zero = StreamRequest { uuid: VbUuid(0xBAD), ..from_zero() };
    granted(&zero, unchanged);
    let strict = StreamRequest { flags: StreamFlags::STRICT_VB_UUID, ..zero };
    assert_eq!(refused(&strict, unchanged), unknown);
}

#[test]
fn row_12_purged_tombstones() {
    let purged = Refusal::Rollback { to: Seqno(0), rule: Rule::Purged };
    let purge = |facts: &mut Facts<'_>| vb(facts).purge = Seqno(220);
    assert_eq!(refused(&at(200), purge), purged);
    granted(&at(220), purge);
    let knows = StreamRequest { purge_seqno: Some(Seqno(220)), ..at(200) };
    assert_eq!(granted(&knows, purge).client_purge, Some(Seqno(220)));
    let ignores = with(StreamFlags::IGNORE_PURGED_TOMBSTONES);
    granted(&ignores, purge);
    let of_filter = |high: u64| {
        move |facts: &mut Facts<'_>| {
            purge(facts);
            facts.filter = Ok(FilterKind::Collections);
            facts.filter_high = FilterHigh::Collections(Seqno(high));
        }
    };
    granted(&at(200), of_filter(200));
    assert_eq!(refused(&at(200), of_filter(201)), purged);
    let of_scope = |facts: &mut Facts<'_>| {
        of_filter(200)(facts);
        facts.filter = Ok(FilterKind::Scope);
    };
    assert_eq!(refused(&at(200), of_scope), purged, "what was purged may have been of the scope");
}

#[test]
fn row_13_to_latest_ends_at_the_high_seqno() {
    let request = StreamRequest { end: Seqno(250), ..with(StreamFlags::TO_LATEST) };
    assert_eq!(granted(&request, unchanged).end, Seqno(HIGH));
    let high = |high| move |facts: &mut Facts<'_>| facts.filter_high = high;
    let stream = granted(&request, high(FilterHigh::Collections(Seqno(280))));
    assert_eq!((stream.end, stream.born_dead), (Seqno(280), false));
    assert_eq!(refused(&request, high(FilterHigh::Gone)), Refusal::FilterGone);
    granted(&at(200), high(FilterHigh::Gone));
}

#[test]
fn row_14_disk_only_ends_at_what_is_persisted() {
    assert_eq!(granted(&with(StreamFlags::DISK_ONLY), unchanged).end, Seqno(250));
    let both = with(StreamFlags::DISK_ONLY | StreamFlags::TO_LATEST);
    assert_eq!(granted(&both, unchanged).end, Seqno(250), "the disk has the last word");
}

#[test]
fn row_15_start_above_the_end_that_the_flags_come_to() {
    let request = StreamRequest { flags: StreamFlags::DISK_ONLY, ..at(251) };
    let above = Refusal::StartAboveLatest { start: Seqno(251), end: Seqno(250) };
    assert_eq!(refused(&request, unchanged), above);
    let both = StreamFlags::DISK_ONLY | StreamFlags::TO_LATEST;
    assert_eq!(
        refused(&StreamRequest { flags: both, ..at(251) }, |facts| {
            facts.filter_high = FilterHigh::Collections(Seqno(260));
        }),
        above
    );
}

#[test]
fn row_15_an_end_of_the_filter_below_the_start_is_the_end_at_once() {
    let request = StreamRequest { flags: StreamFlags::TO_LATEST, ..at(200) };
    let stream = granted(&request, |facts| {
        facts.filter_high = FilterHigh::Collections(Seqno(150));
    });
    assert_eq!((stream.end, stream.born_dead), (Seqno(150), true));
}

#[test]
fn row_16_a_snapshot_that_was_not_begun_is_cut_to_its_start() {
    let request = StreamRequest { snap_end: Seqno(HIGH + 100), ..at(200) };
    let stream = granted(&request, unchanged);
    assert_eq!((stream.snap_start, stream.snap_end), (Seqno(200), Seqno(200)));
    let request = StreamRequest { snap_end: Seqno(HIGH), ..at(200) };
    assert_eq!(granted(&request, unchanged).snap_end, Seqno(HIGH), "there is that much");
    let request = StreamRequest { snap_start: Seqno(150), snap_end: Seqno(HIGH), ..at(200) };
    let stream = granted(&request, unchanged);
    assert_eq!((stream.snap_start, stream.snap_end), (Seqno(150), Seqno(HIGH)));
}

#[test]
fn row_17_memory() {
    let memory = |memory| move |facts: &mut Facts<'_>| facts.memory = memory;
    assert_eq!(refused(&at(200), memory(Memory::Short)), Refusal::MemoryShort);
    assert_eq!(refused(&at(200), memory(Memory::Exhausted)), Refusal::MemoryExhausted);
}

#[test]
fn row_18_a_replica_in_its_first_disk_snapshot() {
    assert_eq!(
        refused(&at(200), |facts| vb(facts).in_first_disk_snapshot = true),
        Refusal::InFirstDiskSnapshot
    );
}

#[test]
fn a_stream_with_nothing_to_send_is_born_dead() {
    for (request, dead) in [
        (StreamRequest { end: Seqno(0), ..from_zero() }, true),
        (StreamRequest { end: Seqno(1), ..from_zero() }, false),
        (StreamRequest { end: Seqno(200), ..at(200) }, true),
        (StreamRequest { flags: StreamFlags::TO_LATEST, ..at(HIGH) }, true),
        (StreamRequest { flags: StreamFlags::TO_LATEST, ..at(HIGH - 1) }, false),
        (StreamRequest { flags: StreamFlags::DISK_ONLY, ..at(250) }, true),
        (at(HIGH), false),
    ] {
        assert_eq!(granted(&request, unchanged).born_dead, dead, "{request:?}");
    }
}
