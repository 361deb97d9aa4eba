//! Tests of the embedded store: the contract, its folder, what it keeps, and what it does about damage.

mod contract;
mod damage;
mod entries;
mod folder;
mod layout;
mod leftovers;
mod making;

use super::{EmbeddedOptions, EmbeddedStore};
use crate::Result;
use crate::store::suite::Maker;
use crate::store::{Batch, Durability, Record, Store, VbBatch};
use crate::types::{Cas, Datatype, DocKind, DocMeta, RevSeqno, Seqno, VbId};
use std::path::Path;
use tempfile::TempDir;

/// Keeps each store in a temporary folder, and removes the one before.
struct Folders {
    folder: Option<TempDir>,
    options: EmbeddedOptions,
}

impl Folders {
    fn new() -> Self {
        Self { folder: None, options: small(1) }
    }

    fn open(&self) -> Result<Box<dyn Store>> {
        let folder = self.folder.as_ref().expect("a store was made");
        Ok(Box::new(EmbeddedStore::open(folder.path(), self.options.clone())?))
    }
}

impl Maker for Folders {
    fn make(&mut self, vbuckets: u32) -> Result<Box<dyn Store>> {
        self.options.vbuckets = vbuckets;
        self.folder = Some(temporary());
        self.open()
    }

    fn reopen(&mut self, store: Box<dyn Store>) -> Option<Result<Box<dyn Store>>> {
        drop(store);
        Some(self.open())
    }
}

/// A temporary folder, in memory where the system has such a place: a disk's syncs are most of what these tests wait
/// for, and none of them cuts the power.
fn temporary() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.expect("a temporary folder can be made")
}

/// Options that suit a small store.
fn small(vbuckets: u32) -> EmbeddedOptions {
    EmbeddedOptions { cache_bytes: 1 << 20, threads: 1, ..EmbeddedOptions::new(vbuckets) }
}

const ALL: std::ops::RangeInclusive<Seqno> = Seqno(0)..=Seqno::MAX;

/// A store with a run begun.
fn begun(folder: &TempDir, options: EmbeddedOptions) -> EmbeddedStore {
    let store = EmbeddedStore::open(folder.path(), options).unwrap();
    store.begin(1).unwrap();
    store
}

/// A document.
fn doc(seqno: u64, key: &str) -> Record {
    let meta = DocMeta {
        seqno: Seqno(seqno),
        cas: Cas(0x0102_0304_0506_0708),
        rev: RevSeqno(9),
        flags: 0xA0B0_C0D0,
        expiry: 5,
        datatype: Datatype::JSON,
        kind: DocKind::Alive,
    };
    Record { meta, key: key.to_owned().into(), value: "{}".into() }
}

/// Commits documents to one vbucket.
fn commit(store: &EmbeddedStore, vb: u16, seqnos: std::ops::RangeInclusive<u64>) -> Result<()> {
    let high = Seqno(*seqnos.end());
    let records = seqnos.map(|seqno| doc(seqno, &format!("k{}", seqno % 10))).collect();
    let part = VbBatch {
        vb: VbId(vb),
        records,
        high,
        replaced_within: false,
        state: None,
        failover: None,
    };
    store.commit(&Batch { vbs: vec![part] }, Durability::Synced)
}
