//! A memory store with a past: what was committed before the engine opened is no longer in memory, and is backfilled.

use bytes::Bytes;
use millstream::store::{Batch, Durability, MemoryStore, Record, Store, VbBatch};
use millstream::types::{Cas, Datatype, DocKind, DocMeta, RevSeqno, Seqno, VbId, VbState};

/// How many vbuckets it has.
pub(crate) const VBUCKETS: u16 = 2;
/// Documents of each vbucket that only the store has.
pub(crate) const STORED: Seqno = Seqno(3);

/// The last seqno of each vbucket where everything is to be streamed.
pub(crate) const GOAL: Seqno = Seqno(STORED.0 + 2);

/// See the module.
pub(crate) fn with_past() -> MemoryStore {
    let store = MemoryStore::new(u32::from(VBUCKETS));
    store.begin(8).expect("a new store begins");
    let vbs = (0..VBUCKETS).map(|vb| VbBatch {
        vb: VbId(vb),
        records: (1..=STORED.0).map(|n| record(Seqno(n))).collect(),
        high: STORED,
        state: Some(VbState::Active),
        failover: None,
    });
    let batch = Batch { vbs: vbs.collect() };
    store.commit(&batch, Durability::Synced).expect("it takes what is in order");
    store.close().expect("it was begun");
    store
}

fn record(seqno: Seqno) -> Record {
    let meta = DocMeta {
        seqno,
        cas: Cas(seqno.0),
        rev: RevSeqno(1),
        flags: 0,
        expiry: 0,
        datatype: Datatype::RAW,
        kind: DocKind::Alive,
    };
    Record { meta, key: Bytes::from(format!("\0old{seqno}")), value: Bytes::from_static(b"stored") }
}
