//! A running engine's vbuckets fail over, go back to an earlier seqno and forget old tombstones, on both stores.

use millstream::collections::Key;
use millstream::engine::{Engine, EngineSettings};
use millstream::error::ErrorKind;
use millstream::partition::{Change, Decision, Found, UpdateError, Written};
use millstream::store::{EmbeddedOptions, EmbeddedStore, MemoryStore, Store};
use millstream::types::{CollectionId, Seqno, VbId, VbState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const VB: VbId = VbId(1);
const LONG: Duration = Duration::from_secs(60);

fn engine(store: impl Store) -> Engine {
    let mut settings = EngineSettings::default();
    // Nothing is purged unless a test says so, however long it takes.
    settings.purge_after = None;
    Engine::builder(store).settings(settings).open().expect("an engine")
}

fn embedded(folder: &tempfile::TempDir) -> Engine {
    engine(EmbeddedStore::open(folder.path(), EmbeddedOptions::new(2)).expect("a store"))
}

/// Runs a test on both stores.
fn on_both(test: fn(&Engine)) {
    let folder = tempfile::tempdir().expect("a folder");
    for engine in [engine(MemoryStore::new(2)), embedded(&folder)] {
        test(&engine);
        close(engine);
    }
}

fn close(engine: Engine) {
    engine.shutdown();
    let report = engine.quiesce_blocking(LONG).expect("it ends");
    assert!(report.clean && report.held == 0, "{report:?}");
}

fn write(engine: &Engine, key: &str, change: Change<'_>) -> Written {
    try_write(engine, key, change).expect("written")
}

fn try_write(
    engine: &Engine,
    key: &str,
    change: Change<'_>,
) -> Result<Written, UpdateError<&'static str>> {
    let decide = |_: Option<Found<'_>>| Decision::Write(change.clone());
    engine.session("test").update(VB, key.as_bytes(), None, decide)
}

fn set(engine: &Engine, key: &str) -> Written {
    write(engine, key, Change::set(&b"value"[..]))
}

fn delete(engine: &Engine, key: &str) -> Written {
    write(engine, key, Change::delete(engine.unix_seconds()))
}

/// Whether a key can be read: by the index, and by the store if it is not in memory.
fn reads(engine: &Engine, key: &str) -> bool {
    let mut session = engine.session("test");
    let alive = |found: Option<Found<'_>>| found.is_some_and(|found| found.meta.kind.is_alive());
    match session.look(VB, key.as_bytes(), alive) {
        Ok(alive) => alive,
        Err(_) => session.fetch(VB, key.as_bytes()).expect("the store answers").is_some(),
    }
}

/// Blocks until everything that was written is persisted.
fn settle(engine: &Engine) {
    let high = engine.vbucket(VB).expect("it exists").high;
    assert!(block_on(engine.persisted(VB, high)));
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

fn high(engine: &Engine) -> Seqno {
    engine.vbucket(VB).expect("it exists").high
}

#[test]
fn a_failover_begins_a_branch_where_the_history_is() {
    on_both(|engine| {
        for n in 0..7 {
            set(engine, &format!("key {n}"));
        }
        let before = engine.failover_log(VB).expect("it exists");
        let entry = engine.fail_over(VB).expect("it exists");
        assert_eq!(entry.seqno, Seqno(7));
        let log = engine.failover_log(VB).expect("it exists");
        assert_eq!((log[0], &log[1..]), (entry, &before[..]));
        assert_eq!(set(engine, "next").seqno, Seqno(8), "no seqno is lost");
        engine.set_vbucket_state(VB, VbState::Dead).expect("set");
        assert_eq!(engine.fail_over(VB).expect("it exists").seqno, Seqno(8));
        assert_eq!(engine.vbucket(VB).expect("it exists").state, VbState::Active);
        let missing = engine.fail_over(VbId(9)).expect_err("there is no such vbucket");
        assert_eq!(missing.kind(), ErrorKind::Misuse);
    });
}

#[test]
fn the_failover_log_has_25_entries_at_most() {
    on_both(|engine| {
        for _ in 0..40 {
            set(engine, "key");
            engine.fail_over(VB).expect("it exists");
        }
        let log = engine.failover_log(VB).expect("it exists");
        let seqnos: Vec<u64> = log.iter().map(|entry| entry.seqno.0).collect();
        assert_eq!(seqnos, (16..=40).rev().collect::<Vec<_>>(), "the oldest went");
    });
}

#[test]
fn what_lies_above_a_rollback_vanishes() {
    on_both(|engine| {
        for n in 1..=20 {
            set(engine, &format!("key {n}"));
        }
        settle(engine);
        let old = engine.failover_log(VB).expect("it exists");
        let branch = engine.roll_back(VB, Seqno(12)).expect("everything of that time is kept");
        assert_eq!(branch.seqno, Seqno(12));
        let log = engine.failover_log(VB).expect("it exists");
        assert_eq!((log[0], &log[1..]), (branch, &old[..]));
        let stats = engine.vbucket(VB).expect("it exists");
        assert_eq!((stats.high, stats.persisted), (Seqno(12), Seqno(12)));
        assert_eq!((stats.items, stats.state), (12, VbState::Active));
        assert!((1..=12).all(|n| reads(engine, &format!("key {n}"))));
        assert!((13..=20).all(|n| !reads(engine, &format!("key {n}"))));
        let next = set(engine, "key 20").seqno;
        assert!(next > Seqno(20), "{next} was given out before");
        assert_eq!(engine.vbucket(VB).expect("it exists").items, 13);
        let nothing = engine.roll_back(VB, next).expect_err("nothing lies above");
        assert_eq!(nothing.kind(), ErrorKind::Misuse);
    });
}

/// Who waits for a write that a rollback took back is told so, and not that later seqnos are persisted.
#[test]
fn who_waits_for_what_is_taken_back_is_told() {
    on_both(|engine| {
        let all: Vec<Seqno> = (1..=5).map(|n| set(engine, &format!("key {n}")).seqno).collect();
        settle(engine);
        let wait = |n: usize| engine.persisted(VB, all[n]);
        let (kept, gone) = (wait(2), wait(3));
        let both = engine.persisted_all(vec![(VB, all[2]), (VB, all[4])]);
        let branch = engine.roll_back(VB, all[2]).expect("everything of that time is kept");
        assert_eq!(branch.seqno, all[2]);
        assert!(block_on(kept), "it is there");
        assert!(!block_on(gone), "it is gone");
        assert!(!block_on(both), "one of them is gone");
        let next = set(engine, "key 6").seqno;
        assert!(block_on(engine.persisted(VB, next)));
        assert!(!block_on(wait(4)), "for ever");
    });
}

/// What is in memory only counts as well: no more than up to the seqno is persisted before the store goes back, so that
/// a version that was replaced since is the newest again.
#[test]
fn a_version_that_is_only_in_memory_comes_back() {
    on_both(|engine| {
        for n in 0..200 {
            engine.roll_back(VB, Seqno::ZERO).ok();
            let first = set(engine, "key").seqno;
            let second = write(engine, "key", Change::set(&b"newer"[..])).seqno;
            match engine.roll_back(VB, first) {
                Ok(branch) => {
                    assert_eq!(branch.seqno, first, "round {n}");
                    assert!(reads(engine, "key"));
                    assert_eq!(high(engine), first);
                    return;
                }
                // The flusher was faster: then the store has only the newer one, and says so.
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains(&format!("{second} is the lowest")), "{text}");
                    assert_eq!(high(engine), second, "nothing changed");
                    assert!(set(engine, "other").seqno > second, "it takes writes as before");
                }
            }
        }
        panic!("the flusher was always faster");
    });
}

#[test]
fn a_rollback_says_how_far_back_is_possible() {
    on_both(|engine| {
        set(engine, "a");
        let replaced = set(engine, "b").seqno;
        settle(engine);
        let second = set(engine, "b").seqno;
        set(engine, "c");
        settle(engine);
        let error = engine.roll_back(VB, replaced).expect_err("the first version of b is gone");
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains(&format!("{second} is the lowest seqno")), "{error}");
        let stats = engine.vbucket(VB).expect("it exists");
        assert_eq!((stats.items, stats.state), (3, VbState::Active), "nothing changed");
        assert!(set(engine, "d").seqno.0 > 4, "it takes writes again");
        assert_eq!(engine.roll_back(VB, second).expect("it is kept").seqno, second);
        assert_eq!(engine.roll_back(VB, Seqno::ZERO).expect("always").seqno, Seqno::ZERO);
        assert_eq!(engine.vbucket(VB).expect("it exists").items, 0);
        assert!(!reads(engine, "a"));
    });
}

#[test]
fn collections_go_back_with_their_vbucket() {
    on_both(|engine| {
        engine.create_collection("_default", "old", 0).expect("made");
        let old = engine.manifest().collections().last().expect("it was made").id;
        let put = |id: CollectionId, name: &[u8]| {
            let decide = |_: Option<Found<'_>>| -> Decision<'_, ()> {
                Decision::Write(Change::set(&b"value"[..]))
            };
            engine.session("test").update(VB, Key::new(id, name), None, decide).map(|it| it.seqno)
        };
        let kept = put(old, b"kept").expect("written");
        put(old, b"lost").expect("written");
        engine.create_collection("_default", "new", 0).expect("made");
        let new = engine.manifest().collections().last().expect("it was made").id;
        put(new, b"lost").expect("written");
        settle(engine);
        engine.roll_back(VB, kept).expect("everything of that time is kept");
        let of = |id| engine.high_seqnos_of(Some(id))[usize::from(VB.0)].2;
        assert_eq!(of(old), kept, "the collection's high seqno");
        // The bucket has the collection still, so the vbucket is told of it again, on the new branch.
        let created = of(new);
        assert!(created > kept, "{created}");
        assert_eq!(high(engine), created.max(high(engine)));
        assert_eq!(engine.vbucket(VB).expect("it exists").items, 1);
        assert!(put(new, b"again").expect("the collection is there") > created);
    });
}

#[test]
fn states_and_branches_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = embedded(&folder);
    for n in 1..=6 {
        set(&engine, &format!("key {n}"));
    }
    settle(&engine);
    let branch = engine.roll_back(VB, Seqno(4)).expect("kept");
    let given_out = set(&engine, "key 7").seqno;
    engine.set_vbucket_state(VbId(0), VbState::Replica).expect("set");
    assert!(block_on(engine.state_persisted(VbId(0))));
    close(engine);
    let engine = embedded(&folder);
    assert_eq!(engine.failover_log(VB).expect("it exists")[0], branch);
    assert_eq!(engine.vbucket(VbId(0)).expect("it exists").state, VbState::Replica);
    assert_eq!(high(&engine), given_out);
    assert!(set(&engine, "key 8").seqno > given_out);
    assert_eq!(engine.vbucket(VB).expect("it exists").items, 6);
    close(engine);
}

/// Writers, failovers and rollbacks of one vbucket at the same time: who was told that a write succeeded before the
/// last rollback began may have lost it; what was written afterwards is there.
#[test]
fn writers_race_rollbacks_and_failovers() {
    on_both(|engine| {
        let stop = AtomicBool::new(false);
        let mut rollbacks = 0;
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let stop = &stop;
                scope.spawn(move || {
                    let mut last = Seqno::ZERO;
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        match try_write(engine, &format!("{writer} {n}"), Change::set(&b"v"[..])) {
                            Ok(written) => {
                                assert!(written.seqno > last, "no seqno is given out twice");
                                last = written.seqno;
                            }
                            Err(UpdateError::NotActive | UpdateError::Busy) => {
                                std::thread::yield_now();
                            }
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                });
            }
            // Until both sides had their share, however slow the machine.
            for round in 0.. {
                if rollbacks >= 20 {
                    break;
                }
                match round % 4 {
                    0 => drop(engine.fail_over(VB).expect("nothing else holds it")),
                    1 => {
                        engine.set_vbucket_state(VB, VbState::Replica).expect("set");
                        engine.set_vbucket_state(VB, VbState::Active).expect("set");
                    }
                    _ => {
                        let to = Seqno(high(engine).0.saturating_sub(5));
                        // Each key is written once, so nothing is ever replaced.
                        rollbacks += usize::from(engine.roll_back(VB, to).is_ok());
                    }
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        let (at, items) = (high(engine), engine.vbucket(VB).expect("it exists").items);
        let after = set(engine, "after").seqno;
        assert!(after > at && reads(engine, "after"));
        settle(engine);
        assert_eq!(engine.vbucket(VB).expect("it exists").items, items + 1);
        println!("history: {rollbacks} rollbacks beside writers, {items} documents");
    });
}

#[test]
fn purged_keys_leave_the_index() {
    on_both(|engine| {
        for n in 0..500 {
            set(engine, &format!("key {n:04}"));
        }
        let full = engine.vbucket(VB).expect("it exists").index_bytes;
        for n in 0..500 {
            delete(engine, &format!("key {n:04}"));
        }
        settle(engine);
        assert_eq!(engine.purge(VB, Duration::from_secs(3600)).expect("purged"), 0, "too young");
        assert_eq!(engine.purge(VB, Duration::ZERO).expect("purged"), 499, "the newest stays");
        let stats = engine.vbucket(VB).expect("it exists");
        assert_eq!((stats.high, stats.purge), (Seqno(1000), Seqno(999)));
        assert_eq!(engine.stats().purged, 499);
        let known = |key: &str| {
            let found = |found: Option<Found<'_>>| found.is_some();
            engine
                .session("test")
                .look(VB, key.as_bytes(), found)
                .expect("tombstones have no value")
        };
        assert!(known("key 0499"), "the newest");
        let _ = full;
    });
}

/// Documents that come and go for ever take no memory for ever: neither the log nor the index.
#[test]
fn memory_does_not_grow_with_deleted_keys() {
    let mut settings = EngineSettings::default();
    (settings.purge_after, settings.window_items) = (None, 256);
    settings.memory_bytes = 1 << 20;
    let engine = Engine::builder(MemoryStore::new(2)).settings(settings).open().expect("an engine");
    let mut after_round = Vec::new();
    for round in 0..6 {
        for n in 0..2_000 {
            let key = format!("round {round} key {n}");
            for change in [Change::set(&b"value"[..]), Change::delete(1)] {
                loop {
                    // Made before the try, so that no commit falls between.
                    let flushed = engine.flushed();
                    let Err(error) = try_write(&engine, &key, change.clone()) else { break };
                    assert_eq!(error, UpdateError::Busy);
                    block_on(flushed);
                }
            }
        }
        settle(&engine);
        engine.purge(VB, Duration::ZERO).expect("purged");
        after_round.push(engine.vbucket(VB).expect("it exists").index_bytes);
    }
    // What is still in the log's window stays until it leaves it, so much and no more.
    let window = 2 * 256 * 200;
    assert!(after_round.iter().all(|bytes| *bytes < window), "{after_round:?}");
    assert_eq!(high(&engine), Seqno(24_000));
    println!("history: index bytes after each round of 2000 keys that went: {after_round:?}");
    close(engine);
}

/// Keys that are looked for in vain leave nothing in the index.
#[test]
fn misses_take_no_memory() {
    let engine = engine(MemoryStore::new(2));
    for n in 0..100 {
        let refused = engine.session("test").update(VB, format!("{n}").as_bytes(), None, |found| {
            assert!(found.is_none());
            Decision::<&str>::Refuse("there is nothing to replace")
        });
        assert_eq!(refused, Err(UpdateError::Refused("there is nothing to replace")));
    }
    assert_eq!(engine.vbucket(VB).expect("it exists").index_bytes, 0);
    close(engine);
}

/// A purge beside writers of the same keys: what was written is found, however the two fall.
#[test]
fn writers_race_purges() {
    let mut settings = EngineSettings::default();
    (settings.purge_after, settings.window_items) = (None, 64);
    let engine = Engine::builder(MemoryStore::new(2)).settings(settings).open().expect("an engine");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let purger = scope.spawn(|| {
            let mut purged = 0;
            while !stop.load(Ordering::Relaxed) {
                purged += engine.purge(VB, Duration::ZERO).expect("purged");
            }
            purged
        });
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let engine = &engine;
                scope.spawn(move || {
                    for n in 0..4_000_u64 {
                        let key = format!("{writer} {}", n % 7);
                        let change = match n / 7 % 2 {
                            0 => Change::set(n.to_string().into_bytes()),
                            _ => Change::delete(1),
                        };
                        let alive = change.kind.is_alive();
                        loop {
                            let flushed = engine.flushed();
                            let Err(error) = try_write(engine, &key, change.clone()) else { break };
                            assert_eq!(error, UpdateError::Busy);
                            block_on(flushed);
                        }
                        assert_eq!(reads(engine, &key), alive, "{key} after write {n}");
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().expect("no assertion failed"));
        stop.store(true, Ordering::Relaxed);
        let purged = purger.join().expect("no assertion failed");
        println!("history: {purged} tombstones purged beside 8000 writes");
        assert!(purged > 0);
    });
    close(engine);
}
