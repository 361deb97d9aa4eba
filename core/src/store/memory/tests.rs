//! What only the memory store can tell about itself: how much it holds.

use super::MemoryStore;
use super::vbucket::Vbucket;
use crate::Result;
use crate::store::suite::{self, Maker, Size};
use crate::store::{Batch, Durability, Record, Start, Store, VbBatch};
use crate::types::{Cas, Datatype, DocKind, DocMeta, RevSeqno, Seqno, VbId};
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
    assert!(report.is_kept(), "{report}");
    println!("{report}");
}

#[test]
fn agrees_with_the_model() {
    let tally = suite::random(&mut Memory, 38_521, Size { sequences: 400, steps: 80 });
    println!("{:?}", tally.unwrap());
}
