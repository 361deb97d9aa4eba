//! The keys of the database's entries; [`layout.md`](super) draws them.

use crate::error::{Error, ErrorKind, Result};
use crate::types::{Seqno, VbId};
use bytes::Buf;

/// The generation of a vbucket's entries: it changes when the vbucket starts again from nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gen(pub(super) u32);

/// Bytes of `[vb][gen]`.
pub(super) const PREFIX_BYTES: usize = 6;
/// Bytes of `[vb][gen][seqno]`.
pub(super) const SEQ_KEY_BYTES: usize = PREFIX_BYTES + 8;

const TAG_COUNTERS: u8 = 1;
const TAG_FAILOVER: u8 = 2;
const TAG_DEAD: u8 = 3;
const TAG_COMMIT: u8 = 4;

/// `[vb][gen]`, with which every key of a vbucket's documents begins.
pub(super) fn prefix(vb: VbId, generation: Gen) -> [u8; PREFIX_BYTES] {
    let mut key = [0; PREFIX_BYTES];
    key[..2].copy_from_slice(&vb.get().to_be_bytes());
    key[2..].copy_from_slice(&generation.0.to_be_bytes());
    key
}

/// The key of one version in `seq` and `sup`.
pub(super) fn seq_key(vb: VbId, generation: Gen, seqno: Seqno) -> [u8; SEQ_KEY_BYTES] {
    let mut key = [0; SEQ_KEY_BYTES];
    key[..PREFIX_BYTES].copy_from_slice(&prefix(vb, generation));
    key[PREFIX_BYTES..].copy_from_slice(&seqno.get().to_be_bytes());
    key
}

/// The seqno in a key of `seq` or `sup`.
pub(super) fn seqno_of(key: &[u8]) -> Result<Seqno> {
    let tail = key.get(PREFIX_BYTES..).and_then(|tail| tail.try_into().ok());
    tail.map(|tail| Seqno(u64::from_be_bytes(tail)))
        .ok_or_else(|| damaged(format!("an entry's key has {} bytes", key.len())))
}

/// The key of a document in `key`.
pub(super) fn doc_key(vb: VbId, generation: Gen, key: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&prefix(vb, generation));
    out.extend_from_slice(key);
}

/// The key of a vbucket's counters in `meta`.
pub(super) fn counters_key(vb: VbId) -> [u8; 3] {
    tagged(TAG_COUNTERS, vb)
}

/// What all keys of [`counters_key`] begin with.
pub(super) const COUNTERS_PREFIX: [u8; 1] = [TAG_COUNTERS];

/// The key of a vbucket's failover log in `meta`.
pub(super) fn failover_key(vb: VbId) -> [u8; 3] {
    tagged(TAG_FAILOVER, vb)
}

/// The key in `meta` of a generation that is to be deleted.
pub(super) fn dead_key(vb: VbId, generation: Gen) -> [u8; 7] {
    let mut key = [TAG_DEAD; 7];
    key[1..].copy_from_slice(&prefix(vb, generation));
    key
}

/// What all keys of [`dead_key`] begin with.
pub(super) const DEAD_PREFIX: [u8; 1] = [TAG_DEAD];

/// The generation that a key of [`dead_key`] names.
pub(super) fn dead_of(key: &[u8]) -> Result<(VbId, Gen)> {
    let mut rest = key;
    if key.len() != 7 || rest.get_u8() != TAG_DEAD {
        return Err(damaged(format!("a dead generation's key has {} bytes", key.len())));
    }
    Ok((VbId(rest.get_u16()), Gen(rest.get_u32())))
}

/// The key of a commit's number in `meta`.
pub(super) fn commit_key(commit: u64) -> [u8; 9] {
    let mut key = [TAG_COMMIT; 9];
    key[1..].copy_from_slice(&commit.to_be_bytes());
    key
}

/// What all keys of [`commit_key`] begin with.
pub(super) const COMMIT_PREFIX: [u8; 1] = [TAG_COMMIT];

/// The number in a key of [`commit_key`].
pub(super) fn commit_of(key: &[u8]) -> Result<u64> {
    let number = key.get(1..).and_then(|number| number.try_into().ok());
    number
        .map(u64::from_be_bytes)
        .ok_or_else(|| damaged(format!("a commit's key has {} bytes", key.len())))
}

/// The error of stored bytes that are not what was written.
pub(super) fn damaged(what: String) -> Error {
    Error::new(ErrorKind::Corrupt, what)
}

/// Names an entry by the vbucket and seqno or key that its key holds.
pub(super) fn damaged_entry(db_key: &[u8]) -> Error {
    let what = match db_key {
        [a, b, _, _, _, _, seqno @ ..] if db_key.len() >= PREFIX_BYTES => {
            let vb = u16::from_be_bytes([*a, *b]);
            match <[u8; 8]>::try_from(seqno) {
                Ok(seqno) => format!("vb {vb}: entry {} is damaged", u64::from_be_bytes(seqno)),
                Err(_) => format!("vb {vb}: the entry of key {seqno:02x?} is damaged"),
            }
        }
        [_, a, b] => format!("vb {}: its counters are damaged", u16::from_be_bytes([*a, *b])),
        _ => format!("the entry {db_key:02x?} is damaged"),
    };
    damaged(what)
}

fn tagged(tag: u8, vb: VbId) -> [u8; 3] {
    let [high, low] = vb.get().to_be_bytes();
    [tag, high, low]
}
