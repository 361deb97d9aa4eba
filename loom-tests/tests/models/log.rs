//! The log: what is published is complete, what was committed stays readable, seqnos are given out once, and a
//! snapshot never shows two versions of a key, whatever the trimmer does meanwhile.

use crate::scene::{Room, doc, pinned, seqnos};
use loom::thread;
use millstream::log::{Log, LogSettings, Tail, TailError};
use millstream::model::{Key, Version, trim};
use millstream::types::Seqno;
use millstream_models::Model;
use millstream_reclaim::Pin;
use std::sync::Arc;

/// An empty log of two segments of two slots each; the first is half used, since seqnos begin at 1.
fn log() -> Arc<Log> {
    Arc::new(Log::new(LogSettings { last: Seqno::ZERO, window_items: 4 }))
}

/// Writes a version of a key; for one writer at a time. Its seqno, and whether it found the last version in memory.
fn write(log: &Log, key: &Key, pin: &Pin<'_>) -> (u64, bool) {
    loop {
        let seen = key.load(pin);
        let warm = matches!(seen.version(), Version::Warm(_));
        let at = log.reserve(pin).expect("there is room");
        let seqno = at.seqno();
        // Only the trimmer can have been faster; the seqno is void then.
        if key.publish(seen, at, doc(seqno, "k"), pin).is_ok() {
            return (seqno.0, warm);
        }
    }
}

/// A document that is seen, by seqno or by key, is complete, and its segment was set up before.
#[test]
fn publish_visible() {
    let model = Model::new("log::publish_visible", 3).bound(3).floor(3500);
    model.deep(Some(4), 3500).check(|| {
        let room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let writer = pinned(room.reader("writer"), {
            let (log, key) = (Arc::clone(&log), Arc::clone(&key));
            move |pin| assert_eq!(write(&log, &key, pin), (1, false))
        });
        let by_key = pinned(room.reader("by key"), move |pin| {
            if let Version::Warm(doc) = key.load(pin).version() {
                assert_eq!((doc.meta.seqno, doc.key()), (Seqno(1), &b"k"[..]));
            }
        });
        let mut reader = room.reader("by seqno");
        let (end, found) = seqnos(&log, 1, &reader.pin()).expect("nothing is trimmed");
        assert_eq!(found.len() as u64, end, "no hole");
        let readers = (writer.join().unwrap().1, by_key.join().unwrap().1);
        assert_eq!(seqnos(&log, 1, &reader.pin()), Some((1, vec![1])));
        drop((readers, reader));
        assert_eq!(room.finish(), 0);
    });
}

/// Two documents of one segment: their bodies lie apart, whoever makes the memory for them.
#[test]
fn two_bodies() {
    Model::new("log::two_bodies", 2).bound(3).floor(670).check(|| {
        let room = Room::new();
        let log = log();
        let mut ours = room.reader("ours");
        // The first slot of the second segment is the next.
        log.reserve(&ours.pin()).expect("room").publish(doc(Seqno(1), "k"));
        let publish = |log: &Log, pin: &Pin<'_>| {
            let at = log.reserve(pin).expect("room");
            let seqno = at.seqno();
            at.publish(doc(seqno, "k"));
        };
        let theirs = pinned(room.reader("theirs"), {
            let log = Arc::clone(&log);
            move |pin| publish(&log, pin)
        });
        publish(&log, &ours.pin());
        let ((), theirs) = theirs.join().unwrap();
        assert_eq!(seqnos(&log, 1, &ours.pin()), Some((3, vec![1, 2, 3])), "each is whole");
        drop((theirs, ours, log));
        assert_eq!(room.finish(), 0);
    });
}

/// The same in a chunk that is there already: a version that was not exposed left its body in it.
#[test]
fn two_bodies_of_a_chunk() {
    Model::new("log::two_bodies_of_a_chunk", 2).floor(4).check(|| {
        let room = Room::new();
        let (log, key) = (log(), Key::new());
        let mut ours = room.reader("ours");
        let pin = ours.pin();
        let seen = key.load(&pin);
        assert_eq!(write(&log, &key, &pin), (1, false));
        let at = log.reserve(&pin).expect("room");
        let at = key.publish(seen, at, doc(Seqno(2), "k"), &pin).expect_err("it was written since");
        let theirs = pinned(room.reader("theirs"), {
            let log = Arc::clone(&log);
            move |pin| log.reserve(pin).expect("room").publish(doc(Seqno(3), "k"))
        });
        at.publish(doc(Seqno(2), "k"));
        let ((), theirs) = theirs.join().unwrap();
        assert_eq!(seqnos(&log, 2, &pin), Some((3, vec![2, 3])), "each is whole");
        drop(pin);
        drop((theirs, ours, log, key));
        assert_eq!(room.finish(), 0);
    });
}

/// A reader that trusts the committed mark of another finds what that one saw.
#[test]
fn committed_hint() {
    let model = Model::new("log::committed_hint", 3).bound(3).floor(3500);
    model.deep(Some(4), 3500).check(|| {
        let room = Room::new();
        let log = log();
        let writer = pinned(room.reader("writer"), {
            let log = Arc::clone(&log);
            move |pin| log.reserve(pin).expect("room").publish(doc(Seqno(1), "k"))
        });
        let marker = pinned(room.reader("marker"), {
            let log = Arc::clone(&log);
            move |pin| log.high(pin)
        });
        let mut reader = room.reader("reader");
        let (end, found) = seqnos(&log, 1, &reader.pin()).expect("nothing is trimmed");
        assert_eq!(found.len() as u64, end, "no hole");
        let readers = (writer.join().unwrap().1, marker.join().unwrap().1);
        assert_eq!(log.high(&reader.pin()), Seqno(1));
        drop((readers, reader));
        assert_eq!(room.finish(), 0);
    });
}

/// Seqnos are given out once each and in one row, over the end of a segment, and the one void keeps its place.
#[test]
fn reserve() {
    let model = Model::new("log::reserve", 3).bound(3).floor(15300);
    model.deep(Some(4), 15300).check(|| {
        let room = Room::new();
        let log = log();
        let publisher = pinned(room.reader("publisher"), {
            let log = Arc::clone(&log);
            move |pin| {
                let at = log.reserve(pin).expect("room");
                let seqno = at.seqno();
                at.publish(doc(seqno, "k"));
                seqno.0
            }
        });
        let voider = pinned(room.reader("voider"), {
            let log = Arc::clone(&log);
            move |pin| {
                let at = log.reserve(pin).expect("room");
                let seqno = at.seqno();
                at.void();
                seqno.0
            }
        });
        let mut reader = room.reader("reader");
        let (end, found) = seqnos(&log, 1, &reader.pin()).expect("nothing is trimmed");
        assert!(end <= 2 && found.len() <= 1);
        let ((published, first), (voided, second)) =
            (publisher.join().unwrap(), voider.join().unwrap());
        assert_eq!(published + voided, 3, "1 and 2");
        assert_eq!(seqnos(&log, 1, &reader.pin()), Some((2, vec![published])));
        drop((first, second, reader));
        assert_eq!(room.finish(), 0);
    });
}

/// After `seal` no seqno above the one that it returned is given out, until `unseal`.
#[test]
fn seal_fixes_last() {
    Model::new("log::seal_fixes_last", 3).floor(1100).check(|| {
        let tail = Arc::new(Tail::new(Seqno::ZERO));
        let reservers = [(); 2].map(|()| {
            let tail = Arc::clone(&tail);
            thread::spawn(move || tail.reserve(1, || u64::MAX >> 1))
        });
        let last = tail.seal();
        let sealed = tail.reserve(1, || u64::MAX >> 1);
        assert_eq!(sealed, Err(TailError::Sealed(last)), "it stays the last");
        let mut given = 0;
        for reserver in reservers {
            match reserver.join().unwrap() {
                Ok(reserved) => {
                    given += 1;
                    assert!(reserved.first <= last, "given out before the seal");
                }
                Err(refused) => assert_eq!(refused, TailError::Sealed(last)),
            }
        }
        assert_eq!(Seqno(given), last);
        tail.unseal();
        assert_eq!(tail.reserve(1, || u64::MAX >> 1).unwrap().first, last.next());
    });
}

/// A log that is sealed while somebody writes and somebody reads: the seqno that the seal names is the last that is ever
/// published, and readers come to it.
#[test]
fn seal_vs_publish() {
    let model = Model::new("log::seal_vs_publish", 3).bound(3).floor(340);
    model.deep(Some(4), 340).check(|| {
        let room = Room::new();
        let log = log();
        let writer = pinned(room.reader("writer"), {
            let log = Arc::clone(&log);
            move |pin| match log.reserve(pin) {
                Ok(at) => at.publish(doc(Seqno(1), "k")),
                Err(refused) => assert_eq!(refused, TailError::Sealed(Seqno::ZERO)),
            }
        });
        let reader = pinned(room.reader("reader"), {
            let log = Arc::clone(&log);
            move |pin| seqnos(&log, 1, pin).expect("nothing is trimmed")
        });
        let last = log.seal();
        let ((), writer) = writer.join().unwrap();
        let ((end, found), mut reader) = reader.join().unwrap();
        assert!(end <= last.0 && found.len() as u64 == end, "nothing beyond the seal, no hole");
        assert_eq!(log.high(&reader.pin()), last, "all that was given out is published");
        assert!(log.is_sealed());
        drop((writer, reader));
        assert_eq!(room.finish(), 0);
    });
}

/// After `close` no seqno above the one that it returned is ever given out, whoever seals and unseals meanwhile.
#[test]
fn close_outlasts_unseal() {
    Model::new("log::close_outlasts_unseal", 3).floor(16700).check(|| {
        let tail = Arc::new(Tail::new(Seqno::ZERO));
        let bound = || u64::MAX >> 2;
        let changer = thread::spawn({
            let tail = Arc::clone(&tail);
            move || {
                tail.seal();
                tail.unseal();
                tail.reserve(1, bound)
            }
        });
        let reserver = thread::spawn({
            let tail = Arc::clone(&tail);
            move || tail.reserve(1, bound)
        });
        let last = tail.close();
        assert_eq!(tail.reserve(1, bound), Err(TailError::Sealed(last)), "it stays the last");
        let outcomes = [changer.join().unwrap(), reserver.join().unwrap()];
        let given = outcomes.iter().flatten().inspect(|reserved| assert!(reserved.first <= last));
        assert_eq!(Seqno(given.count() as u64), last, "what was given out is what was told");
        tail.unseal();
        assert!(tail.is_sealed());
        assert_eq!(tail.reserve(1, bound), Err(TailError::Sealed(last)), "for ever");
    });
}

/// A log that is held gives out nothing, whatever becomes of the seal meanwhile, until it is let go.
#[test]
fn hold_outlasts_seals() {
    Model::new("log::hold_outlasts_seals", 3).floor(8500).check(|| {
        let tail = Arc::new(Tail::new(Seqno::ZERO));
        let bound = || u64::MAX >> 3;
        let sealer = thread::spawn({
            let tail = Arc::clone(&tail);
            move || {
                tail.seal();
                tail.unseal();
            }
        });
        let reserver = thread::spawn({
            let tail = Arc::clone(&tail);
            move || tail.reserve(1, bound)
        });
        let last = tail.hold();
        assert_eq!(tail.reserve(1, bound), Err(TailError::Sealed(last)));
        sealer.join().unwrap();
        assert_eq!(tail.reserve(1, bound), Err(TailError::Sealed(last)));
        match reserver.join().unwrap() {
            Ok(reserved) => assert_eq!(reserved.first, last, "given out before it was held"),
            Err(refused) => assert!(matches!(refused, TailError::Sealed(_)), "{refused:?}"),
        }
        tail.let_go();
        assert_eq!(tail.reserve(1, bound).unwrap().first, last.next());
    });
}

/// A snapshot that holds two versions of a key shows the newer one only.
#[test]
fn superseded_before_publish() {
    let model = Model::new("log::superseded_before_publish", 3).bound(3).floor(900);
    model.deep(None, 900).check(|| {
        let room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let mut reader = room.reader("reader");
        assert_eq!(write(&log, &key, &reader.pin()), (1, false));
        let writer = pinned(room.reader("writer"), {
            let (log, key) = (Arc::clone(&log), Arc::clone(&key));
            move |pin| assert_eq!(write(&log, &key, pin), (2, true))
        });
        let marker = pinned(room.reader("marker"), {
            let log = Arc::clone(&log);
            move |pin| log.high(pin)
        });
        let (end, found) = seqnos(&log, 1, &reader.pin()).expect("nothing is trimmed");
        assert_eq!(found, [end], "each key once");
        let readers = (writer.join().unwrap().1, marker.join().unwrap().1);
        assert_eq!(seqnos(&log, 1, &reader.pin()), Some((2, vec![2])));
        drop((readers, reader, key));
        assert_eq!(room.finish(), 0);
    });
}

/// A writer replaces a version while the trimmer evicts it and a reader opens a snapshot: the reader never sees both
/// versions, and never one whose memory is gone (the end of a slot is a write, see `log/segment.rs`).
#[test]
fn trim_vs_read() {
    let model = Model::new("log::trim_vs_read", 3).bound(3).floor(28200);
    model.deep(Some(4), 28200).check(|| {
        let room = Room::new();
        let (log, key) = (log(), Arc::new(Key::new()));
        let mut trimmer = room.reader("trimmer");
        assert_eq!(write(&log, &key, &trimmer.pin()), (1, false));
        let writer = pinned(room.reader("writer"), {
            let (log, key) = (Arc::clone(&log), Arc::clone(&key));
            move |pin| write(&log, &key, pin).0
        });
        let reader = pinned(room.reader("reader"), {
            let log = Arc::clone(&log);
            move |pin| {
                if let Some((_, found)) = seqnos(&log, 1, pin) {
                    assert_eq!(found.len(), 1, "one version of the key, not {found:?}");
                }
            }
        });
        assert!(trim(&log, Seqno(1), &trimmer.pin(), |_| Some(&*key)) > 0, "one segment is full");
        let (last, writer) = writer.join().unwrap();
        let ((), mut reader) = reader.join().unwrap();
        assert_eq!(seqnos(&log, 1, &reader.pin()), None, "behind");
        assert_eq!(seqnos(&log, 2, &reader.pin()), Some((last, vec![last])));
        drop((trimmer, reader, writer, key));
        assert_eq!(room.finish(), 1, "the segment, once");
    });
}

/// The end of the committed prefix, asked for while what a reader had counted from is trimmed.
#[test]
fn advance_vs_trim() {
    Model::new("log::advance_vs_trim", 2).floor(1800).check(|| {
        let room = Room::new();
        let log = log();
        let mut trimmer = room.reader("trimmer");
        for n in 1..=3 {
            log.reserve(&trimmer.pin()).expect("room").publish(doc(Seqno(n), "k"));
        }
        let reader = pinned(room.reader("reader"), {
            let log = Arc::clone(&log);
            move |pin| {
                assert_eq!(log.high(pin), Seqno(3));
                assert_eq!(seqnos(&log, 2, pin), Some((3, vec![2, 3])));
            }
        });
        assert_eq!(log.high(&trimmer.pin()), Seqno(3));
        trim(&log, Seqno(1), &trimmer.pin(), |_| None);
        let ((), reader) = reader.join().unwrap();
        drop((trimmer, reader));
        assert_eq!(room.finish(), 1);
    });
}

/// A cell of the ring is used again only when its old segment is gone.
#[test]
fn ring_reuse() {
    let model = Model::new("log::ring_reuse", 3).bound(3).floor(4300);
    model.deep(Some(4), 4300).check(|| {
        let room = Room::new();
        let log = log();
        let mut trimmer = room.reader("trimmer");
        for n in 1..=3 {
            log.reserve(&trimmer.pin()).expect("room").publish(doc(Seqno(n), "k"));
        }
        let writer = pinned(room.reader("writer"), {
            let log = Arc::clone(&log);
            move |pin| match log.reserve(pin) {
                Ok(at) => {
                    assert_eq!(at.seqno(), Seqno(4));
                    at.publish(doc(Seqno(4), "k"));
                    true
                }
                Err(refused) => {
                    assert_eq!(refused, TailError::Full);
                    false
                }
            }
        });
        let reader = pinned(room.reader("reader"), {
            let log = Arc::clone(&log);
            move |pin| seqnos(&log, 2, pin).expect("the second segment stays")
        });
        trim(&log, Seqno(1), &trimmer.pin(), |_| None);
        let (written, writer) = writer.join().unwrap();
        let ((end, found), reader) = reader.join().unwrap();
        assert_eq!(found, (2..=end).collect::<Vec<_>>(), "no hole");
        let last = if written { 4 } else { 3 };
        let all = seqnos(&log, 2, &trimmer.pin());
        assert_eq!(all, Some((last, (2..=last).collect())));
        drop((trimmer, writer, reader));
        assert_eq!(room.finish(), 1);
    });
}
