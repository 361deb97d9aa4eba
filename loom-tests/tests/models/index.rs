//! The newest version of one key: exposed whole, replaced by one writer at a time, evicted under its readers' eyes.

use crate::scene::{Room, doc, pinned, seqnos};
use millstream::log::{Log, LogSettings};
use millstream::model::{Key, Version, trim};
use millstream::types::{Cas, Seqno};
use millstream_models::Model;
use millstream_reclaim::Pin;
use std::sync::Arc;

fn log() -> Arc<Log> {
    Arc::new(Log::new(LogSettings { last: Seqno::ZERO, window_items: 4 }))
}

/// One attempt to write a version of a key: its seqno, if no other writer was faster and it is not locked.
fn write(log: &Log, key: &Key, pin: &Pin<'_>) -> Option<u64> {
    let seen = key.load(pin);
    if seen.is_gone() || seen.lock().is_some() {
        return None;
    }
    let at = log.reserve(pin).expect("there is room");
    let seqno = at.seqno();
    key.publish(seen, at, doc(seqno, "k"), pin).is_ok().then_some(seqno.0)
}

/// A version that is found by key is whole, before it is published in the log.
#[test]
fn exposed_is_whole() {
    Model::new("index::exposed_is_whole", 2).floor(37).check(|| {
        let room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let reader = pinned(room.reader("reader"), {
            let key = Arc::clone(&key);
            move |pin| match key.load(pin).version() {
                Version::Warm(doc) => {
                    assert_eq!((doc.meta.seqno, doc.key()), (Seqno(1), &b"k"[..]))
                }
                Version::Absent => {}
                Version::Cold(_) => unreachable!("nothing is trimmed"),
            }
        });
        let mut writer = room.reader("writer");
        assert_eq!(write(&log, &key, &writer.pin()), Some(1));
        let ((), reader) = reader.join().unwrap();
        drop((reader, writer));
        assert_eq!(room.finish(), 0);
    });
}

/// Two writers of one key: what one replaced the other did not.
#[test]
fn two_writers() {
    let model = Model::new("index::two_writers", 2).bound(3).floor(270);
    model.deep(None, 270).check(|| {
        let room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let other = pinned(room.reader("other"), {
            let (log, key) = (Arc::clone(&log), Arc::clone(&key));
            move |pin| write(&log, &key, pin)
        });
        let mut writer = room.reader("writer");
        let ours = write(&log, &key, &writer.pin());
        let (theirs, other) = other.join().unwrap();
        let written: Vec<u64> = [ours, theirs].into_iter().flatten().collect();
        let newest = match key.load(&writer.pin()).version() {
            Version::Warm(doc) => doc.meta.seqno.0,
            _ => unreachable!("one of them wrote"),
        };
        assert!(written.contains(&newest));
        assert_eq!(seqnos(&log, 1, &writer.pin()), Some((2, vec![newest])), "the newest alone");
        drop((other, writer));
        assert_eq!(room.finish(), 0);
    });
}

/// Reading by key while the version is evicted and its memory reclaimed: in memory or not, it is whole.
#[test]
fn chill_vs_read() {
    Model::new("index::chill_vs_read", 2).floor(680).check(|| {
        let mut room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let mut trimmer = room.reader("trimmer");
        assert_eq!(write(&log, &key, &trimmer.pin()), Some(1));
        let reader = pinned(room.reader("reader"), {
            let key = Arc::clone(&key);
            move |pin| match key.load(pin).version() {
                Version::Warm(doc) => assert_eq!(doc.meta.seqno, Seqno(1)),
                Version::Cold(meta) => assert_eq!(meta.seqno, Seqno(1)),
                Version::Absent => unreachable!("it was written"),
            }
        });
        assert!(trim(&log, Seqno(1), &trimmer.pin(), |_| Some(&*key)) > 0, "one segment is full");
        room.reaper.reap();
        let ((), reader) = reader.join().unwrap();
        drop((trimmer, reader, key));
        assert_eq!(room.finish(), 1, "the segment, once");
    });
}

/// A key that was deleted is taken out of the index while somebody writes it: the write is in a cell that is found, or
/// the writer learns that it has to look for another.
#[test]
fn expel_vs_write() {
    Model::new("index::expel_vs_write", 2).floor(18).check(|| {
        let room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let mut purger = room.reader("purger");
        assert_eq!(write(&log, &key, &purger.pin()), Some(1));
        assert!(trim(&log, Seqno(1), &purger.pin(), |_| Some(&*key)) > 0, "out of memory");
        let writer = pinned(room.reader("writer"), {
            let (log, key) = (Arc::clone(&log), Arc::clone(&key));
            move |pin| write(&log, &key, pin)
        });
        let expelled = key.expel(Seqno(1), &purger.pin());
        let (written, writer) = writer.join().unwrap();
        assert_eq!(expelled, written.is_none(), "one of the two");
        match key.load(&purger.pin()).version() {
            Version::Warm(doc) => assert_eq!(Some(doc.meta.seqno.0), written),
            Version::Absent => assert!(expelled && key.is_gone()),
            Version::Cold(_) => unreachable!("one of the two replaced it"),
        }
        assert!(!key.expel(Seqno(1), &purger.pin()), "once");
        drop((purger, writer, key));
        room.finish();
    });
}

/// The same with a key that has no version.
#[test]
fn expel_absent_vs_write() {
    Model::new("index::expel_absent_vs_write", 2).floor(18).check(|| {
        let room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let mut purger = room.reader("purger");
        let writer = pinned(room.reader("writer"), {
            let (log, key) = (Arc::clone(&log), Arc::clone(&key));
            move |pin| write(&log, &key, pin)
        });
        let expelled = key.expel(Seqno(1), &purger.pin());
        let (written, writer) = writer.join().unwrap();
        assert!(!(expelled && written.is_some()), "a version in a cell that nobody finds");
        assert!(expelled || written.is_some(), "one of the two");
        drop((purger, writer, key));
        room.finish();
    });
}

/// A version is locked while somebody writes the key: the lock is over what was seen, and nobody writes over it.
#[test]
fn lock_vs_write() {
    Model::new("index::lock_vs_write", 2).floor(16).check(|| {
        let room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let mut locker = room.reader("locker");
        assert_eq!(write(&log, &key, &locker.pin()), Some(1));
        let writer = pinned(room.reader("writer"), {
            let (log, key) = (Arc::clone(&log), Arc::clone(&key));
            move |pin| write(&log, &key, pin)
        });
        let (locked, over) = {
            let pin = locker.pin();
            let seen = key.load(&pin);
            let Version::Warm(doc) = seen.version() else { unreachable!("it was written") };
            (key.lock(seen, Cas(7), &pin), doc.meta.seqno)
        };
        let (written, writer) = writer.join().unwrap();
        assert!(locked || written.is_some(), "one of the two");
        let lost = locked && written.is_some_and(|seqno| Seqno(seqno) != over);
        assert!(!lost, "a lock over a version that was replaced");
        {
            let pin = locker.pin();
            let now = key.load(&pin);
            let Version::Warm(newest) = now.version() else { unreachable!("it was written") };
            assert_eq!(now.lock(), locked.then_some(Cas(7)));
            assert!(!locked || newest.meta.seqno == over, "written over a lock");
        }
        drop((locker, writer, key));
        room.finish();
    });
}

/// Who writes with one lock's token does not write over another lock that took its place.
#[test]
fn a_lock_is_no_other_lock() {
    Model::new("index::a_lock_is_no_other_lock", 2).floor(70).check(|| {
        let room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let mut locker = room.reader("locker");
        assert_eq!(write(&log, &key, &locker.pin()), Some(1));
        {
            let pin = locker.pin();
            assert!(key.lock(key.load(&pin), Cas(7), &pin));
        }
        let holder = pinned(room.reader("holder"), {
            let (log, key) = (Arc::clone(&log), Arc::clone(&key));
            move |pin| {
                let seen = key.load(pin);
                if seen.lock() != Some(Cas(7)) {
                    return false;
                }
                let at = log.reserve(pin).expect("there is room");
                let seqno = at.seqno();
                key.publish(seen, at, doc(seqno, "k"), pin).is_ok()
            }
        });
        let relocked = {
            let pin = locker.pin();
            let seen = key.load(&pin);
            seen.lock().is_some()
                && key.unlock(seen, &pin)
                && key.lock(key.load(&pin), Cas(8), &pin)
        };
        let (written, holder) = holder.join().unwrap();
        assert_ne!(relocked, written, "one of the two");
        assert_eq!(key.load(&locker.pin()).lock(), relocked.then_some(Cas(8)));
        drop((locker, holder, key));
        room.finish();
    });
}

/// A version is locked while it is evicted: it is out of memory afterwards, with its lock.
#[test]
fn chill_vs_lock() {
    Model::new("index::chill_vs_lock", 2).floor(2_200).check(|| {
        let mut room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let mut trimmer = room.reader("trimmer");
        assert_eq!(write(&log, &key, &trimmer.pin()), Some(1));
        let locker = pinned(room.reader("locker"), {
            let key = Arc::clone(&key);
            move |pin| key.lock(key.load(pin), Cas(7), pin)
        });
        assert!(trim(&log, Seqno(1), &trimmer.pin(), |_| Some(&*key)) > 0, "one segment is full");
        room.reaper.reap();
        let (locked, locker) = locker.join().unwrap();
        {
            let pin = trimmer.pin();
            let now = key.load(&pin);
            assert!(matches!(now.version(), Version::Cold(meta) if meta.seqno == Seqno(1)));
            assert_eq!(now.lock(), locked.then_some(Cas(7)));
        }
        drop((trimmer, locker, key));
        assert_eq!(room.finish(), 1, "the segment, once");
    });
}
