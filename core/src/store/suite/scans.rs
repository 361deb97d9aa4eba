//! Scans: a snapshot each, however long it is held and in whatever slices it is read.

use super::check::{Broken, Check, Maker, Outcome, Step, Verdict, ensure};
use super::open_scan::{last_of, odd};
use super::sample::{
    ALL, UNBOUNDED, VB, begun, commit, doc, drain, history_of, part, seqnos, slice, tombstone,
};
use crate::store::{Batch, Durability, Record, Scan, SliceBudget, Store};
use crate::types::{Seqno, VbId};
use std::ops::RangeInclusive;
use std::sync::Barrier;
use std::thread;

pub(super) const CHECKS: &[Check] = &[
    Check { name: "a scan keeps to its range", run: keeps_to_its_range },
    Check { name: "an empty scan ends at once", run: ends_at_once_when_empty },
    Check { name: "tiny slices show what large ones do", run: slices_add_up },
    Check { name: "a slice stops at its first bound", run: slices_stop_at_bounds },
    Check { name: "values may be left out, and needed ones stay", run: values_left_out },
    Check { name: "a scan shows the state at its end", run: shows_the_state_at_its_end },
    Check { name: "scans of several ages live side by side", run: ages_live_side_by_side },
    Check {
        name: "a scan below the high seqno shows no key twice",
        run: low_end_shows_no_key_twice,
    },
    Check { name: "a scan in progress hides what it has passed", run: writes_during_slices },
    Check { name: "the estimate is an upper bound", run: estimate_is_an_upper_bound },
    Check { name: "a scan outlives the store's handle", run: outlives_maintenance },
    Check { name: "scans beside a writer each show one moment", run: scans_beside_a_writer },
];

fn range(start: u64, end: u64) -> RangeInclusive<Seqno> {
    Seqno(start)..=Seqno(end)
}

/// `a` to `e` at the seqnos 2, 4, 6, 8 and 10.
fn five(store: &dyn Store) -> Step {
    let docs = ["a", "b", "c", "d", "e"].iter().zip([2, 4, 6, 8, 10]);
    commit(store, docs.map(|(key, seqno)| doc(seqno, key, "first")).collect())
}

fn values_left_out(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    five(&*store)?;
    commit(&*store, vec![tombstone(12, "a", 1)])?;
    let mut scan = store.scan(VB, ALL)?;
    scan.leave_out_values(|key| key == b"c");
    for record in drain(&mut *scan, slice_of(2))? {
        let whole = store.get(VB, &record.key)?.map(|kept| kept.value).unwrap_or_default();
        let fits = record.value == whole || record.value.is_empty() && *record.key != *b"c";
        ensure!(fits, "{record:?} has neither its value nor none");
        let kept = store.get(VB, &record.key)?.map(|kept| kept.meta);
        ensure!(kept == Some(record.meta), "{record:?} is not what is kept");
    }
    Ok(Verdict::Kept)
}

fn slice_of(items: usize) -> SliceBudget {
    SliceBudget { items, ..UNBOUNDED }
}

fn keeps_to_its_range(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 2)?;
    five(&*store)?;
    store.commit(&Batch { vbs: vec![part(VbId(1), vec![doc(3, "x", "")])] }, Durability::Synced)?;
    let cases = [
        (range(0, u64::MAX), &[2, 4, 6, 8, 10][..], 0..=10),
        (range(1, 10), &[2, 4, 6, 8, 10], 1..=10),
        (range(4, 8), &[4, 6, 8], 4..=8),
        (range(5, 7), &[6], 5..=7),
        (range(10, 11), &[10], 10..=10),
        (range(5, 5), &[], 5..=5),
    ];
    for (asked, want, fixed) in cases {
        let mut scan = store.scan(VB, asked.clone())?;
        let got = scan.range();
        ensure!(got == range(*fixed.start(), *fixed.end()), "{asked:?} became {got:?}");
        let last = want.last().copied().unwrap_or(0);
        ensure!(scan.last() == Seqno(last), "of {asked:?} the last is {}", scan.last());
        let nothing = scan.last_whose_key(|_| false)?;
        ensure!(nothing == Seqno::ZERO, "of {asked:?} the last of nothing is {nothing}");
        let shown = seqnos(&drain(&mut *scan, UNBOUNDED)?);
        ensure!(shown == want, "{asked:?} shows {shown:?}, not {want:?}");
    }
    Ok(Verdict::Kept)
}

fn ends_at_once_when_empty(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 2)?;
    five(&*store)?;
    for (vb, asked) in [(0, range(11, 20)), (0, range(9, 3)), (1, range(1, 20)), (1, ALL)] {
        let mut scan = store.scan(VbId(vb), asked.clone())?;
        let (records, end) = slice(&mut *scan, 1)?;
        ensure!(records.is_empty() && !end.more, "{asked:?} of vb {vb} shows {records:?}, {end:?}");
        ensure!(scan.last() == Seqno::ZERO, "{asked:?} of vb {vb} has a last record");
        ensure!(scan.remaining_estimate() == 0, "{asked:?} of vb {vb} estimates too much");
    }
    Ok(Verdict::Kept)
}

fn slices_add_up(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    many(&*store, 300)?;
    let want = history_of(&*store, VB)?;
    for (bytes, items) in [(1, 1), (usize::MAX, 1), (1, usize::MAX), (100, 7), (0, 0), (4096, 64)] {
        let mut scan = store.scan(VB, ALL)?;
        let shown = drain(&mut *scan, SliceBudget { bytes, items })?;
        ensure!(shown == want, "slices of {bytes} bytes and {items} items show something else");
        let (records, end) = slice(&mut *scan, 1)?;
        ensure!(records.is_empty() && !end.more, "a scan goes on after its end");
        ensure!(end.read_to == *scan.range().end(), "a scan ends at {}", end.read_to);
    }
    Ok(Verdict::Kept)
}

/// `n` documents of various sizes, a third of them replaced, some by tombstones.
fn many(store: &dyn Store, n: u64) -> Step {
    let value = |n: u64| "v".repeat((n * 37 % 400) as usize);
    commit(store, (1..=n).map(|i| doc(i, &format!("key-{i}"), &value(i))).collect())?;
    let again = (1..=n).step_by(3).zip(n + 1..);
    let record = |(i, seqno): (u64, u64)| match i % 2 {
        0 => tombstone(seqno, &format!("key-{i}"), 9),
        _ => doc(seqno, &format!("key-{i}"), &value(seqno)),
    };
    commit(store, again.map(record).collect())
}

fn slices_stop_at_bounds(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, (1..=10).map(|i| doc(i, &format!("k{i:03}"), &"v".repeat(96))).collect())?;
    let mut scan = store.scan(VB, ALL)?;
    for (bytes, items, want) in [(usize::MAX, 3, 3), (250, 100, 3), (200, 100, 2), (1, 100, 1)] {
        let mut out = vec![doc(99, "kept", "")];
        let end = scan.next(SliceBudget { bytes, items }, &mut out)?;
        let got = out.len() - 1;
        ensure!(got == want, "{bytes} bytes and {items} items gave {got} records, not {want}");
        ensure!(out[0] == doc(99, "kept", ""), "what was in `out` is gone");
        let last = out[got].meta.seqno;
        ensure!(end.read_to == last && end.more, "after record {last} it says {end:?}");
    }
    Ok(Verdict::Kept)
}

fn shows_the_state_at_its_end(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    five(&*store)?;
    let want = history_of(&*store, VB)?;
    let mut scan = store.scan(VB, ALL)?;
    commit(&*store, vec![doc(11, "a", "second"), tombstone(12, "c", 1), doc(13, "f", "new")])?;
    commit(&*store, vec![doc(14, "a", "third"), doc(15, "c", "again")])?;
    commit(&*store, (16..=40).map(|i| doc(i, &format!("x{i}"), "")).collect())?;
    commit(&*store, vec![doc(41, "e", "last")])?;
    while store.maintain(1000)? {}
    ensure!(scan.range() == range(0, 10), "its range became {:?}", scan.range());
    let shown = drain(&mut *scan, SliceBudget { bytes: usize::MAX, items: 2 })?;
    ensure!(shown == want, "it shows {shown:?}");
    drop(scan);
    while store.maintain(1000)? {}
    let now = seqnos(&history_of(&*store, VB)?);
    let want: Vec<u64> = [4, 8].into_iter().chain(13..=41).collect();
    ensure!(now == want, "afterwards {now:?} is left");
    Ok(Verdict::Kept)
}

fn ages_live_side_by_side(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    let mut open: Vec<(Box<dyn Scan>, Vec<Record>)> = Vec::new();
    for round in 0..12_u64 {
        let first = round * 8 + 1;
        let keys = (first..first + 8).map(|i| (i, i * (round + 3) % 11));
        let mut records: Vec<Record> = Vec::new();
        for (seqno, key) in keys {
            let key = format!("k{key}");
            if !records.iter().any(|record| record.key == key) {
                records.push(doc(seqno, &key, &format!("round {round}")));
            }
        }
        commit(&*store, records)?;
        let want = history_of(&*store, VB)?;
        open.push((store.scan(VB, ALL)?, want));
        if round % 3 == 2 {
            let (mut scan, want) = open.remove(round as usize % open.len());
            finish(&mut *scan, &want)?;
        }
        store.maintain(5)?;
    }
    for (mut scan, want) in open.into_iter().rev() {
        finish(&mut *scan, &want)?;
    }
    Ok(Verdict::Kept)
}

fn finish(scan: &mut dyn Scan, want: &[Record]) -> Step {
    let shown = drain(scan, SliceBudget { bytes: usize::MAX, items: 3 })?;
    let (got, asked) = (seqnos(&shown), seqnos(want));
    ensure!(shown == want, "a scan of {:?} shows {got:?}, not {asked:?}", scan.range());
    Ok(())
}

fn low_end_shows_no_key_twice(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    five(&*store)?;
    let pin = store.scan(VB, ALL)?;
    commit(&*store, vec![doc(11, "a", "second"), doc(12, "b", "second")])?;
    commit(&*store, vec![doc(13, "a", "third")])?;
    for end in 1..=13 {
        let mut scan = store.scan(VB, range(0, end))?;
        let (last, last_odd) = (scan.last(), scan.last_whose_key(odd)?);
        let shown = drain(&mut *scan, UNBOUNDED)?;
        let want = last_of(&shown, odd);
        ensure!(last_odd == want, "up to {end} the last odd is {last_odd}, not {want}");
        let mut keys: Vec<_> = shown.iter().map(|record| record.key.clone()).collect();
        keys.sort();
        keys.dedup();
        ensure!(keys.len() == shown.len(), "up to {end} it shows {:?}", seqnos(&shown));
        let (got, newest) = (seqnos(&shown), [6, 8, 10, 12, 13]);
        let kept = newest.iter().filter(|&&seqno| seqno <= end);
        let all_there = kept.clone().all(|seqno| got.contains(seqno));
        ensure!(all_there, "up to {end} it shows {got:?} and lacks a newest version");
        ensure!(
            last.get() == got.last().copied().unwrap_or(0),
            "{last} is not the last of {got:?}"
        );
    }
    drop(pin);
    Ok(Verdict::Kept)
}

fn writes_during_slices(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, (1..=60).map(|i| doc(i, &format!("k{i}"), "first")).collect())?;
    let want = history_of(&*store, VB)?;
    let mut scan = store.scan(VB, ALL)?;
    let (mut shown, mut next) = (Vec::new(), 61);
    loop {
        let (records, end) = slice(&mut *scan, 7)?;
        shown.extend(records);
        if !end.more {
            break;
        }
        let step = [3, 21, 40].map(|i| (i + next) % 60 + 1);
        let records = step.iter().zip(next..).map(|(i, seqno)| doc(seqno, &format!("k{i}"), "new"));
        commit(&*store, records.collect())?;
        store.maintain(10)?;
        next += 3;
    }
    ensure!(shown == want, "it shows {:?}", seqnos(&shown));
    Ok(Verdict::Kept)
}

fn estimate_is_an_upper_bound(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    many(&*store, 200)?;
    let older = store.scan(VB, ALL)?;
    commit(&*store, (401..=450).map(|i| doc(i, &format!("key-{}", i - 400), "")).collect())?;
    for asked in [ALL, range(0, 430), range(100, 420), range(449, 460)] {
        let total = drain(&mut *store.scan(VB, asked.clone())?, UNBOUNDED)?.len() as u64;
        let (mut scan, mut seen) = (store.scan(VB, asked.clone())?, 0);
        loop {
            let estimate = scan.remaining_estimate();
            ensure!(
                estimate >= total - seen,
                "{asked:?} estimates {estimate} of {total} less {seen}"
            );
            let (records, end) = slice(&mut *scan, 11)?;
            seen += records.len() as u64;
            if !end.more {
                break;
            }
        }
        let left = scan.remaining_estimate();
        ensure!(left == 0, "{asked:?} is read, but estimates {left}");
    }
    drop(older);
    Ok(Verdict::Kept)
}

fn outlives_maintenance(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    five(&*store)?;
    let want = history_of(&*store, VB)?;
    let mut scan = store.scan(VB, ALL)?;
    commit(&*store, vec![doc(11, "a", "second")])?;
    while store.maintain(1)? {}
    store.close()?;
    drop(store);
    let shown = drain(&mut *scan, UNBOUNDED)?;
    ensure!(shown == want, "after the store was closed and dropped it shows {shown:?}");
    Ok(Verdict::Kept)
}

/// Each commit writes all keys with its own number, so a scan which mixes two numbers, or lacks a key, saw two
/// moments.
fn scans_beside_a_writer(maker: &mut dyn Maker) -> Outcome {
    const KEYS: u64 = 20;
    const COMMITS: u64 = 150;
    let store = begun(maker, 1)?;
    let write = |n: u64| {
        let docs = (0..KEYS).map(|i| doc(n * KEYS + i + 1, &format!("k{i}"), &n.to_string()));
        store.commit(&Batch { vbs: vec![part(VB, docs.collect())] }, Durability::Buffered)
    };
    write(0)?;
    let start = Barrier::new(3);
    let (written, cleaned, scanned) = thread::scope(|threads| {
        let writer = threads.spawn(|| {
            start.wait();
            (1..=COMMITS).try_for_each(write)
        });
        let cleaner = threads.spawn(|| {
            start.wait();
            (0..COMMITS).try_for_each(|_| store.maintain(50).map(|_| ()))
        });
        start.wait();
        let mut scanned = Ok(());
        while scanned.is_ok() && !writer.is_finished() {
            scanned = one_moment(&*store, KEYS);
        }
        (writer.join(), cleaner.join(), scanned)
    });
    for (who, ended) in [("the writer", written), ("the cleaner", cleaned)] {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(Broken(format!("{who} failed: {e}"))),
            Err(_) => return Err(Broken(format!("{who} panicked"))),
        }
    }
    scanned?;
    one_moment(&*store, KEYS)?;
    Ok(Verdict::Kept)
}

fn one_moment(store: &dyn Store, keys: u64) -> Step {
    let mut scan = store.scan(VB, ALL)?;
    let end = scan.range().end().get();
    let shown = drain(&mut *scan, SliceBudget { bytes: usize::MAX, items: 6 })?;
    let got = seqnos(&shown);
    let want: Vec<u64> = (end - keys + 1..=end).collect();
    ensure!(got == want, "a scan up to {end} shows {got:?}");
    Ok(())
}
