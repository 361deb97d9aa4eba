//! How runs begin and end, and what the next one finds.

use super::check::{Check, Maker, Outcome, Step, Verdict, ensure, ensure_refused};
use super::sample::{
    ALL, VB, begun, commit, commit_to, doc, history_of, keys_of, log, part, seqnos, tombstone,
};
use crate::ErrorKind;
use crate::store::{Batch, Durability, Start, Store, VbBatch};
use crate::types::{Seqno, VbId, VbState};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "the first run starts clean", run: first_run_is_clean },
    Check { name: "nothing is written after `close`", run: refuses_writes_after_close },
    Check { name: "the next run knows how the one before ended", run: tells_how_a_run_ended },
    Check { name: "everything survives a close", run: survives_close },
    Check { name: "everything survives the death of the process", run: survives_death },
    Check { name: "versions kept for scans go after a restart", run: leaves_no_old_versions },
    Check { name: "rollback, purge and reset survive", run: changes_of_history_survive },
    Check {
        name: "what a batch left out is known after a restart",
        run: remembers_what_was_left_out,
    },
];

/// Goes on with what a store left behind, or leaves the check out if there is no such thing.
macro_rules! reopen {
    ($maker:expr, $store:expr) => {
        match $maker.reopen($store) {
            Some(store) => store?,
            None => return Ok(Verdict::LeftOut),
        }
    };
}

fn first_run_is_clean(maker: &mut dyn Maker) -> Outcome {
    let start = maker.make(1)?.begin(10)?;
    ensure!(start == Start { clean: true, window_before: 0 }, "it starts with {start:?}");
    Ok(Verdict::Kept)
}

fn refuses_writes_after_close(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, vec![doc(1, "a", "1"), tombstone(2, "b", 1), doc(3, "c", "1")])?;
    store.close()?;
    let batch = Batch { vbs: vec![part(VB, vec![doc(4, "d", "1")])] };
    ensure_refused!(store.commit(&batch, Durability::Synced), ErrorKind::Closed, "a commit");
    let rolled_back = store.rollback(VB, Seqno(1), &log(&[(1, 0)]));
    ensure_refused!(rolled_back, ErrorKind::Closed, "a rollback");
    ensure_refused!(store.purge(VB, u32::MAX, 9), ErrorKind::Closed, "a purge");
    ensure_refused!(store.reset(VB), ErrorKind::Closed, "a reset");
    ensure!(seqnos(&history_of(&*store, VB)?) == [1, 2, 3], "it cannot be read any more");
    Ok(Verdict::Kept)
}

fn tells_how_a_run_ended(maker: &mut dyn Maker) -> Outcome {
    let mut store = maker.make(1)?;
    let mut want = Start { clean: true, window_before: 0 };
    for (window, close) in
        [(10, true), (20, false), (30, false), (40, true), (50, true), (60, false)]
    {
        let start = store.begin(window)?;
        ensure!(start == want, "a run starts with {start:?}, not {want:?}");
        if close {
            store.close()?;
        }
        want = Start { clean: close, window_before: window };
        store = reopen!(maker, store);
    }
    let start = store.begin(1)?;
    ensure!(start == want, "a run starts with {start:?}, not {want:?}");
    Ok(Verdict::Kept)
}

/// Something of everything, in two vbuckets of three.
fn fill(store: &dyn Store, durability: Durability) -> Step {
    for n in 0..20_u64 {
        let first = n * 10 + 1;
        let records = |vb: u64| {
            let docs = (first..first + 5).map(|i| match i % 4 {
                0 => tombstone(i, &format!("k{}", i * vb % 37), 5),
                _ => doc(i, &format!("k{}", i * vb % 37), &format!("{n} of vb {vb}")),
            });
            docs.collect::<Vec<_>>()
        };
        let mut one = part(VbId(1), records(1));
        one.state = Some(if n % 2 == 0 { VbState::Replica } else { VbState::Active });
        one.failover = Some(log(&[(n + 1, first), (1, 0)]));
        let two = VbBatch { high: Seqno(first + 8), ..part(VbId(2), records(2)) };
        store.commit(&Batch { vbs: vec![one, two] }, durability)?;
    }
    Ok(())
}

/// Everything that can be seen of a store.
fn everything(store: &dyn Store) -> Step<impl PartialEq + use<>> {
    let mut all = Vec::new();
    for vb in (0..3).map(VbId) {
        let (kept, keys) = (store.load(vb)?, keys_of(store, vb)?);
        let gets: crate::Result<Vec<_>> = keys.iter().map(|(key, _)| store.get(vb, key)).collect();
        let scan = store.scan(vb, ALL)?;
        let told = (scan.range(), scan.last(), scan.purge_seqno(), scan.remaining_estimate());
        all.push((kept, keys, gets?, told, history_of(store, vb)?));
    }
    Ok(all)
}

fn survives(maker: &mut dyn Maker, durability: Durability, close: bool) -> Outcome {
    let store = begun(maker, 3)?;
    fill(&*store, durability)?;
    let before = everything(&*store)?;
    if close {
        store.close()?;
    }
    let mut store = reopen!(maker, store);
    ensure!(everything(&*store)? == before, "with {durability:?} something is lost");
    store.begin(1)?;
    commit(&*store, vec![doc(1, "a", "1")])?;
    let before = everything(&*store)?;
    store = reopen!(maker, store);
    ensure!(everything(&*store)? == before, "what the second run wrote is lost");
    Ok(Verdict::Kept)
}

fn survives_close(maker: &mut dyn Maker) -> Outcome {
    survives(maker, Durability::Buffered, true)?;
    survives(maker, Durability::Synced, true)
}

fn survives_death(maker: &mut dyn Maker) -> Outcome {
    survives(maker, Durability::Buffered, false)?;
    survives(maker, Durability::Synced, false)
}

fn leaves_no_old_versions(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, (1..=50).map(|i| doc(i, &format!("k{i}"), "old")).collect())?;
    let scan = store.scan(VB, ALL)?;
    commit(&*store, (51..=100).map(|i| doc(i, &format!("k{}", i - 50), "new")).collect())?;
    drop(scan);
    let store = reopen!(maker, store);
    store.begin(1)?;
    let want: Vec<u64> = (51..=100).collect();
    for _ in 0..2 {
        let scan = store.scan(VB, ALL)?;
        let shown = seqnos(&history_of(&*store, VB)?);
        ensure!(shown == want, "it shows {shown:?}");
        drop(scan);
        while store.maintain(7)? {}
    }
    let estimate = store.scan(VB, ALL)?.remaining_estimate();
    ensure!(estimate == 50, "there seem to be {estimate} versions");
    Ok(Verdict::Kept)
}

fn changes_of_history_survive(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 3)?;
    fill(&*store, Durability::Buffered)?;
    let records = vec![doc(1, "a", "1"), doc(2, "b", "1"), tombstone(3, "c", 1), doc(4, "d", "1")];
    commit(&*store, records)?;
    store.rollback(VB, Seqno(3), &log(&[(9, 0), (8, 0)]))?;
    commit(&*store, vec![doc(5, "e", "1")])?;
    store.purge(VB, u32::MAX, usize::MAX)?;
    store.rollback(VbId(1), Seqno::ZERO, &log(&[(7, 0)]))?;
    store.reset(VbId(2))?;
    store.maintain(3)?;
    let before = everything(&*store)?;
    let mut store = reopen!(maker, store);
    ensure!(everything(&*store)? == before, "something changed");
    store.begin(1)?;
    while store.maintain(10)? {}
    ensure!(everything(&*store)? == before, "cleaning up changed something");
    store = reopen!(maker, store);
    ensure!(everything(&*store)? == before, "something changed after cleaning up");
    Ok(Verdict::Kept)
}

/// Versions that were replaced within a batch never reach the store: a state that it would need them for is refused, in
/// the run that wrote the batch and in every later one, and what lies outside is not.
fn remembers_what_was_left_out(maker: &mut dyn Maker) -> Outcome {
    let mut store = begun(maker, 3)?;
    for vb in (0..3).map(VbId) {
        commit_to(&*store, vb, vec![doc(1, "a", "1"), doc(2, "b", "1")])?;
        // "c" was written as 3 and as 5.
        let records = vec![doc(4, "d", "1"), doc(5, "c", "2")];
        let replaced = VbBatch { replaced_within: true, high: Seqno(6), ..part(vb, records) };
        store.commit(&Batch { vbs: vec![replaced] }, Durability::Synced)?;
        commit_to(&*store, vb, vec![doc(7, "e", "1"), doc(8, "f", "1")])?;
    }
    for vb in (0..3).map(VbId) {
        let floor = store.rollback_floor(vb)?;
        ensure!(floor == Seqno(6), "{floor} is the floor");
        let to = [Seqno(7), Seqno(6), Seqno(4)][usize::from(vb.get())];
        let reached = store.rollback(vb, to, &log(&[(2, 0), (1, 0)]))?;
        let want = if to < floor { Seqno::ZERO } else { to };
        ensure!(reached == want, "{to} was asked, {reached} reached");
        store = reopen!(maker, store);
        store.begin(1)?;
    }
    Ok(Verdict::Kept)
}
