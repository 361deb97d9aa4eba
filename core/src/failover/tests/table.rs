//! One row for each clause of the decision and each of its edges.

use crate::failover::Rule::{
    CompleteBeyond, FromZero, NotBegunBeyond, Purged, SnapshotBeyond, SnapshotCut,
    SnapshotNotBegun, SnapshotShared, UnknownUuid,
};
use crate::failover::{
    BackfillQuery, FailoverLog, RollbackQuery, Rule, Verdict, decide, exempt_by_filter,
    purge_forbids_backfill,
};
use crate::types::{Seqno, VbUuid};
use std::collections::HashSet;

const MAX: u64 = u64::MAX;

/// A row: start, snapshot start and end, uuid; where to go back to (`None`: accepted) and by which
/// rule.
type Row = ((u64, u64, u64, u64), Option<u64>, Rule);

fn log(newest_first: &[(u64, u64)]) -> FailoverLog {
    let mut oldest_first = newest_first.iter().rev();
    let (uuid, seqno) = oldest_first.next().expect("a log has an entry");
    let mut log = FailoverLog::new(VbUuid(*uuid), Seqno(*seqno));
    for (uuid, seqno) in oldest_first {
        log.push(VbUuid(*uuid), Seqno(*seqno));
    }
    assert_eq!(log.entries().len(), newest_first.len(), "the rows mean the whole log");
    log
}

fn query(row: (u64, u64, u64, u64), high: u64) -> RollbackQuery {
    let (start, snap_start, snap_end, uuid) = row;
    assert!(snap_start <= start && start <= snap_end, "a row that no request gets through with");
    RollbackQuery {
        snap_start: Seqno(snap_start),
        snap_end: Seqno(snap_end),
        ..RollbackQuery::at(Seqno(start), VbUuid(uuid), Seqno(high))
    }
}

fn run(name: &str, log: &FailoverLog, high: u64, change: fn(&mut RollbackQuery), rows: &[Row]) {
    for (ask, to, rule) in rows {
        let mut query = query(*ask, high);
        change(&mut query);
        let verdict = decide(log, &query);
        assert_eq!(verdict.rollback_to(), to.map(Seqno), "{name} {ask:?}: {verdict}");
        assert_eq!(verdict.rule(), *rule, "{name} {ask:?}: {verdict}");
    }
    println!("{name}: {} rows", rows.len());
}

fn unchanged(_: &mut RollbackQuery) {}

#[test]
fn one_branch() {
    run(
        "one branch up to 300",
        &log(&[(0xA, 0)]),
        300,
        unchanged,
        &[
            ((400, 400, 400, 0xA), Some(300), NotBegunBeyond),
            ((220, 210, 301, 0xA), Some(210), SnapshotCut),
            ((310, 210, 320, 0xA), Some(210), SnapshotCut),
            ((200, 200, 301, 0xA), None, SnapshotNotBegun),
            ((300, 300, 300, 0xA), None, SnapshotShared),
            ((301, 301, 301, 0xA), Some(300), NotBegunBeyond),
            ((300, 210, 300, 0xA), None, SnapshotShared),
            ((301, 210, 301, 0xA), Some(300), CompleteBeyond),
            ((300, 300, 301, 0xA), None, SnapshotNotBegun),
            ((301, 301, 400, 0xA), Some(300), NotBegunBeyond),
            ((250, 210, 300, 0xA), None, SnapshotShared),
            ((300, 210, 301, 0xA), Some(210), SnapshotCut),
            ((310, 300, 320, 0xA), Some(300), SnapshotCut),
            ((310, 301, 320, 0xA), Some(300), SnapshotBeyond),
            ((1, 1, 1, 0xA), None, SnapshotShared),
            ((1, 0, 1, 0xA), None, SnapshotShared),
            ((1, 0, 2, 0xA), None, SnapshotShared),
            ((150, 0, 301, 0xA), Some(0), SnapshotCut),
            ((MAX, MAX, MAX, 0xA), Some(300), NotBegunBeyond),
            ((MAX - 1, 5, MAX, 0xA), Some(5), SnapshotCut),
        ],
    );
}

#[test]
fn branches_end_where_the_next_newer_begins() {
    let five = log(&[(0xE, 400), (0xD, 300), (0xC, 200), (0xB, 100), (0xA, 0)]);
    run(
        "five branches, high 500",
        &five,
        500,
        unchanged,
        &[
            // The newest reaches to the high seqno.
            ((500, 500, 500, 0xE), None, SnapshotShared),
            ((501, 501, 501, 0xE), Some(500), NotBegunBeyond),
            ((450, 410, 510, 0xE), Some(410), SnapshotCut),
            ((410, 410, 510, 0xE), None, SnapshotNotBegun),
            ((50, 50, 50, 0xE), None, SnapshotShared),
            // Each older one to its neighbour.
            ((400, 400, 400, 0xD), None, SnapshotShared),
            ((401, 401, 401, 0xD), Some(400), NotBegunBeyond),
            ((390, 310, 401, 0xD), Some(310), SnapshotCut),
            ((420, 410, 430, 0xD), Some(400), SnapshotBeyond),
            ((430, 410, 430, 0xD), Some(400), CompleteBeyond),
            ((300, 300, 310, 0xC), None, SnapshotNotBegun),
            ((300, 250, 300, 0xC), None, SnapshotShared),
            ((305, 250, 310, 0xC), Some(250), SnapshotCut),
            ((200, 150, 200, 0xB), None, SnapshotShared),
            ((500, 500, 500, 0xB), Some(200), NotBegunBeyond),
            ((199, 150, 201, 0xB), Some(150), SnapshotCut),
            ((100, 0, 100, 0xA), None, SnapshotShared),
            ((101, 0, 101, 0xA), Some(100), CompleteBeyond),
            ((101, 0, 102, 0xA), Some(0), SnapshotCut),
            ((450, 440, 460, 0xA), Some(100), SnapshotBeyond),
        ],
    );
}

#[test]
fn branches_may_be_empty_or_above_the_high_seqno() {
    let twins = log(&[(0xC, 200), (0xB, 200), (0xA, 0)]);
    run(
        "two branches at 200, high 250",
        &twins,
        250,
        unchanged,
        &[
            ((200, 200, 200, 0xB), None, SnapshotShared),
            ((201, 201, 201, 0xB), Some(200), NotBegunBeyond),
            ((201, 201, 201, 0xC), None, SnapshotShared),
            ((200, 200, 200, 0xA), None, SnapshotShared),
        ],
    );
    let ahead = log(&[(0xC, 200), (0xB, 100), (0xA, 0)]);
    run(
        "high 150 below the newest branch",
        &ahead,
        150,
        unchanged,
        &[
            ((180, 180, 180, 0xB), Some(150), NotBegunBeyond),
            ((150, 150, 180, 0xB), None, SnapshotNotBegun),
            ((200, 200, 200, 0xC), Some(150), NotBegunBeyond),
        ],
    );
    run(
        "an empty vbucket",
        &log(&[(0xA, 0)]),
        0,
        unchanged,
        &[
            ((0, 0, 0, 0xA), None, FromZero),
            ((0, 0, 0, 0xF), None, FromZero),
            ((5, 5, 5, 0xA), Some(0), NotBegunBeyond),
            ((5, 0, 9, 0xA), Some(0), SnapshotCut),
            ((5, 3, 9, 0xA), Some(0), SnapshotBeyond),
        ],
    );
}

#[test]
fn an_unknown_branch_goes_back_to_zero() {
    run(
        "an unknown uuid",
        &log(&[(0xB, 100), (0xA, 0)]),
        300,
        unchanged,
        &[
            ((1, 1, 1, 0xF), Some(0), UnknownUuid),
            ((1, 1, 1, 0), Some(0), UnknownUuid),
            ((300, 300, 300, 0xF), Some(0), UnknownUuid),
            ((400, 390, 410, 0xF), Some(0), UnknownUuid),
        ],
    );
}

#[test]
fn a_client_that_has_nothing_is_accepted_unless_it_insists() {
    let rows_lax: &[Row] = &[
        ((0, 0, 0, 0xA), None, FromZero),
        ((0, 0, 0, 0), None, FromZero),
        ((0, 0, 0, 0xF), None, FromZero),
        ((0, 0, 900, 0xF), None, FromZero),
    ];
    run("from 0, not strict", &log(&[(0xA, 0)]), 300, unchanged, rows_lax);
    run(
        "from 0, strict",
        &log(&[(0xA, 0)]),
        300,
        |q| q.strict = true,
        &[
            ((0, 0, 0, 0), None, FromZero),
            ((0, 0, 900, 0), None, FromZero),
            ((0, 0, 0, 0xF), Some(0), UnknownUuid),
            ((0, 0, 0, 0xA), None, SnapshotShared),
            ((0, 0, 301, 0xA), None, SnapshotNotBegun),
            ((7, 7, 7, 0), Some(0), UnknownUuid),
            ((7, 7, 7, 0xA), None, SnapshotShared),
        ],
    );
}

#[test]
fn purged_tombstones_send_back_to_zero() {
    let log = log(&[(0xA, 0)]);
    run(
        "purge 150",
        &log,
        300,
        |q| q.purge = Seqno(150),
        &[
            ((149, 149, 149, 0xA), Some(0), Purged),
            ((150, 150, 150, 0xA), None, SnapshotShared),
            ((149, 100, 200, 0xA), Some(0), Purged),
            ((150, 100, 200, 0xA), None, SnapshotShared),
            ((151, 151, 151, 0xA), None, SnapshotShared),
            ((1, 0, 1, 0xA), Some(0), Purged),
            ((0, 0, 0, 0xA), None, FromZero),
            // Known before the branch is.
            ((100, 100, 100, 0xF), Some(0), Purged),
            ((200, 200, 200, 0xF), Some(0), UnknownUuid),
            // It is the seqno that counts, not where the snapshot began.
            ((160, 140, 170, 0xA), None, SnapshotShared),
        ],
    );
    run(
        "purge 150, strict",
        &log,
        300,
        |q| (q.purge, q.strict) = (Seqno(150), true),
        &[((0, 0, 0, 0xA), None, SnapshotShared), ((0, 0, 0, 0xF), Some(0), UnknownUuid)],
    );
    run(
        "purge 150, which the client knows",
        &log,
        300,
        |q| {
            (q.purge, q.client_purge) = (Seqno(150), Some(Seqno(150)));
        },
        &[
            ((100, 100, 100, 0xA), None, SnapshotShared),
            ((100, 100, 400, 0xA), None, SnapshotNotBegun),
            ((100, 100, 100, 0xF), Some(0), UnknownUuid),
        ],
    );
    for other in [0, 149, 151, MAX] {
        let mut query = query((100, 100, 100, 0xA), 300);
        (query.purge, query.client_purge) = (Seqno(150), Some(Seqno(other)));
        assert_eq!(decide(&log, &query).rule(), Purged, "the client knows of {other}");
    }
    run(
        "purge 150, exempt",
        &log,
        300,
        |q| {
            (q.purge, q.exempt_from_purge) = (Seqno(150), true);
        },
        &[
            ((100, 100, 100, 0xA), None, SnapshotShared),
            ((100, 50, 400, 0xA), Some(50), SnapshotCut),
        ],
    );
}

#[test]
fn a_filter_is_exempt_if_nothing_of_it_can_be_gone() {
    // start, purge, the filter's high seqno
    for (start, purge, high, exempt) in [
        (100, 150, 100, true),
        (100, 150, 99, true),
        (100, 150, 0, true),
        (100, 150, 101, false),
        (149, 150, 149, true),
        (150, 150, 100, false),
        (200, 150, 100, false),
        (140, 150, 151, false),
        (0, 150, 0, true),
    ] {
        assert_eq!(
            exempt_by_filter(Seqno(start), Seqno(purge), Seqno(high)),
            exempt,
            "start {start}, purge {purge}, high {high}"
        );
    }
}

#[test]
fn a_backfill_looks_at_the_purge_seqno_again() {
    // first, purge, what the client knows of, exempt, where the filter begins; forbidden
    for (name, first, purge, client, exempt, of_filter, forbidden) in [
        ("purged meanwhile", 100, 150, None, false, false, true),
        ("up to the first itself", 100, 100, None, false, false, true),
        ("purged below it only", 100, 99, None, false, false, false),
        ("nothing purged", 100, 0, None, false, false, false),
        ("from the beginning", 1, 150, None, false, false, false),
        ("from the second on", 2, 150, None, false, false, true),
        ("the client knows", 100, 150, Some(150), false, false, false),
        ("it knows another", 100, 150, Some(149), false, false, true),
        ("exempt", 100, 150, None, true, false, false),
        ("the filter begins there", 100, 150, None, false, true, false),
    ] {
        let query = BackfillQuery {
            first: Seqno(first),
            purge: Seqno(purge),
            client_purge: client.map(Seqno),
            exempt_from_purge: exempt,
            first_of_filter: of_filter,
        };
        assert_eq!(purge_forbids_backfill(&query), forbidden, "{name}");
    }
}

#[test]
fn every_rule_explains_itself() {
    let sentences: HashSet<_> = Rule::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(sentences.len(), Rule::ALL.len(), "each rule says something else");
    let verdict = Verdict::Rollback { to: Seqno(210), rule: SnapshotCut };
    assert_eq!(
        verdict.to_string(),
        "rollback to 210: the shared branch ends inside the client's snapshot"
    );
    assert_eq!(
        Verdict::Accept { rule: FromZero }.to_string(),
        "accepted: the client has nothing yet"
    );
}
