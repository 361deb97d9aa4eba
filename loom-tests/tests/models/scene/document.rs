//! Documents, and what a reader of a log sees.

use millstream::log::{Doc, Log, Opened, ReadTo};
use millstream::types::{Cas, DocMeta, Seqno};
use millstream_reclaim::Pin;
use std::ops::ControlFlow;

/// A version of `key` whose value is its seqno.
pub(crate) fn doc(seqno: Seqno, key: &str) -> Doc {
    let meta = DocMeta::alive(seqno, Cas(seqno.0));
    Doc::new(meta, key.as_bytes(), &seqno.0.to_be_bytes())
}

/// Opens a snapshot from `from` on and reads it: its end and its seqnos. `None` when the reader has fallen behind.
pub(crate) fn seqnos(log: &Log, from: u64, pin: &Pin<'_>) -> Option<(u64, Vec<u64>)> {
    let end = match log.open(Seqno(from), u64::MAX, Seqno::MAX, pin) {
        Opened::Empty => return Some((from - 1, Vec::new())),
        Opened::Behind(floor) => {
            assert!(floor.0 > from, "behind means behind");
            return None;
        }
        Opened::Upto(end) => end,
    };
    let mut found = Vec::new();
    let read = log.read(Seqno(from), end, pin, |doc| {
        assert_eq!(doc.value(), doc.meta.seqno.0.to_be_bytes(), "a whole document");
        found.push(doc.meta.seqno.0);
        ControlFlow::Continue(())
    });
    match read {
        ReadTo::Next(next) => {
            assert_eq!(next, end.next(), "read to its end");
            Some((end.0, found))
        }
        ReadTo::Behind(_) => None,
    }
}
