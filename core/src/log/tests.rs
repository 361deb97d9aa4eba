//! The log alone: seqnos, the committed prefix, de-duplication, trimming, and all of it at once.

use super::{Doc, Log, LogSettings, Opened, ReadTo, TailError};
use crate::types::{Cas, DocMeta, Seqno};
use core::ops::ControlFlow;
use millstream_reclaim::{Domain, DomainConfig, Pin};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

fn doc(seqno: Seqno, key: &str) -> Doc {
    let meta = DocMeta::alive(seqno, Cas(seqno.0));
    Doc::new(meta, key.as_bytes(), b"value")
}

fn log(window_items: u64) -> Log {
    Log::new(LogSettings { last: Seqno::ZERO, window_items })
}

fn write(log: &Log, key: &str, pin: &Pin<'_>) -> Seqno {
    let reservation = log.reserve(pin).expect("room");
    let seqno = reservation.seqno();
    reservation.publish(doc(seqno, key));
    seqno
}

fn read_all(log: &Log, from: u64, to: u64, pin: &Pin<'_>) -> (Vec<u64>, ReadTo) {
    let mut seen = Vec::new();
    let read = log.read(Seqno(from), Seqno(to), pin, |doc| {
        seen.push(doc.meta.seqno.0);
        ControlFlow::Continue(())
    });
    (seen, read)
}

#[test]
fn a_reader_stops_before_what_is_not_published() {
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    let (log, mut reader) = (log(1024), domain.reader("test"));
    let pin = reader.pin();
    write(&log, "a", &pin);
    let late = log.reserve(&pin).expect("room");
    write(&log, "c", &pin);
    assert_eq!(log.high(&pin), Seqno(1), "2 is not there, so 3 is not seen");
    assert_eq!(log.open(Seqno(2), 10, Seqno::MAX, &pin), Opened::Empty);
    late.publish(doc(Seqno(2), "b"));
    assert_eq!(log.open(Seqno(1), 10, Seqno::MAX, &pin), Opened::Upto(Seqno(3)));
    assert_eq!(read_all(&log, 1, 3, &pin), (vec![1, 2, 3], ReadTo::Next(Seqno(4))));
}

#[test]
fn a_dropped_reservation_is_void_and_stops_nobody() {
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    let (log, mut reader) = (log(1024), domain.reader("test"));
    let pin = reader.pin();
    drop(log.reserve(&pin).expect("room"));
    write(&log, "b", &pin);
    drop(log.reserve(&pin).expect("room"));
    assert_eq!(log.open(Seqno(1), 10, Seqno::MAX, &pin), Opened::Upto(Seqno(3)));
    assert_eq!(read_all(&log, 1, 3, &pin).0, vec![2]);
    assert_eq!(log.last_document(Seqno(1), Seqno(3), &pin, |_| true), Ok(Some(Seqno(2))));
    assert_eq!(log.last_document(Seqno(3), Seqno(3), &pin, |_| true), Ok(None), "only void");
}

#[test]
fn a_version_is_skipped_only_where_its_successor_is_in_the_snapshot() {
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    let (log, mut reader) = (log(1024), domain.reader("test"));
    let pin = reader.pin();
    write(&log, "k", &pin);
    let first = log.reserve(&pin).expect("room");
    drop(first);
    let newer = log.reserve(&pin).expect("room");
    let third = doc(Seqno(3), "k");
    let taken = newer.publish_if((third.meta, third.key(), third.value()), |_| {
        log.slot_for_test(Seqno(1), &pin).supersede(Seqno(1), Seqno(3));
        true
    });
    assert!(taken.is_ok(), "the offer was taken");
    assert_eq!(read_all(&log, 1, 3, &pin).0, vec![3], "both are in it: the newer one");
    assert_eq!(read_all(&log, 1, 2, &pin).0, vec![1], "it ends before the newer one");
}

#[test]
fn sealing_fixes_the_last_seqno() {
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    let (log, mut reader) = (log(1024), domain.reader("test"));
    let pin = reader.pin();
    write(&log, "a", &pin);
    assert_eq!(log.seal(), Seqno(1));
    assert_eq!(log.reserve(&pin).err(), Some(TailError::Sealed(Seqno(1))));
    assert_eq!(log.seal(), Seqno(1), "twice is once");
    log.unseal();
    assert_eq!(write(&log, "b", &pin), Seqno(2));
}

#[test]
fn bodies_of_all_sizes_stay_whole_and_are_counted() {
    let (domain, _reaper) = Domain::new(DomainConfig::default());
    let log = log(256);
    let mut reader = domain.reader("test");
    let pin = reader.pin();
    let sizes = [0, 1, 100, 4095, 4096, 70_000, 3, 9000, 250];
    let value = |seqno: u64| vec![seqno as u8; sizes[seqno as usize % sizes.len()]];
    let mut written = 0;
    for seqno in 1..=150 {
        let reservation = log.reserve(&pin).unwrap();
        let body = value(seqno);
        written += 1 + body.len() as u64;
        reservation.publish(Doc::new(doc(Seqno(seqno), "k").meta, b"k", &body));
    }
    assert!(log.bytes() >= written, "{written} bytes are in it");
    assert!(log.bytes() <= written + written / 4 + 100_000, "{} for {written}", log.bytes());
    let mut next = 1;
    let read = log.read(Seqno(1), Seqno(150), &pin, |doc| {
        assert_eq!((doc.key(), doc.value()), (&b"k"[..], &value(next)[..]));
        next += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(read, ReadTo::Next(Seqno(151)));
    let freed = log.trim(Seqno(150), &pin, |_| false, |_, _| ());
    assert!(freed > written / 2, "the bodies go with their segments: {freed}");
}

#[test]
fn the_window_fills_and_trimming_makes_room() {
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let log = log(256);
    let mut reader = domain.reader("test");
    {
        let pin = reader.pin();
        let mut written = 0;
        let full = loop {
            match log.reserve(&pin) {
                Ok(reservation) => {
                    let seqno = reservation.seqno();
                    reservation.publish(doc(seqno, "k"));
                    written += 1;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(full, TailError::Full);
        assert!((192..=256).contains(&written), "{written} fit in a window of 256");
        assert_eq!(log.open(Seqno(1), 10, Seqno::MAX, &pin), Opened::Upto(Seqno(10)));
        let mut evicted = 0;
        let bytes = log.bytes();
        let freed = log.trim(Seqno(130), &pin, |_| false, |_, _| evicted += 1);
        assert_eq!(evicted, 127, "whole segments at or below 130: 1..=127");
        assert_eq!(log.floor(), Seqno(128));
        assert_eq!(log.bytes(), bytes - freed, "what was freed is not counted any more");
        assert_eq!(log.open(Seqno(1), 10, Seqno::MAX, &pin), Opened::Behind(Seqno(128)));
        assert_eq!(read_all(&log, 127, 130, &pin).1, ReadTo::Behind(Seqno(127)));
        assert_eq!(read_all(&log, 128, 130, &pin).0, vec![128, 129, 130]);
        assert!(log.reserve(&pin).is_ok(), "there is room again");
    }
    while reaper.reap().pending > 0 {}
    assert_eq!(domain.stats().destroyed_total, 2, "two segments, destroyed by the reaper");
}

#[test]
fn a_reach_is_never_exceeded() {
    for window in [1, 63, 64, 65, 200, 1000] {
        let (domain, _reaper) = Domain::new(DomainConfig::default());
        let mut reader = domain.reader("test");
        for start in [0, 1, 62, 63, 64, 100] {
            let log = Log::new(LogSettings { last: Seqno(start), window_items: window });
            let pin = reader.pin();
            let mut last = Seqno(start);
            while let Ok(reservation) = log.reserve(&pin) {
                last = reservation.seqno();
            }
            let ahead = last.0 - start;
            assert!(ahead <= Log::reach(window), "{ahead} ahead with a window of {window}");
            assert!(ahead >= window.min(64), "a window of {window} holds {ahead} from {start}");
        }
    }
}

/// Two writers, two readers, a trimmer: every seqno is seen once by each reader that keeps up, in order.
#[test]
#[expect(clippy::too_many_lines, reason = "three kinds of threads and what they agree on")]
fn writers_readers_and_a_trimmer_agree() {
    const WRITES: u64 = if cfg!(miri) { 500 } else { 40_000 };
    let (domain, mut reaper) = Domain::new(DomainConfig::default());
    let log = log(1024);
    let done = AtomicBool::new(false);
    let (mut gaps, mut seen_in_all) = (0_u64, 0_u64);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut reader = domain.reader("writer");
                for n in 0..WRITES {
                    loop {
                        let pin = reader.pin();
                        let Ok(reservation) = log.reserve(&pin) else {
                            std::thread::yield_now();
                            continue;
                        };
                        let seqno = reservation.seqno();
                        if n % 7 == 0 {
                            reservation.void();
                        } else {
                            reservation.publish(doc(seqno, &seqno.to_string()));
                        }
                        break;
                    }
                }
            });
        }
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut reader = domain.reader("reader");
                    let (mut next, mut seen, mut jumped) = (1_u64, HashSet::new(), 0);
                    while next <= 2 * WRITES {
                        let pin = reader.pin();
                        match log.open(Seqno(next), 100, Seqno::MAX, &pin) {
                            Opened::Empty => std::thread::yield_now(),
                            Opened::Behind(floor) => {
                                jumped += floor.0 - next;
                                next = floor.0;
                            }
                            Opened::Upto(end) => {
                                let mut last = next - 1;
                                let read = log.read(Seqno(next), end, &pin, |doc| {
                                    assert!(doc.meta.seqno.0 > last, "seqnos rise");
                                    last = doc.meta.seqno.0;
                                    assert_eq!(doc.key(), last.to_string().as_bytes());
                                    assert!(seen.insert(last), "seen once");
                                    ControlFlow::Continue(())
                                });
                                next = match read {
                                    ReadTo::Next(seqno) | ReadTo::Behind(seqno) => seqno.0,
                                };
                            }
                        }
                    }
                    (jumped, seen.len() as u64)
                })
            })
            .collect();
        let trimmer = scope.spawn(|| {
            let mut reader = domain.reader("trimmer");
            while !done.load(Ordering::Acquire) {
                let pin = reader.pin();
                let high = log.high(&pin);
                log.trim(Seqno(high.0.saturating_sub(300)), &pin, |_| false, |_, _| {});
                drop(pin);
                reaper.reap();
                std::thread::yield_now();
            }
        });
        for reader in readers {
            let (jumped, seen) = reader.join().expect("a reader's assertion");
            gaps += jumped;
            seen_in_all += seen;
        }
        done.store(true, Ordering::Release);
        trimmer.join().expect("the trimmer");
    });
    assert!(seen_in_all > 0, "the readers saw something");
    println!("log: {seen_in_all} documents read, {gaps} seqnos skipped by falling behind");
}
