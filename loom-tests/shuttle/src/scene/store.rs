//! A memory store with a past: what was committed before the engine opened is no longer in memory, and is backfilled.

use bytes::Bytes;
use millstream::store::MemoryStore;
use millstream::testing::store as testing;
use millstream::types::Seqno;

/// How many vbuckets it has.
pub(crate) const VBUCKETS: u16 = 2;
/// Documents of each vbucket that only the store has.
pub(crate) const STORED: Seqno = Seqno(3);

/// The last seqno of each vbucket where everything is to be streamed.
pub(crate) const GOAL: Seqno = Seqno(STORED.0 + 2);

/// See the module.
pub(crate) fn with_past() -> MemoryStore {
    let document = |seqno| (Bytes::from(format!("\0old{seqno}")), Bytes::from_static(b"stored"));
    testing::with_past(u32::from(VBUCKETS), STORED.0, document)
}
