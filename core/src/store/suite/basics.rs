//! Batches, de-duplication, tombstones, and what is kept besides documents.

use super::check::{Check, Maker, Outcome, Step, Verdict, ensure, ensure_refused};
use super::sample::{VB, begun, commit, doc, history_of, keys_of, log, part, seqnos, tombstone};
use crate::ErrorKind;
use crate::limits::{STORED_KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::store::{Batch, Durability, Persisted, Store, VbBatch};
use crate::types::{Cas, Seqno, VbId, VbState};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "a new store is empty", run: is_empty_when_new },
    Check { name: "what was committed is there", run: keeps_what_was_committed },
    Check { name: "a batch reaches each of its vbuckets", run: batch_spans_vbuckets },
    Check { name: "of each key the newest version is kept", run: keeps_newest_version },
    Check { name: "a tombstone is kept like a document", run: keeps_tombstones },
    Check { name: "keys come in order, tombstones included", run: lists_keys_in_order },
    Check { name: "`keys` lets its caller call the store", run: keys_may_reenter },
    Check { name: "any key and value within the limits is kept", run: keeps_extremes },
    Check { name: "state and failover log change when told", run: keeps_state_and_failover },
    Check { name: "voids raise the high seqno", run: settles_voids },
    Check { name: "a forbidden batch changes nothing", run: refuses_forbidden_batches },
    Check { name: "a vbucket that does not exist is refused", run: refuses_unknown_vbuckets },
    Check { name: "nothing is written before `begin`", run: refuses_writes_before_begin },
];

fn is_empty_when_new(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 3)?;
    ensure!(store.vbuckets() == 3, "it has {} vbuckets", store.vbuckets());
    for vb in (0..3).map(VbId) {
        let kept = store.load(vb)?;
        ensure!(kept == Persisted::default(), "vb {vb} has {kept:?}");
        ensure!(history_of(&*store, vb)?.is_empty(), "vb {vb} has a history");
        ensure!(keys_of(&*store, vb)?.is_empty(), "vb {vb} has keys");
        ensure!(store.get(vb, b"k")?.is_none(), "vb {vb} has a document");
    }
    Ok(Verdict::Kept)
}

fn keeps_what_was_committed(maker: &mut dyn Maker) -> Outcome {
    for durability in [Durability::Buffered, Durability::Synced] {
        let store = begun(maker, 1)?;
        let records = vec![doc(1, "a", "1"), doc(5, "b", "2"), doc(6, "c", "3")];
        let batch = Batch { vbs: vec![part(VB, records.clone())] };
        store.commit(&batch, durability)?;
        ensure!(history_of(&*store, VB)? == records, "a scan shows something else");
        for record in &records {
            let found = store.get(VB, &record.key)?;
            ensure!(found.as_ref() == Some(record), "{record:?} became {found:?}");
        }
        ensure!(store.get(VB, b"d")?.is_none(), "there is a key that was never written");
        let kept = store.load(VB)?;
        let want =
            Persisted { high: Seqno(6), items: 3, cas_max: Cas(1006), ..Persisted::default() };
        ensure!(kept == want, "{kept:?} is kept, not {want:?}");
    }
    Ok(Verdict::Kept)
}

fn batch_spans_vbuckets(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 4)?;
    let parts = [2, 0, 3].map(|vb| part(VbId(vb), vec![doc(u64::from(vb) + 1, "k", "v")]));
    store.commit(&Batch { vbs: parts.to_vec() }, Durability::Synced)?;
    for vb in 0..4 {
        let want = if vb == 1 { vec![] } else { vec![u64::from(vb) + 1] };
        let shown = seqnos(&history_of(&*store, VbId(vb))?);
        ensure!(shown == want, "vb {vb} shows {shown:?}, not {want:?}");
    }
    store.commit(&Batch::default(), Durability::Synced)?;
    Ok(Verdict::Kept)
}

fn keeps_newest_version(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, vec![doc(1, "a", "old"), doc(2, "b", "old"), doc(3, "c", "kept")])?;
    commit(&*store, vec![doc(4, "b", "newer")])?;
    commit(&*store, vec![doc(5, "a", "new"), doc(6, "b", "newest")])?;
    let shown = seqnos(&history_of(&*store, VB)?);
    ensure!(shown == [3, 5, 6], "a scan shows {shown:?}");
    let found = store.get(VB, b"b")?;
    ensure!(found == Some(doc(6, "b", "newest")), "the newest version is {found:?}");
    let items = store.load(VB)?.items;
    ensure!(items == 3, "{items} documents are counted, not 3");
    Ok(Verdict::Kept)
}

fn keeps_tombstones(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, vec![doc(1, "a", "1"), doc(2, "b", "2"), tombstone(3, "never", 50)])?;
    commit(&*store, vec![tombstone(4, "a", 60)])?;
    let mut with_value = tombstone(5, "b", 70);
    with_value.value = "extended attributes".into();
    commit(&*store, vec![with_value.clone()])?;
    let shown = history_of(&*store, VB)?;
    let want = [tombstone(3, "never", 50), tombstone(4, "a", 60), with_value];
    ensure!(shown == want, "a scan shows {shown:?}");
    ensure!(store.get(VB, b"a")?.as_ref() == Some(&want[1]), "`get` does not show a tombstone");
    ensure!(store.load(VB)?.items == 0, "tombstones are counted as documents");
    commit(&*store, vec![doc(6, "a", "again")])?;
    let (items, shown) = (store.load(VB)?.items, seqnos(&history_of(&*store, VB)?));
    ensure!(items == 1 && shown == [3, 5, 6], "{items} documents, {shown:?}, after a revival");
    Ok(Verdict::Kept)
}

fn lists_keys_in_order(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 2)?;
    let names: Vec<String> = (0..3000_u64).map(|n| format!("{:x}", n * 7919 % 3000)).collect();
    let docs = (1..).zip(&names).map(|(seqno, name)| match seqno % 5 {
        0 => tombstone(seqno, name, 1),
        _ => doc(seqno, name, "v"),
    });
    let mut want: Vec<_> = docs.clone().map(|doc| (doc.key.to_vec(), doc.meta)).collect();
    commit(&*store, docs.collect())?;
    store.commit(&Batch { vbs: vec![part(VbId(1), vec![doc(1, "other", "v")])] }, SYNCED)?;
    want.sort_by(|a, b| a.0.cmp(&b.0));
    let keys = keys_of(&*store, VB)?;
    ensure!(keys == want, "{} keys are listed, or in the wrong order", keys.len());
    Ok(Verdict::Kept)
}

fn keys_may_reenter(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    commit(&*store, vec![doc(1, "a", "1"), doc(2, "b", "2")])?;
    let mut found = Vec::new();
    let mut next = 3;
    store.keys(VB, &mut |key, _| {
        found.push(store.get(VB, key).is_ok_and(|record| record.is_some()));
        let written = commit(&*store, vec![doc(next, "a", "again")]);
        found.push(written.is_ok());
        next += 1;
    })?;
    ensure!(found.len() >= 2 && found.iter().all(|&ok| ok), "calls from `each` ended as {found:?}");
    Ok(Verdict::Kept)
}

fn keeps_extremes(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(STORED_KEY_BYTES_MAX).collect();
    let mut records = Vec::new();
    for (seqno, key) in (1..).zip([&every_byte[..], b"", b"\0", b"\0\0", b"\xff", b"\xff\xff"]) {
        let mut record = doc(seqno, "", "");
        record.key = key.to_vec().into();
        records.push(record);
    }
    records[0].value = vec![0xA5; VALUE_BYTES_MAX].into();
    records[1].meta.flags = u32::MAX;
    records[1].meta.expiry = u32::MAX;
    records[1].meta.cas = Cas(u64::MAX);
    let mut last = doc(u64::MAX - 2, "last", "v");
    last.meta.rev.0 = u64::MAX;
    records.push(last);
    commit(&*store, records.clone())?;
    ensure!(history_of(&*store, VB)? == records, "a scan shows something else");
    for record in &records {
        let found = store.get(VB, &record.key)?;
        ensure!(found.as_ref() == Some(record), "key {:?} was not kept", record.key);
    }
    Ok(Verdict::Kept)
}

fn keeps_state_and_failover(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    let steps = [
        (Some(VbState::Replica), Some(log(&[(7, 0)]))),
        (None, None),
        (Some(VbState::Dead), None),
        (None, Some(log(&[(9, 3), (8, 3), (7, 0)]))),
    ];
    let (mut state, mut failover) = (VbState::Active, Vec::new());
    for (n, (new_state, new_failover)) in (1..).zip(steps) {
        let mut change = part(VB, vec![doc(n, "k", "v")]);
        (change.state, change.failover) = (new_state, new_failover.clone());
        store.commit(&Batch { vbs: vec![change] }, SYNCED)?;
        state = new_state.unwrap_or(state);
        failover = new_failover.unwrap_or(failover);
        let kept = store.load(VB)?;
        ensure!(
            kept.state == state && kept.failover == failover,
            "{state:?} with {failover:?} became {kept:?}"
        );
    }
    Ok(Verdict::Kept)
}

fn settles_voids(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 1)?;
    let settle = |records, high| {
        let void = VbBatch { high: Seqno(high), ..part(VB, records) };
        store.commit(&Batch { vbs: vec![void] }, SYNCED)
    };
    settle(vec![doc(3, "a", "1")], 7)?;
    settle(vec![], 9)?;
    settle(vec![], 9)?;
    ensure!(store.load(VB)?.high == Seqno(9), "the high seqno is {}", store.load(VB)?.high);
    let scan = store.scan(VB, super::sample::ALL)?;
    ensure!(*scan.range().end() == Seqno(9), "a scan ends at {}", scan.range().end());
    ensure!(scan.last() == Seqno(3), "the last record shown is {}", scan.last());
    ensure_refused!(settle(vec![doc(8, "b", "2")], 8), ErrorKind::Misuse, "a settled seqno");
    settle(vec![doc(10, "b", "2")], 10)?;
    Ok(Verdict::Kept)
}

fn refuses_forbidden_batches(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 2)?;
    commit(&*store, vec![doc(1, "a", "1"), doc(5, "b", "2")])?;
    let good = || part(VbId(1), vec![doc(1, "other", "v")]);
    for (what, part) in forbidden_parts() {
        let batch = Batch { vbs: vec![good(), part] };
        let refused = store.commit(&batch, SYNCED);
        match refused {
            Err(e) if e.kind() == ErrorKind::Misuse => {}
            other => ensure!(false, "{what} ended as {other:?}"),
        }
        unchanged(&*store, what)?;
    }
    Ok(Verdict::Kept)
}

/// Parts of batches that are forbidden, beside one of vb 1.
fn forbidden_parts() -> Vec<(&'static str, VbBatch)> {
    let mut long_key = doc(9, "", "");
    long_key.key = vec![b'k'; STORED_KEY_BYTES_MAX + 1].into();
    let mut long_value = doc(9, "a", "");
    long_value.value = vec![0; VALUE_BYTES_MAX + 1].into();
    let failing =
        |failover| VbBatch { failover: Some(failover), ..part(VB, vec![doc(9, "a", "")]) };
    vec![
        ("a seqno committed before", part(VB, vec![doc(5, "c", "")])),
        ("seqnos that fall", part(VB, vec![doc(9, "a", ""), doc(8, "b", "")])),
        ("a seqno twice", part(VB, vec![doc(9, "a", ""), doc(9, "b", "")])),
        ("a key twice", part(VB, vec![doc(8, "a", ""), doc(9, "a", "")])),
        (
            "a high seqno below a record",
            VbBatch { high: Seqno(8), ..part(VB, vec![doc(9, "a", "")]) },
        ),
        ("a high seqno that falls", VbBatch { high: Seqno(4), ..part(VB, vec![]) }),
        ("the seqno that no write gets", VbBatch { high: Seqno::MAX, ..part(VB, vec![]) }),
        ("a key that is too long", part(VB, vec![long_key])),
        ("a value that is too long", part(VB, vec![long_value])),
        ("a vbucket twice", part(VbId(1), vec![doc(9, "other", "v")])),
        ("a vbucket that does not exist", part(VbId(2), vec![doc(1, "a", "")])),
        ("a branch without a name", failing(log(&[(0, 0)]))),
        ("a failover log that rises", failing(log(&[(2, 0), (1, 1)]))),
        ("a failover log that is too long", failing(log(&[(1, 0); 26]))),
    ]
}

fn unchanged(store: &dyn Store, after: &str) -> Step {
    let (first, second) = (seqnos(&history_of(store, VB)?), history_of(store, VbId(1))?);
    ensure!(first == [1, 5] && second.is_empty(), "{after} was refused, but changed something");
    Ok(())
}

fn refuses_unknown_vbuckets(maker: &mut dyn Maker) -> Outcome {
    let store = begun(maker, 2)?;
    let vb = VbId(2);
    ensure_refused!(store.load(vb), ErrorKind::Misuse, "`load`");
    ensure_refused!(store.get(vb, b"k"), ErrorKind::Misuse, "`get`");
    ensure_refused!(store.keys(vb, &mut |_, _| ()), ErrorKind::Misuse, "`keys`");
    ensure_refused!(store.scan(vb, super::sample::ALL), ErrorKind::Misuse, "`scan`");
    ensure_refused!(store.rollback(vb, Seqno(1), &log(&[(1, 0)])), ErrorKind::Misuse, "`rollback`");
    ensure_refused!(store.purge(vb, 1, 1), ErrorKind::Misuse, "`purge`");
    ensure_refused!(store.reset(vb), ErrorKind::Misuse, "`reset`");
    Ok(Verdict::Kept)
}

fn refuses_writes_before_begin(maker: &mut dyn Maker) -> Outcome {
    let store = maker.make(1)?;
    let batch = Batch { vbs: vec![part(VB, vec![doc(1, "a", "1")])] };
    ensure_refused!(store.commit(&batch, SYNCED), ErrorKind::Misuse, "a commit");
    ensure_refused!(store.reset(VB), ErrorKind::Misuse, "a reset");
    store.begin(1)?;
    store.commit(&batch, SYNCED)?;
    Ok(Verdict::Kept)
}

const SYNCED: Durability = Durability::Synced;
