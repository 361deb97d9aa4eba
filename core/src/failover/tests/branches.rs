//! The decision against the reference, on random logs and clients.

use super::reference::go_back_to;
use crate::failover::{FailoverLog, RollbackQuery, Rule, Verdict, decide};
use crate::types::{Seqno, VbUuid};
use std::collections::HashMap;

const CASES: usize = if cfg!(miri) { 200 } else { 100_000 };

/// A small generator of its own, so that each run asks the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.roll(high - low + 1)
    }
}

/// A log as a vbucket gets one: branches begin, and now and then it is rolled back.
fn random_log(dice: &mut Dice) -> (FailoverLog, u64) {
    let mut high = dice.roll(3) * dice.roll(10);
    let mut log = FailoverLog::new(VbUuid(1), Seqno(high));
    for n in 0..dice.roll(6) {
        high += dice.roll(8);
        if dice.roll(5) == 0 {
            high = dice.roll(high + 1);
            log.prune_above(Seqno(high));
        }
        log.push(VbUuid(n + 2), Seqno(dice.between(high.saturating_sub(3), high)));
    }
    (log, high + dice.roll(8))
}

fn random_query(dice: &mut Dice, log: &FailoverLog, high: u64) -> RollbackQuery {
    let mut points = [dice.roll(high + 6), dice.roll(high + 6), dice.roll(high + 6)];
    points.sort_unstable();
    let [snap_start, mut start, mut snap_end] = points;
    match dice.roll(5) {
        0 => start = snap_start,
        1 => start = snap_end,
        2 => (start, snap_end) = (snap_start, snap_start),
        _ => {}
    }
    let branch = dice.roll(log.entries().len() as u64 + 1) as usize;
    let uuid = log.entries().get(branch).map_or(VbUuid(dice.roll(2) * 99), |entry| entry.uuid);
    let purge = Seqno(if dice.roll(2) == 0 { dice.roll(high + 1) } else { 0 });
    let client_purge = match dice.roll(6) {
        0 => Some(purge),
        1 => Some(Seqno(dice.roll(high + 1))),
        _ => None,
    };
    RollbackQuery {
        start: Seqno(start),
        snap_start: Seqno(snap_start),
        snap_end: Seqno(snap_end),
        uuid,
        strict: dice.roll(2) == 0,
        high: Seqno(high),
        purge,
        client_purge,
        exempt_from_purge: dice.roll(6) == 0,
    }
}

#[test]
fn the_decision_agrees_with_the_sets() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut seen: HashMap<Rule, usize> = HashMap::new();
    let mut disagreements = Vec::new();
    for _ in 0..CASES {
        let (log, high) = random_log(&mut dice);
        let query = random_query(&mut dice, &log, high);
        let verdict = decide(&log, &query);
        *seen.entry(verdict.rule()).or_default() += 1;
        let expected = go_back_to(log.entries(), &query);
        if verdict.rollback_to().map(Seqno::get) != expected {
            disagreements.push((log, query, verdict, expected));
        }
    }
    println!("{CASES} cases, {} disagreements", disagreements.len());
    for rule in Rule::ALL {
        let times = seen.get(&rule).copied().unwrap_or(0);
        println!("{times:>7}  {rule:?}: {rule}");
        assert!(cfg!(miri) || times > CASES / 1000, "{rule:?} was hardly tried");
    }
    assert!(disagreements.is_empty(), "the first: {:#?}", disagreements[0]);
}

#[test]
fn a_client_that_obeys_gets_through() {
    let mut dice = Dice(0xD1B5_4A32_D192_ED03);
    let mut turns = [0usize; 4];
    for _ in 0..CASES {
        let (log, high) = random_log(&mut dice);
        let mut query = random_query(&mut dice, &log, high);
        let mut asked = 1;
        while let Verdict::Rollback { to, .. } = decide(&log, &query) {
            assert!(to <= query.start && to <= query.high, "{query:?} sent ahead to {to}");
            // From 0 a client starts afresh; otherwise it keeps the branch that it came from.
            query.uuid = if to == Seqno::ZERO { VbUuid::ZERO } else { query.uuid };
            (query.start, query.snap_start, query.snap_end) = (to, to, to);
            asked += 1;
            assert!(asked <= 3, "sent back for ever: {log:?} {query:?}");
        }
        turns[asked] += 1;
    }
    println!("requests until accepted: {:?}", &turns[1..]);
    assert!(turns[1..].iter().all(|times| *times > 0), "each number of requests was seen");
}
