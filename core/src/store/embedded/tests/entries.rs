//! Damage that the database itself would never notice: it was put there through the database.

use super::{ALL, begun, commit, small, temporary};
use crate::store::embedded::keys::{Gen, doc_key, seq_key};
use crate::store::embedded::synced::{Promise, Synced};
use crate::store::embedded::{EmbeddedStore, keys};
use crate::store::{Persisted, Record, SliceBudget, Store};
use crate::types::{FailoverEntry, Seqno, VbId, VbUuid};
use crate::{Error, ErrorKind, Result};
use std::fs;

fn scan(store: &EmbeddedStore, vb: u16) -> Result<Vec<Record>> {
    let mut shown = Vec::new();
    let budget = SliceBudget { bytes: usize::MAX, items: 3 };
    let mut scan = store.scan(VbId(vb), ALL)?;
    while scan.next(budget, &mut shown)?.more {}
    Ok(shown)
}

fn corrupt<T>(answer: Result<T>) -> Error {
    match answer {
        Ok(_) => panic!("damage was not found"),
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::Corrupt, "{e}");
            e
        }
    }
}

#[test]
fn a_damaged_record_is_never_served() {
    let folder = temporary();
    let store = begun(&folder, small(2));
    commit(&store, 0, 1..=9).unwrap();
    commit(&store, 1, 1..=9).unwrap();
    let (seq, key) = (&store.core.database.seq, seq_key(VbId(0), Gen(0), Seqno(4)));
    let mut value = seq.get(key).unwrap().unwrap().to_vec();
    value[30] ^= 0x10;
    seq.insert(key, value).unwrap();
    let e = corrupt(store.get(VbId(0), b"k4"));
    assert!(e.to_string().contains("vb 0: entry 4 is damaged"), "{e}");
    corrupt(scan(&store, 0));
    let log = [FailoverEntry { uuid: VbUuid(1), seqno: Seqno(0) }];
    corrupt(store.rollback(VbId(0), Seqno(2), &log));
    assert!(store.get(VbId(0), b"k5").unwrap().is_some(), "another record cannot be read");
    assert_eq!(scan(&store, 1).unwrap().len(), 9);
}

#[test]
fn a_failed_slice_gives_no_records() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    commit(&store, 0, 1..=9).unwrap();
    let key = seq_key(VbId(0), Gen(0), Seqno(4));
    store.core.database.seq.insert(key, "damaged").unwrap();
    let mut scan = store.scan(VbId(0), ALL).unwrap();
    let mut shown = Vec::new();
    corrupt(scan.next(SliceBudget { bytes: usize::MAX, items: 9 }, &mut shown));
    assert!(shown.is_empty());
    scan.next(SliceBudget { bytes: usize::MAX, items: 2 }, &mut shown).unwrap();
    assert_eq!(shown.len(), 2, "what lies before the damage can still be read");
}

#[test]
fn a_damaged_key_entry_is_never_followed() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    commit(&store, 0, 1..=9).unwrap();
    let mut db_key = Vec::new();
    doc_key(VbId(0), Gen(0), b"k3", &mut db_key);
    let mut value = store.core.database.key.get(&db_key).unwrap().unwrap().to_vec();
    value[7] ^= 1;
    store.core.database.key.insert(&db_key[..], value).unwrap();
    corrupt(store.get(VbId(0), b"k3"));
    corrupt(store.keys(VbId(0), &mut |_, _| ()));
    corrupt(commit(&store, 0, 13..=13));
    commit(&store, 0, 14..=14).unwrap();
}

#[test]
fn a_history_that_ends_too_early_is_found() {
    let folder = temporary();
    let store = begun(&folder, small(8));
    commit(&store, 7, 1..=9).unwrap();
    store.core.database.seq.remove(seq_key(VbId(7), Gen(0), Seqno(9))).unwrap();
    let e = corrupt(store.load(VbId(7)));
    let said = "vb 7: its last record should be at seqno 9, but is at seqno 8";
    assert!(e.to_string().contains(said), "{e}");
    corrupt(store.get(VbId(7), b"k9"));
}

#[test]
fn commits_in_the_wrong_order_are_found() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    commit(&store, 0, 1..=9).unwrap();
    let key = keys::commit_key(77);
    store.core.database.meta.insert(key, crate::store::embedded::values::mark(&key)).unwrap();
    drop(store);
    let e = corrupt(EmbeddedStore::open(folder.path(), small(1)));
    assert!(e.to_string().contains("commits 1 and 77 are in the wrong order"), "{e}");
}

/// A batch in the journal begins with its place in the order, which no checksum of the database covers.
#[test]
fn a_damaged_place_in_the_journals_order_is_found() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    for n in 0..30 {
        commit(&store, 0, n * 6 + 1..=n * 6 + 6).unwrap();
    }
    let want = scan(&store, 0).unwrap();
    store.close().unwrap();
    drop(store);
    drop(EmbeddedStore::open(folder.path(), small(1)).unwrap());
    let journal = folder.path().join("db/0.jnl");
    let whole = fs::read(&journal).unwrap();
    let ends = whole.windows(5).enumerate().filter(|(_, bytes)| *bytes == b"FJL\x03\x01");
    let places: Vec<usize> = ends.map(|(at, _)| at + 9).collect();
    assert!(places.len() > 25, "{} batches", places.len());
    let (mut found, mut harmless) = (0, 0);
    for (batch, &place) in places.iter().enumerate() {
        for bit in (0..7).chain([20, 40, 62, 63]) {
            let mut damaged = whole.clone();
            damaged[place + bit / 8] ^= 1 << (bit % 8);
            fs::write(&journal, damaged).unwrap();
            match EmbeddedStore::open(folder.path(), small(1)) {
                Ok(store) => {
                    let shown = scan(&store, 0).unwrap();
                    assert_eq!(shown, want, "bit {bit} of batch {batch}");
                    assert_eq!(store.load(VbId(0)).unwrap().items, want.len() as u64);
                    harmless += 1;
                }
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::Corrupt, "{e}");
                    found += 1;
                }
            }
        }
    }
    println!("{found} found, {harmless} harmless");
    assert!(found > harmless);
}

/// The database cuts a journal off at a damaged place, so that an attempt to open the store used to destroy what came
/// behind it.
#[test]
fn a_damaged_journal_is_kept_as_it_was() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    for n in 0..30 {
        commit(&store, 0, n * 6 + 1..=n * 6 + 6).unwrap();
    }
    store.close().unwrap();
    drop(store);
    assert!(!folder.path().join("salvage").exists() && !folder.path().join("opening").exists());
    let journal = folder.path().join("db/0.jnl");
    let mut damaged = fs::read(&journal).unwrap();
    damaged[100..164].fill(0xA5);
    fs::write(&journal, &damaged).unwrap();
    // Whether the store refuses, or only its vbucket does, and however often it is tried.
    for _ in 0..2 {
        let refused = EmbeddedStore::open(folder.path(), small(1))
            .and_then(|store| store.load(VbId(0)).map(drop));
        let told = refused.map_err(|e| format!("{e}: {:?}", std::error::Error::source(&e)));
        let told = told.expect_err("what was synced is missing");
        assert!(told.contains("salvage"), "{told}");
    }
    assert_eq!(fs::read(folder.path().join("salvage/0.jnl")).unwrap(), damaged);
}

#[test]
fn a_vbucket_that_lost_what_was_synced_is_shut_until_it_is_reset() {
    let folder = temporary();
    let store = begun(&folder, small(3));
    commit(&store, 1, 1..=9).unwrap();
    commit(&store, 2, 1..=9).unwrap();
    store.close().unwrap();
    drop(store);
    let mut synced = Synced::open(folder.path().join("synced"), 3).unwrap();
    let lost = Promise { change: 5, high: Seqno(40) };
    synced.raise([(VbId(1), lost)].into_iter()).unwrap();
    let store = begun(&folder, small(3));
    let e = corrupt(store.load(VbId(1)));
    let said = "vb 1 lost what was synced: its change 5, up to seqno 40, was, \
                but only change 1, up to seqno 9, is there";
    assert!(e.to_string().contains(said), "{e}");
    corrupt(store.get(VbId(1), b"k1"));
    corrupt(scan(&store, 1));
    corrupt(commit(&store, 1, 41..=45));
    corrupt(store.purge(VbId(1), 9, 9));
    corrupt(store.keys(VbId(1), &mut |_, _| ()));
    assert_eq!(scan(&store, 2).unwrap().len(), 9);
    store.reset(VbId(1)).unwrap();
    assert_eq!(store.load(VbId(1)).unwrap(), Persisted::default());
    commit(&store, 1, 1..=3).unwrap();
    while store.maintain(2).unwrap() {}
    drop(store);
    let store = begun(&folder, small(3));
    assert_eq!(scan(&store, 1).unwrap().len(), 3);
}

/// Without its counters nobody knows which generation is alive; the next one must be none that has entries.
#[test]
fn a_vbucket_that_lost_its_counters_starts_again_above_its_old_entries() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    store.reset(VbId(0)).unwrap();
    store.reset(VbId(0)).unwrap();
    commit(&store, 0, 1..=9).unwrap();
    store.core.database.meta.remove(keys::counters_key(VbId(0))).unwrap();
    drop(store);
    let store = begun(&folder, small(1));
    corrupt(store.load(VbId(0)));
    store.reset(VbId(0)).unwrap();
    assert_eq!(scan(&store, 0).unwrap(), []);
    assert!(store.get(VbId(0), b"k1").unwrap().is_none());
    while store.maintain(100).unwrap() {}
    assert!(store.core.database.seq.is_empty().unwrap(), "old entries are left");
}
