//! Rollback, purge and reset.

use super::check::{Broken, Check, Maker, Outcome, Verdict, ensure, ensure_refused};
use super::sample::{
    ALL, UNBOUNDED, VB, begun, commit, commit_to, doc, drain, history_of, keys_of, log, part,
    seqnos, tombstone,
};
use crate::ErrorKind;
use crate::store::{Batch, Durability, Persisted, PurgeCut, Record, SliceBudget, VbBatch};
use crate::types::{Cas, Seqno, VbId, VbState};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "a rollback of new keys reaches its seqno", run: rolls_back_new_keys },
    Check { name: "a rollback never leaves a state that was not", run: rolls_back_to_a_past_state },
    Check { name: "a rollback to 0 leaves nothing", run: rolls_back_to_nothing },
    Check { name: "a rollback above the high seqno changes no document", run: rolls_back_nothing },
    Check { name: "a rollback cuts its failover log", run: rollback_cuts_failover_log },
    Check { name: "a rollback keeps state and CAS", run: rollback_keeps_state_and_cas },
    Check { name: "a rollback ends scans of its vbucket only", run: rollback_ends_scans },
    Check { name: "writes go on after a rollback", run: writes_after_rollback },
    Check { name: "a rollback without a log is refused", run: refuses_rollback_without_log },
    Check { name: "purge deletes old tombstones, oldest first", run: purges_oldest_first },
    Check { name: "purge keeps the highest seqno", run: purge_keeps_the_highest },
    Check { name: "purge keeps what a scan still has to show", run: purge_spares_scans },
    Check { name: "purge keeps within its bounds and names what it spares", run: purge_is_bounded },
    Check { name: "a purged key can be written again", run: writes_after_purge },
    Check { name: "reset forgets everything", run: reset_forgets },
];

fn rolls_back_new_keys(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 11)?;
    for to in 1..=10 {
        let vb = VbId(to);
        let docs: Vec<Record> = (1..=5).map(|i| doc(i * 2, &format!("k{i}"), "v")).collect();
        commit_to(&*store, vb, docs.clone())?;
        let reached = store.rollback(vb, Seqno(to.into()), &log(&[(2, 0), (1, 0)]))?;
        ensure!(reached == Seqno(to.into()), "{reached} was reached, not {to}");
        let want: Vec<Record> = docs.into_iter().filter(|doc| doc.meta.seqno <= reached).collect();
        ensure!(history_of(&*store, vb)? == want, "after a rollback to {to} a scan differs");
        let kept = store.load(vb)?;
        ensure!(kept.high == reached, "after a rollback to {to} the high seqno is {}", kept.high);
        ensure!(kept.items == want.len() as u64, "{} documents are counted", kept.items);
        ensure!(keys_of(&*store, vb)?.len() == want.len(), "the keys differ");
    }
    Ok(Verdict::Kept)
}

/// What is shown afterwards must be the state at the seqno reached, with and without scans that kept old versions.
fn rolls_back_to_a_past_state(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 28)?;
    let batches = [
        vec![doc(1, "a", "1"), doc(2, "b", "1"), doc(3, "c", "1"), doc(4, "d", "1")],
        vec![doc(6, "a", "2"), tombstone(7, "b", 1), doc(8, "e", "1")],
        vec![doc(9, "a", "3"), doc(10, "b", "2"), tombstone(11, "d", 1)],
    ];
    let written = batches.concat();
    for vb in (0..28).map(VbId) {
        let (to, held) = (Seqno(u64::from(vb.get() / 2)), vb.get() % 2 == 0);
        let mut scans = Vec::new();
        for batch in &batches {
            commit_to(&*store, vb, batch.clone())?;
            if held {
                scans.push(store.scan(vb, ALL)?);
            }
        }
        let reached = store.rollback(vb, to, &log(&[(2, 0), (1, 0)]))?;
        ensure!(reached <= to, "a rollback to {to} went to {reached}");
        let want = state_at(&written, reached);
        let shown = history_of(&*store, vb)?;
        let (got, asked) = (seqnos(&shown), seqnos(&want));
        ensure!(shown == want, "{to} was asked, {reached} reached: {got:?}, not {asked:?}");
        for record in &written {
            let newest = want.iter().find(|kept| kept.key == record.key);
            let found = store.get(vb, &record.key)?;
            ensure!(found.as_ref() == newest, "{:?} is {found:?}, not {newest:?}", record.key);
        }
        let alive = want.iter().filter(|record| record.meta.kind.is_alive()).count();
        ensure!(store.load(vb)?.items == alive as u64, "{} documents", store.load(vb)?.items);
        ensure!(keys_of(&*store, vb)?.len() == want.len(), "the keys differ");
    }
    Ok(Verdict::Kept)
}

/// The newest version of each key up to a seqno, by seqno.
fn state_at(written: &[Record], seqno: Seqno) -> Vec<Record> {
    let past: Vec<&Record> = written.iter().filter(|record| record.meta.seqno <= seqno).collect();
    let newest = |record: &&&Record| {
        let later = past.iter().any(|r| r.key == record.key && r.meta.seqno > record.meta.seqno);
        !later
    };
    past.iter().filter(newest).map(|&record| record.clone()).collect()
}

fn rolls_back_to_nothing(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 2)?;
    let records = || vec![doc(1, "a", "1"), doc(2, "b", "1"), tombstone(3, "c", 1)];
    let both = [part(VB, records()), part(VbId(1), records())];
    store.commit(&Batch { vbs: both.to_vec() }, Durability::Synced)?;
    commit(&*store, vec![doc(4, "a", "2")])?;
    let reached = store.rollback(VB, Seqno::ZERO, &log(&[(2, 9), (1, 0)]))?;
    ensure!(reached == Seqno::ZERO, "{reached} was reached");
    while store.maintain(1)? {}
    ensure!(history_of(&*store, VB)?.is_empty(), "there still is a history");
    ensure!(keys_of(&*store, VB)?.is_empty(), "there still are keys");
    let kept = store.load(VB)?;
    let none_left = kept.items == 0 && kept.high == Seqno::ZERO && kept.purge == Seqno::ZERO;
    ensure!(none_left, "{kept:?} is left");
    let other = seqnos(&history_of(&*store, VbId(1))?);
    ensure!(other == [1, 2, 3], "another vbucket shows {other:?}");
    Ok(Verdict::Kept)
}

fn rolls_back_nothing(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, vec![doc(1, "a", "1"), doc(4, "b", "1")])?;
    commit(&*store, vec![doc(5, "a", "2")])?;
    for to in [5, 6, u64::MAX] {
        let reached = store.rollback(VB, Seqno(to), &log(&[(2, 0), (1, 0)]))?;
        ensure!(reached == Seqno(5), "{to} was asked, {reached} reached");
        let shown = seqnos(&history_of(&*store, VB)?);
        ensure!(shown == [4, 5], "{shown:?} is left");
        ensure!(store.load(VB)?.failover == log(&[(2, 5), (1, 0)]), "the failover log differs");
    }
    Ok(Verdict::Kept)
}

fn rollback_cuts_failover_log(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, (1..=9).map(|i| doc(i, &format!("k{i}"), "")).collect())?;
    let reached = store.rollback(VB, Seqno(5), &log(&[(4, 77), (3, 8), (2, 5), (1, 0)]));
    ensure!(reached.is_ok_and(|reached| reached == Seqno(5)), "seqno 5 was not reached");
    let kept = store.load(VB)?.failover;
    ensure!(kept == log(&[(4, 5), (2, 5), (1, 0)]), "the failover log is {kept:?}");
    Ok(Verdict::Kept)
}

fn rollback_keeps_state_and_cas(maker: &mut dyn Maker) -> Outcome {
    for to in [0, 1] {
        let store = begun(maker, 1)?;
        let records = vec![doc(1, "a", "1"), doc(2, "b", "1")];
        let replica = VbBatch { state: Some(VbState::Replica), ..part(VB, records) };
        store.commit(&Batch { vbs: vec![replica] }, Durability::Synced)?;
        store.rollback(VB, Seqno(to), &log(&[(1, 0)]))?;
        let kept = store.load(VB)?;
        ensure!(kept.state == VbState::Replica, "the state became {:?}", kept.state);
        ensure!(kept.cas_max == Cas(1002), "the highest CAS became {}", kept.cas_max);
    }
    Ok(Verdict::Kept)
}

fn rollback_ends_scans(maker: &mut dyn Maker) -> Outcome {
    for to in [0, 2, 9] {
        let store = begun(maker, 2)?;
        let records = || vec![doc(1, "a", "1"), doc(2, "b", "1"), doc(3, "c", "1")];
        let both = [part(VB, records()), part(VbId(1), records())];
        store.commit(&Batch { vbs: both.to_vec() }, Durability::Synced)?;
        let (mut scan, mut begun) = (store.scan(VB, ALL)?, store.scan(VB, ALL)?);
        let mut other = store.scan(VbId(1), ALL)?;
        begun.next(SliceBudget { bytes: usize::MAX, items: 1 }, &mut Vec::new())?;
        store.rollback(VB, Seqno(to), &log(&[(1, 0)]))?;
        for scan in [&mut scan, &mut begun] {
            let mut out = vec![doc(9, "kept", "")];
            ensure_refused!(
                scan.next(UNBOUNDED, &mut out),
                ErrorKind::Closed,
                "a scan that goes on"
            );
            ensure!(out.len() == 1, "a scan that failed gave records");
        }
        ensure!(drain(&mut *other, UNBOUNDED)? == records(), "another vbucket's scan differs");
    }
    Ok(Verdict::Kept)
}

fn writes_after_rollback(maker: &mut dyn Maker) -> Outcome {
    for to in [0, 1, 2] {
        let store = begun(maker, 1)?;
        commit(&*store, vec![doc(1, "a", "1"), doc(2, "b", "1"), doc(3, "c", "1")])?;
        let scan = store.scan(VB, ALL)?;
        commit(&*store, vec![doc(4, "b", "2")])?;
        drop(scan);
        let reached = store.rollback(VB, Seqno(to), &log(&[(1, 0)]))?.get();
        let branch = [doc(reached + 1, "b", "branch"), doc(reached + 2, "d", "branch")];
        commit(&*store, branch.to_vec())?;
        while store.maintain(3)? {}
        let shown = history_of(&*store, VB)?;
        let mut want: Vec<Record> = [doc(1, "a", "1")].into_iter().take(reached as usize).collect();
        want.extend(branch);
        ensure!(shown == want, "after a rollback to {reached} a scan shows {:?}", seqnos(&shown));
        let items = store.load(VB)?.items;
        ensure!(items == want.len() as u64, "{items} documents are counted");
    }
    Ok(Verdict::Kept)
}

fn refuses_rollback_without_log(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, vec![doc(1, "a", "1")])?;
    ensure_refused!(store.rollback(VB, Seqno::ZERO, &[]), ErrorKind::Misuse, "an empty log");
    let unnamed = store.rollback(VB, Seqno::ZERO, &log(&[(0, 0)]));
    ensure_refused!(unnamed, ErrorKind::Misuse, "a branch without a name");
    ensure!(seqnos(&history_of(&*store, VB)?) == [1], "a refused rollback changed something");
    Ok(Verdict::Kept)
}

fn purges_oldest_first(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    let tombstones = (1..=6).map(|i| tombstone(i, &format!("t{i}"), 100 + i as u32));
    commit(&*store, tombstones.chain([doc(7, "alive", "v")]).collect())?;
    for (before, limit, want, left, purge) in [
        (100, 9, 0, &[1, 2, 3, 4, 5, 6, 7][..], 0),
        (101, 9, 0, &[1, 2, 3, 4, 5, 6, 7], 0),
        (104, 0, 0, &[1, 2, 3, 4, 5, 6, 7], 0),
        (104, 2, 2, &[3, 4, 5, 6, 7], 2),
        (104, 9, 1, &[4, 5, 6, 7], 3),
        (u32::MAX, usize::MAX, 3, &[7], 6),
        (u32::MAX, usize::MAX, 0, &[7], 6),
    ] {
        let purged = store.purge(VB, before, limit)?;
        ensure!(purged == want, "before {before}, {limit} at most: {purged} purged, not {want}");
        let shown = seqnos(&history_of(&*store, VB)?);
        ensure!(shown == left, "before {before}, {limit} at most: {shown:?} is left");
        let kept = store.load(VB)?;
        ensure!(kept.purge == Seqno(purge), "the purge seqno is {}, not {purge}", kept.purge);
        ensure!(kept.items == 1 && kept.high == Seqno(7), "{kept:?} is kept");
    }
    ensure!(store.get(VB, b"t3")?.is_none(), "a purged tombstone can be got");
    let purge = store.scan(VB, ALL)?.purge_seqno();
    ensure!(purge == Seqno(6), "a scan tells the purge seqno {purge}");
    Ok(Verdict::Kept)
}

fn purge_keeps_the_highest(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    let records = vec![tombstone(1, "a", 1), tombstone(2, "b", 1)];
    let void = VbBatch { high: Seqno(5), ..part(VB, records) };
    store.commit(&Batch { vbs: vec![void] }, Durability::Synced)?;
    let purged = store.purge(VB, u32::MAX, usize::MAX)?;
    let shown = seqnos(&history_of(&*store, VB)?);
    ensure!(purged == 1 && shown == [2], "{purged} purged, {shown:?} left");
    commit(&*store, vec![doc(6, "c", "v")])?;
    let purged = store.purge(VB, u32::MAX, usize::MAX)?;
    ensure!(purged == 1, "a tombstone that is the highest no more was not purged");
    Ok(Verdict::Kept)
}

fn purge_spares_scans(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    let records = (1..=4).map(|i| tombstone(i, &format!("t{i}"), 1));
    commit(&*store, records.chain([doc(5, "alive", "v")]).collect())?;
    let want = history_of(&*store, VB)?;
    let mut scan = store.scan(VB, Seqno(3)..=Seqno::MAX)?;
    store.purge(VB, u32::MAX, usize::MAX)?;
    let shown = drain(&mut *scan, UNBOUNDED)?;
    ensure!(shown == want[2..], "a scan shows {:?} after a purge", seqnos(&shown));
    drop(scan);
    store.purge(VB, u32::MAX, usize::MAX)?;
    let left = seqnos(&history_of(&*store, VB)?);
    ensure!(left == [5], "{left:?} is left after the scan");
    Ok(Verdict::Kept)
}

fn purge_is_bounded(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    let made = [(1, 10), (2, 20), (3, u32::MAX), (4, 10), (5, 20)];
    let tombstones = made.map(|(seqno, made)| tombstone(seqno, &format!("t{seqno}"), made));
    commit(&*store, tombstones.into_iter().chain([doc(6, "alive", "v")]).collect())?;
    let purge = |before, after, upto, keeps: u64| {
        let cut = PurgeCut { before, after: Seqno(after), upto: Seqno(upto), limit: 9 };
        let page = store.purge_page(VB, cut, &mut |_, meta| meta.seqno != Seqno(keeps))?;
        let left = seqnos(&history_of(&*store, VB)?);
        Ok::<_, Broken>((page, left))
    };
    let mut scan = store.scan(VB, Seqno(4)..=Seqno::MAX)?;
    for (before, after, upto, keeps, spared, left) in [
        (u64::MAX, 0, 0, 0, &[][..], &[1, 2, 3, 4, 5, 6][..]),
        (u64::MAX, 3, 3, 0, &[], &[1, 2, 3, 4, 5, 6]),
        (20, 0, 2, 0, &[], &[2, 3, 4, 5, 6]),
        (20, 0, 9, 0, &[4], &[2, 3, 4, 5, 6]),
        (u64::MAX, 0, 4, 4, &[], &[4, 5, 6]),
        (u64::MAX, 0, 9, 4, &[5], &[4, 5, 6]),
    ] {
        let (page, shown) = purge(before, after, upto, keeps)?;
        let what = format!("before {before}, above {after}, up to {upto}, but {keeps}");
        ensure!(
            page.spared == spared.iter().map(|s| Seqno(*s)).collect::<Vec<_>>(),
            "{what}: {page:?}"
        );
        ensure!(shown == left, "{what}: {shown:?} is left");
    }
    ensure!(store.load(VB)?.purge == Seqno(3), "what is spared does not count as purged");
    drain(&mut *scan, UNBOUNDED)?;
    let (page, shown) = purge(u64::MAX, 0, 9, 0)?;
    ensure!(page.purged == 2 && page.spared.is_empty() && shown == [6], "{page:?}, {shown:?} left");
    Ok(Verdict::Kept)
}

fn writes_after_purge(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, vec![tombstone(2, "a", 1), doc(3, "b", "1")])?;
    store.purge(VB, u32::MAX, usize::MAX)?;
    commit(&*store, vec![doc(4, "a", "again")])?;
    let (shown, items) = (seqnos(&history_of(&*store, VB)?), store.load(VB)?.items);
    ensure!(shown == [3, 4] && items == 2, "{shown:?}, {items} documents");
    Ok(Verdict::Kept)
}

fn reset_forgets(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 2)?;
    let records = || vec![doc(1, "a", "1"), tombstone(2, "b", 1), doc(3, "c", "1")];
    let change = |vb| VbBatch {
        state: Some(VbState::Replica),
        failover: Some(log(&[(1, 0)])),
        ..part(VbId(vb), records())
    };
    store.commit(&Batch { vbs: vec![change(0), change(1)] }, Durability::Synced)?;
    store.purge(VB, u32::MAX, usize::MAX)?;
    let (mut scan, other) = (store.scan(VB, ALL)?, store.load(VbId(1))?);
    store.reset(VB)?;
    let kept = store.load(VB)?;
    ensure!(kept == Persisted::default(), "{kept:?} is left");
    ensure!(
        history_of(&*store, VB)?.is_empty() && keys_of(&*store, VB)?.is_empty(),
        "data is left"
    );
    ensure!(store.get(VB, b"a")?.is_none(), "a document is left");
    ensure_refused!(
        scan.next(UNBOUNDED, &mut Vec::new()),
        ErrorKind::Closed,
        "a scan that goes on"
    );
    ensure!(store.load(VbId(1))? == other, "another vbucket was changed");
    commit(&*store, vec![doc(1, "c", "after")])?;
    while store.maintain(1)? {}
    let shown = history_of(&*store, VB)?;
    ensure!(shown == [doc(1, "c", "after")], "after new writes a scan shows {shown:?}");
    ensure!(history_of(&*store, VbId(1))? == records(), "another vbucket's history was changed");
    Ok(Verdict::Kept)
}
