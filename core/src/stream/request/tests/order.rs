use super::scene::{at, facts, log};
use crate::stream::request::{
    Facts, FilterFault, FilterHigh, Memory, RawFilter, Refusal, StreamFlags, StreamRequest,
    VbFacts, check,
};
use crate::types::{Seqno, Sid, VbState, VbUuid};

/// One fault each, in the order of the checks; any two of them may be made at once.
type Fault = (&'static str, fn(&mut StreamRequest, &mut Facts<'_>), fn(&Refusal) -> bool);

const FAULTS: [Fault; 19] = [
    (
        "unknown flag",
        |request, _| request.flags = request.flags | StreamFlags::from_bits(0x200),
        |refusal| matches!(refusal, Refusal::UnknownFlags(_)),
    ),
    (
        "no-value flag",
        |request, _| request.flags = request.flags | StreamFlags::NO_VALUE,
        |refusal| matches!(refusal, Refusal::NoValueFlag),
    ),
    (
        "value without collections",
        |request, facts| {
            request.filter = Some(RawFilter::Everything);
            facts.connection.collections = false;
        },
        |refusal| matches!(refusal, Refusal::ValueNotNegotiated),
    ),
    (
        "flag not built",
        |request, facts| {
            request.flags = request.flags | StreamFlags::TAKEOVER;
            facts.built.flags = facts.built.flags.without(StreamFlags::TAKEOVER);
        },
        |refusal| matches!(refusal, Refusal::FlagsNotBuilt(_)),
    ),
    (
        "closed",
        |_, facts| facts.connection.closed = true,
        |refusal| matches!(refusal, Refusal::Closed),
    ),
    ("no vbucket", |_, facts| facts.vb = None, |refusal| matches!(refusal, Refusal::NoSuchVbucket)),
    (
        "dead vbucket",
        |_, facts| with_vb(facts, |vb| vb.state = VbState::Dead),
        |refusal| matches!(refusal, Refusal::NotStreamable(_)),
    ),
    (
        "no noop",
        |_, facts| (facts.connection.noop, facts.connection.xattrs) = (false, true),
        |refusal| matches!(refusal, Refusal::NoopRequired),
    ),
    (
        "start above end",
        |request, _| request.end = Seqno(1),
        |refusal| matches!(refusal, Refusal::StartAboveEnd { .. }),
    ),
    (
        "outside its snapshot",
        |request, _| request.snap_end = Seqno(2),
        |refusal| matches!(refusal, Refusal::OutsideSnapshot { .. }),
    ),
    (
        "filter",
        |_, facts| facts.filter = Err(FilterFault::UnknownCollection(8)),
        |refusal| matches!(refusal, Refusal::Filter(_)),
    ),
    (
        "stream id",
        |request, _| request.sid = Some(Sid(3)),
        |refusal| matches!(refusal, Refusal::StreamIdNotEnabled),
    ),
    (
        "filter with synchronous replication",
        |_, facts| facts.connection.sync_replication = true,
        |refusal| matches!(refusal, Refusal::FilterWithSyncReplication),
    ),
    (
        "live stream",
        |_, facts| with_vb(facts, |vb| vb.live_stream = true),
        |refusal| matches!(refusal, Refusal::StreamExists),
    ),
    (
        "rollback",
        |request, _| request.uuid = VbUuid(0xBAD),
        |refusal| matches!(refusal, Refusal::Rollback { .. }),
    ),
    (
        "filter gone",
        |request, facts| {
            request.flags = request.flags | StreamFlags::TO_LATEST;
            facts.filter_high = FilterHigh::Gone;
        },
        |refusal| matches!(refusal, Refusal::FilterGone),
    ),
    (
        "start above what is persisted",
        |request, facts| {
            request.flags = request.flags | StreamFlags::DISK_ONLY;
            with_vb(facts, |vb| vb.persisted = Seqno(3));
        },
        |refusal| matches!(refusal, Refusal::StartAboveLatest { .. }),
    ),
    (
        "memory",
        |_, facts| facts.memory = Memory::Short,
        |refusal| matches!(refusal, Refusal::MemoryShort),
    ),
    (
        "first disk snapshot",
        |_, facts| with_vb(facts, |vb| vb.in_first_disk_snapshot = true),
        |refusal| matches!(refusal, Refusal::InFirstDiskSnapshot),
    ),
];

/// Changes the vbucket, unless another fault took it away.
fn with_vb(facts: &mut Facts<'_>, change: fn(&mut VbFacts<'_>)) {
    if let Some(vb) = facts.vb.as_mut() {
        change(vb);
    }
}

#[test]
fn of_two_faults_the_earlier_wins() {
    let log = log();
    let mut pairs = 0;
    for (first, (name, make, is)) in FAULTS.iter().enumerate() {
        for (other, make_other, _) in &FAULTS[first..] {
            let (mut request, mut facts) = (at(200), facts(&log));
            make(&mut request, &mut facts);
            make_other(&mut request, &mut facts);
            let refusal = check(&request, &facts).expect_err("two faults");
            assert!(is(&refusal), "{name} and {other}: {refusal}");
            pairs += 1;
        }
    }
    println!("{pairs} pairs");
}

#[test]
fn all_faults_at_once_are_met_one_after_the_other() {
    let log = log();
    for (first, (name, _, is)) in FAULTS.iter().enumerate() {
        let (mut request, mut facts) = (at(200), facts(&log));
        for (_, make, _) in &FAULTS[first..] {
            make(&mut request, &mut facts);
        }
        let refusal = check(&request, &facts).expect_err("faults");
        assert!(is(&refusal), "from {name} on: {refusal}");
    }
}
