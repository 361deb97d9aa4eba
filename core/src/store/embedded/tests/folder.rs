//! The folder: who may open it, and what it is taken for.

use super::{ALL, begun, commit, small, temporary};
use crate::engine::Engine;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::{SliceBudget, Start, Store};
use crate::types::VbId;
use crate::{Error, ErrorKind};
use std::fs;
use std::path::Path;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

fn refused(folder: &Path, options: EmbeddedOptions) -> Error {
    EmbeddedStore::open(folder, options).map(drop).unwrap_err()
}

/// Writes both blocks of `head`.
fn write_head(folder: &Path, layout: u32, vbuckets: u32, run: u8, window: u64) {
    let mut said = b"MILLSTRM".to_vec();
    said.extend(layout.to_be_bytes());
    said.extend(vbuckets.to_be_bytes());
    said.push(run);
    said.extend(window.to_be_bytes());
    let check = xxh3_64(&said);
    said.extend(check.to_be_bytes());
    said.resize(512, 0);
    fs::write(folder.join("head"), [&said[..], &said].concat()).unwrap();
}

#[test]
fn one_at_a_time_may_have_it_open() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    commit(&store, 0, 1..=5).unwrap();
    let e = refused(folder.path(), small(1));
    assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
    assert!(e.to_string().contains("is in use"), "{e}");
    assert!(e.to_string().contains(&*folder.path().to_string_lossy()), "{e}");
    let mut scan = store.scan(VbId(0), ALL).unwrap();
    drop(store);
    assert_eq!(refused(folder.path(), small(1)).kind(), ErrorKind::Unavailable);
    let mut shown = Vec::new();
    scan.next(SliceBudget { bytes: usize::MAX, items: 9 }, &mut shown).unwrap();
    assert_eq!(shown.len(), 5);
    drop(scan);
    EmbeddedStore::open(folder.path(), small(1)).unwrap();
}

#[test]
fn the_number_of_vbuckets_stays() {
    let folder = temporary();
    drop(begun(&folder, small(16)));
    for other in [1, 15, 17, 1024] {
        let e = refused(folder.path(), small(other));
        assert_eq!(e.kind(), ErrorKind::Misuse, "{e}");
        assert!(e.to_string().contains(&format!("made for 16 vbuckets, not for {other}")), "{e}");
    }
}

#[test]
fn options_out_of_bounds_are_refused() {
    let folder = temporary();
    let least = small(1);
    for options in [
        small(0),
        small(65_537),
        EmbeddedOptions { journal_bytes_max: (64 << 20) - 1, ..least.clone() },
        EmbeddedOptions { memtable_bytes_max: (64 << 10) - 1, ..least.clone() },
        EmbeddedOptions { threads: 0, ..least },
    ] {
        assert_eq!(refused(folder.path(), options).kind(), ErrorKind::Misuse);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was made");
}

#[test]
fn the_folder_of_something_else_is_left_alone() {
    let folder = temporary();
    fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    let e = refused(folder.path(), small(1));
    assert_eq!(e.kind(), ErrorKind::Misuse, "{e}");
    assert!(e.to_string().contains("thesis.txt"), "{e}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was made");
}

#[test]
fn a_file_is_not_a_folder() {
    let folder = temporary();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let e = refused(&path, small(1));
    assert!(e.to_string().contains(&*path.to_string_lossy()), "{e}");
}

#[test]
fn another_layout_is_told_from_damage() {
    let folder = temporary();
    drop(begun(&folder, small(1)));
    write_head(folder.path(), 1, 1, 1, 3);
    let e = refused(folder.path(), small(1));
    assert_eq!(e.kind(), ErrorKind::Misuse, "{e}");
    assert!(e.to_string().contains("has layout 1; this version reads layout 2"), "{e}");
}

#[test]
fn a_folder_whose_making_was_interrupted_is_made_again() {
    for leave in 0..4 {
        let folder = temporary();
        let store = begun(&folder, small(2));
        commit(&store, 0, 1..=5).unwrap();
        drop(store);
        match leave {
            0 => write_head(folder.path(), 2, 2, 0, 0),
            1 => {
                write_head(folder.path(), 2, 2, 0, 0);
                fs::remove_dir_all(folder.path().join("db")).unwrap();
            }
            2 | 3 => {
                fs::remove_dir_all(folder.path().join("db")).unwrap();
                fs::remove_file(folder.path().join("synced")).unwrap();
                let head = if leave == 2 { vec![] } else { vec![0; 512] };
                fs::write(folder.path().join("head"), head).unwrap();
            }
            _ => unreachable!("four cases"),
        }
        let store = EmbeddedStore::open(folder.path(), small(2)).unwrap();
        let start = store.begin(1).unwrap();
        assert_eq!(start, Start { clean: true, window_before: 0 }, "case {leave}");
        assert_eq!(store.load(VbId(0)).unwrap().items, 0, "case {leave}");
        commit(&store, 0, 1..=5).unwrap();
    }
}

#[test]
fn a_run_that_ended_before_anything_was_written_has_given_out_its_window() {
    let folder = temporary();
    // As if it was killed: the store is dropped without having been closed.
    let run = |window| EmbeddedStore::open(folder.path(), small(2)).unwrap().begin(window).unwrap();
    assert_eq!(run(100), Start { clean: true, window_before: 0 });
    assert_eq!(run(50), Start { clean: false, window_before: 100 });
    assert_eq!(run(7), Start { clean: false, window_before: 150 });
    for lost in ["db", "db/version", "db/keyspaces/1/current", "synced"] {
        let path = folder.path().join(lost);
        match path.is_dir() {
            true => fs::remove_dir_all(&path).unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
        let start = run(0);
        assert_eq!(start, Start { clean: false, window_before: 157 }, "without {lost}");
    }
    let store = EmbeddedStore::open(folder.path(), small(2)).unwrap();
    store.begin(3).unwrap();
    commit(&store, 0, 1..=5).unwrap();
    drop(store);
    let store = EmbeddedStore::open(folder.path(), small(2)).unwrap();
    assert_eq!(store.begin(1).unwrap(), Start { clean: false, window_before: 160 });
    assert_eq!(store.load(VbId(0)).unwrap().high.0, 5);
}

#[test]
fn what_an_engine_begins_with_is_persisted_though_nobody_waited_for_the_store() {
    let folder = temporary();
    let open = || Engine::open(EmbeddedStore::open(folder.path(), small(4)).unwrap()).unwrap();
    let logs = |engine: &Engine| [0, 1, 2, 3].map(|vb| engine.failover_log(VbId(vb)).unwrap());
    let close = |engine: Engine| {
        engine.shutdown();
        let report = engine.quiesce_blocking(Duration::from_secs(60)).expect("nobody stalls");
        assert!(report.clean, "{report:?}");
    };
    let engine = open();
    let first = logs(&engine);
    close(engine);
    let engine = open();
    assert_eq!(logs(&engine), first);
    close(engine);
}

#[test]
fn a_folder_that_lacks_something_is_damaged() {
    for lost in [
        "head",
        "synced",
        "db",
        "db/version",
        "db/keyspaces",
        "db/keyspaces/2",
        "db/keyspaces/1/current",
    ] {
        let folder = temporary();
        let store = begun(&folder, small(1));
        commit(&store, 0, 1..=5).unwrap();
        store.close().unwrap();
        drop(store);
        let path = folder.path().join(lost);
        match path.is_dir() {
            true => fs::remove_dir_all(&path).unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
        let e = refused(folder.path(), small(1));
        assert_eq!(e.kind(), ErrorKind::Corrupt, "without {lost}: {e}");
    }
}

#[test]
fn a_run_that_was_cut_off_in_its_first_or_last_moment_counts_as_open() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    store.close().unwrap();
    drop(store);
    let closed = fs::read(folder.path().join("head")).unwrap();
    drop(begun(&folder, small(1)));
    let open = fs::read(folder.path().join("head")).unwrap();
    for (first, second, clean) in
        [(&open, &closed, false), (&closed, &open, false), (&closed, &closed, true)]
    {
        let head = [&first[..512], &second[..512]].concat();
        fs::write(folder.path().join("head"), head).unwrap();
        let start = EmbeddedStore::open(folder.path(), small(1)).unwrap().begin(1).unwrap();
        assert_eq!(start, Start { clean, window_before: 1 });
    }
    for lost in [0, 512] {
        let mut head = open.clone();
        head[lost..lost + 512].fill(0xFF);
        fs::write(folder.path().join("head"), head).unwrap();
        let start = EmbeddedStore::open(folder.path(), small(1)).unwrap().begin(1).unwrap();
        assert_eq!(start, Start { clean: false, window_before: 1 });
    }
}

#[test]
fn a_folder_is_the_same_for_as_long_as_it_is_there() {
    let folder = temporary();
    let open = || EmbeddedStore::open(folder.path(), small(1)).unwrap();
    let path = folder.path().join("head");
    let first = open().identity().expect("it has one");
    assert_eq!(open().identity(), Some(first), "before anything was written");
    let store = open();
    store.begin(1).unwrap();
    commit(&store, 0, 1..=5).unwrap();
    store.close().unwrap();
    drop(store);
    assert_eq!(open().identity(), Some(first), "after a run");
    let head = fs::read(&path).unwrap();
    for at in [0, 512].map(|block| block + IDENTITY_AT) {
        let mut damaged = head.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert_eq!(open().identity(), Some(first), "one of two is enough");
    }
    fs::write(&path, &head).unwrap();
    assert_ne!(EmbeddedStore::open(temporary().path(), small(1)).unwrap().identity(), Some(first));
}

#[test]
fn a_folder_of_an_earlier_version_is_given_an_identity_once() {
    let folder = temporary();
    drop(begun(&folder, small(1)));
    let path = folder.path().join("head");
    let mut head = fs::read(&path).unwrap();
    for block in head.chunks_mut(512) {
        block[IDENTITY_AT..].fill(0);
    }
    fs::write(&path, head).unwrap();
    let given = begun(&folder, small(1)).identity();
    assert!(given.is_some());
    assert_eq!(begun(&folder, small(1)).identity(), given);
}

/// Where a block of `head` has it.
const IDENTITY_AT: usize = 33;

#[test]
fn begin_is_called_once() {
    let folder = temporary();
    let store = begun(&folder, small(1));
    assert_eq!(store.begin(1).unwrap_err().kind(), ErrorKind::Misuse);
}
