//! The contract, and what only the memory store can tell about itself: how much it holds.

use super::MemoryStore;
use crate::Result;
use crate::store::suite::{self, Maker, Size};
use crate::store::{Batch, Durability, Record, SliceBudget, Start, Store, VbBatch};
use crate::types::{Cas, DocMeta, Seqno, VbId};
use bytes::Bytes;

struct Memory;

impl Maker for Memory {
    fn make(&mut self, vbuckets: u32) -> Result<Box<dyn Store>> {
        Ok(Box::new(MemoryStore::new(vbuckets)))
    }

    fn reopen(&mut self, _: Box<dyn Store>) -> Option<Result<Box<dyn Store>>> {
        None
    }
}

#[test]
fn keeps_the_contract() {
    let report = suite::run(&mut Memory);
    println!("{report}");
    assert!(report.is_kept(), "{report}");
}

#[test]
fn agrees_with_the_model() {
    let tally = suite::random(&mut Memory, 38_521, Size { sequences: 400, steps: 80 });
    println!("{:?}", tally.unwrap());
}

const VB: VbId = VbId(0);
const ALL: std::ops::RangeInclusive<Seqno> = Seqno(0)..=Seqno::MAX;

fn begun() -> MemoryStore {
    let store = MemoryStore::new(1);
    store.begin(1).unwrap();
    store
}

fn record(seqno: u64, key: &str, value: Bytes) -> Record {
    let meta = DocMeta::alive(Seqno(seqno), Cas(seqno));
    Record { meta, key: key.to_owned().into(), value }
}

fn commit(store: &MemoryStore, records: Vec<Record>) {
    let high = records.last().unwrap().meta.seqno;
    let part =
        VbBatch { vb: VB, records, high, replaced_within: false, state: None, failover: None };
    store.commit(&Batch { vbs: vec![part] }, Durability::Buffered).unwrap();
}

/// Writes 10 keys round after round, so that all but 10 versions are replaced.
fn rounds(store: &MemoryStore, rounds: std::ops::Range<u64>) {
    for n in rounds {
        let records = (0..10).map(|k| record(n * 10 + k + 1, &k.to_string(), Bytes::new()));
        commit(store, records.collect());
    }
}

#[test]
fn replaced_versions_go_at_once_without_scans() {
    let store = begun();
    rounds(&store, 0..100);
    assert_eq!(store.vb(VB).unwrap().versions(), (10, 0));
}

#[test]
fn a_scan_keeps_what_it_shows_and_nothing_else() {
    let store = begun();
    rounds(&store, 0..1);
    let mut scan = store.scan(VB, ALL).unwrap();
    rounds(&store, 1..100);
    assert_eq!(store.vb(VB).unwrap().versions(), (20, 10));
    let mut shown = Vec::new();
    scan.next(SliceBudget { bytes: usize::MAX, items: 4 }, &mut shown).unwrap();
    assert_eq!(store.vb(VB).unwrap().versions(), (16, 6), "what was read goes at once");
    drop(scan);
    assert_eq!(store.vb(VB).unwrap().versions(), (10, 0));
    assert!(!store.vb(VB).unwrap().has_scans());
}

#[test]
fn dropping_one_scan_keeps_what_another_shows() {
    let store = begun();
    rounds(&store, 0..1);
    let first = store.scan(VB, ALL).unwrap();
    rounds(&store, 1..2);
    let second = store.scan(VB, ALL).unwrap();
    rounds(&store, 2..50);
    assert_eq!(store.vb(VB).unwrap().versions(), (30, 20));
    drop(first);
    assert_eq!(store.vb(VB).unwrap().versions(), (20, 10));
    drop(second);
    assert_eq!(store.vb(VB).unwrap().versions(), (10, 0));
}

#[test]
fn a_scan_without_anything_to_read_keeps_nothing() {
    let store = begun();
    rounds(&store, 0..1);
    let scan = store.scan(VB, Seqno(11)..=Seqno::MAX).unwrap();
    rounds(&store, 1..9);
    assert_eq!(store.vb(VB).unwrap().versions(), (10, 0));
    drop(scan);
}

#[test]
fn a_document_does_not_hold_on_to_the_buffer_that_it_came_in() {
    let store = begun();
    let frame = Bytes::from(vec![7; 64 << 10]);
    commit(&store, vec![record(1, "k", frame.slice(10..20))]);
    assert!(frame.is_unique(), "the store holds a part of the frame");
    assert_eq!(store.get(VB, b"k").unwrap().unwrap().value, vec![7; 10]);
}

#[test]
fn the_next_run_on_the_same_store_knows_how_the_one_before_ended() {
    let store = MemoryStore::new(1);
    assert_eq!(store.begin(5).unwrap(), Start { clean: true, window_before: 0 });
    store.close().unwrap();
    assert_eq!(store.begin(6).unwrap(), Start { clean: true, window_before: 5 });
    assert_eq!(store.begin(7).unwrap(), Start { clean: false, window_before: 6 });
    rounds(&store, 0..1);
}

#[test]
#[should_panic(expected = "1 to 65536 vbuckets, not 0")]
fn a_store_without_vbuckets_is_refused() {
    let _ = MemoryStore::new(0);
}
