//! The values of the database's entries; [`layout.md`](super) draws them.

use super::keys::{Gen, counters_key, damaged_entry, failover_key, seqno_of};
use crate::error::Result;
use crate::limits::FAILOVER_ENTRIES_MAX;
use crate::store::contract::Record;
use crate::types::{
    Cas, Datatype, DocKind, DocMeta, FailoverEntry, RevSeqno, Seqno, VbId, VbState, VbUuid,
};
use bytes::{Buf, BufMut, Bytes};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What is kept of a vbucket besides its documents and its failover log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) change: u64,
    pub(super) generation: Gen,
    pub(super) state: VbState,
    pub(super) failover_entries: u8,
    pub(super) high: Seqno,
    pub(super) last: Seqno,
    pub(super) purge: Seqno,
    pub(super) horizon: Seqno,
    pub(super) cas_max: Cas,
    pub(super) items: u64,
    pub(super) keys: u64,
    pub(super) superseded: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            change: 0,
            generation: Gen(0),
            state: VbState::Active,
            failover_entries: 0,
            high: Seqno::ZERO,
            last: Seqno::ZERO,
            purge: Seqno::ZERO,
            horizon: Seqno::ZERO,
            cas_max: Cas::ZERO,
            items: 0,
            keys: 0,
            superseded: 0,
        }
    }
}

impl Counters {
    /// Counts a version in which became the newest of its key.
    pub(super) fn count_in(&mut self, meta: &DocMeta) {
        self.keys += 1;
        self.items += u64::from(meta.kind.is_alive());
    }

    /// Counts a version out which is no longer the newest of its key.
    pub(super) fn count_out(&mut self, meta: &DocMeta) {
        self.keys = self.keys.saturating_sub(1);
        self.items = self.items.saturating_sub(u64::from(meta.kind.is_alive()));
    }

    /// Tombstones among the newest versions.
    pub(super) fn tombstones(&self) -> u64 {
        self.keys.saturating_sub(self.items)
    }
}

const META_BYTES: usize = 26;
const CHECK_BYTES: usize = 4;
const COUNTERS_BYTES: usize = 8 + 4 + 1 + 1 + 8 * 8;

/// Encodes a version for `seq`.
pub(super) fn encode_record(db_key: &[u8], record: &Record, out: &mut Vec<u8>) {
    let key_bytes = u16::try_from(record.key.len()).expect("keys were checked against their limit");
    out.clear();
    put_meta(&record.meta, out);
    out.put_u16(key_bytes);
    out.extend_from_slice(&record.key);
    out.extend_from_slice(&record.value);
    seal(db_key, out);
}

/// Decodes a version from `seq`.
pub(super) fn decode_record(db_key: &[u8], stored: &[u8]) -> Result<Record> {
    let version = Version::parse(db_key, stored)?;
    let (key, value) = (version.key, version.value);
    let [key, value] = [key, value].map(Bytes::copy_from_slice);
    Ok(Record { meta: version.meta, key, value })
}

/// A version in `seq`, where it lies.
pub(super) struct Version<'a> {
    pub(super) meta: DocMeta,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
}

impl<'a> Version<'a> {
    pub(super) fn parse(db_key: &[u8], stored: &'a [u8]) -> Result<Self> {
        let seqno = seqno_of(db_key)?;
        let (meta, key, value) = parse_record(db_key, stored, seqno)?;
        Ok(Self { meta, key, value })
    }

    /// Key and value together, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

/// The meta data and key of a version from `seq`.
pub(super) fn decode_record_key<'a>(
    db_key: &[u8],
    stored: &'a [u8],
) -> Result<(DocMeta, &'a [u8])> {
    let seqno = seqno_of(db_key)?;
    let (meta, key, _) = parse_record(db_key, stored, seqno)?;
    Ok((meta, key))
}

/// Encodes the newest version of a key for `key`.
pub(super) fn encode_newest(db_key: &[u8], meta: &DocMeta, out: &mut Vec<u8>) {
    out.clear();
    out.put_u64(meta.seqno.get());
    put_meta(meta, out);
    seal(db_key, out);
}

/// Decodes an entry of `key`.
pub(super) fn decode_newest(db_key: &[u8], stored: &[u8]) -> Result<DocMeta> {
    let mut rest = unseal(db_key, stored)?;
    if rest.len() != 8 + META_BYTES {
        return Err(damaged_entry(db_key));
    }
    let seqno = Seqno(rest.get_u64());
    take_meta(&mut rest, seqno).ok_or_else(|| damaged_entry(db_key))
}

/// Encodes an entry of `sup`.
pub(super) fn encode_superseded(db_key: &[u8], new: Seqno) -> [u8; 8 + CHECK_BYTES] {
    let mut out = [0; 8 + CHECK_BYTES];
    out[..8].copy_from_slice(&new.get().to_be_bytes());
    let check = check_of(db_key, &out[..8]);
    out[8..].copy_from_slice(&check.to_be_bytes());
    out
}

/// Decodes an entry of `sup`: the seqno that took the place.
pub(super) fn decode_superseded(db_key: &[u8], stored: &[u8]) -> Result<Seqno> {
    let rest = unseal(db_key, stored)?;
    let number = rest.try_into().map_err(|_| damaged_entry(db_key))?;
    Ok(Seqno(u64::from_be_bytes(number)))
}

/// Encodes a vbucket's counters.
pub(super) fn encode_counters(vb: VbId, counters: &Counters, out: &mut Vec<u8>) {
    out.clear();
    out.put_u64(counters.change);
    out.put_u32(counters.generation.0);
    out.put_u8(counters.state as u8);
    out.put_u8(counters.failover_entries);
    for number in [
        counters.high.get(),
        counters.last.get(),
        counters.purge.get(),
        counters.horizon.get(),
        counters.cas_max.get(),
        counters.items,
        counters.keys,
        counters.superseded,
    ] {
        out.put_u64(number);
    }
    seal(&counters_key(vb), out);
}

/// Decodes a vbucket's counters.
pub(super) fn decode_counters(db_key: &[u8], stored: &[u8]) -> Result<(VbId, Counters)> {
    let mut rest = unseal(db_key, stored)?;
    if rest.len() != COUNTERS_BYTES || db_key.len() != 3 {
        return Err(damaged_entry(db_key));
    }
    let vb = VbId(u16::from_be_bytes([db_key[1], db_key[2]]));
    let counters = Counters {
        change: rest.get_u64(),
        generation: Gen(rest.get_u32()),
        state: VbState::from_u32(u32::from(rest.get_u8())).ok_or_else(|| damaged_entry(db_key))?,
        failover_entries: rest.get_u8(),
        high: Seqno(rest.get_u64()),
        last: Seqno(rest.get_u64()),
        purge: Seqno(rest.get_u64()),
        horizon: Seqno(rest.get_u64()),
        cas_max: Cas(rest.get_u64()),
        items: rest.get_u64(),
        keys: rest.get_u64(),
        superseded: rest.get_u64(),
    };
    Ok((vb, counters))
}

/// Encodes a failover log.
pub(super) fn encode_failover(vb: VbId, log: &[FailoverEntry], out: &mut Vec<u8>) {
    out.clear();
    for entry in log {
        out.put_u64(entry.uuid.get());
        out.put_u64(entry.seqno.get());
    }
    seal(&failover_key(vb), out);
}

/// Decodes a failover log of as many entries as the vbucket's counters say.
pub(super) fn decode_failover(vb: VbId, entries: u8, stored: &[u8]) -> Result<Vec<FailoverEntry>> {
    let db_key = failover_key(vb);
    let mut rest = unseal(&db_key, stored)?;
    let entries = usize::from(entries);
    if rest.len() != entries * 16 || entries > FAILOVER_ENTRIES_MAX {
        return Err(damaged_entry(&db_key));
    }
    let log = (0..entries)
        .map(|_| FailoverEntry { uuid: VbUuid(rest.get_u64()), seqno: Seqno(rest.get_u64()) });
    Ok(log.collect())
}

/// The value of an entry that says everything with its key.
pub(super) fn mark(db_key: &[u8]) -> [u8; CHECK_BYTES] {
    check_of(db_key, &[]).to_be_bytes()
}

/// Checks the value of [`mark`].
pub(super) fn check_mark(db_key: &[u8], stored: &[u8]) -> Result<()> {
    match unseal(db_key, stored)? {
        [] => Ok(()),
        _ => Err(damaged_entry(db_key)),
    }
}

fn parse_record<'a>(
    db_key: &[u8],
    stored: &'a [u8],
    seqno: Seqno,
) -> Result<(DocMeta, &'a [u8], &'a [u8])> {
    let mut rest = unseal(db_key, stored)?;
    if rest.len() < META_BYTES + 2 {
        return Err(damaged_entry(db_key));
    }
    let meta = take_meta(&mut rest, seqno).ok_or_else(|| damaged_entry(db_key))?;
    let key_bytes = usize::from(rest.get_u16());
    let (key, value) = rest.split_at_checked(key_bytes).ok_or_else(|| damaged_entry(db_key))?;
    Ok((meta, key, value))
}

fn put_meta(meta: &DocMeta, out: &mut Vec<u8>) {
    out.put_u64(meta.cas.get());
    out.put_u64(meta.rev.get());
    out.put_u32(meta.flags);
    out.put_u32(meta.expiry);
    out.put_u8(meta.datatype.0);
    out.put_u8(meta.kind as u8);
}

/// Reads what [`put_meta`] wrote; the caller has checked that it is there.
fn take_meta(from: &mut &[u8], seqno: Seqno) -> Option<DocMeta> {
    Some(DocMeta {
        seqno,
        cas: Cas(from.get_u64()),
        rev: RevSeqno(from.get_u64()),
        flags: from.get_u32(),
        expiry: from.get_u32(),
        datatype: Datatype(from.get_u8()),
        kind: DocKind::from_u8(from.get_u8())?,
    })
}

fn check_of(db_key: &[u8], value: &[u8]) -> u32 {
    // The low half: the hash's bits are all equally good.
    xxh3_64_with_seed(value, xxh3_64(db_key)) as u32
}

fn seal(db_key: &[u8], value: &mut Vec<u8>) {
    let check = check_of(db_key, value);
    value.put_u32(check);
}

fn unseal<'a>(db_key: &[u8], stored: &'a [u8]) -> Result<&'a [u8]> {
    let parts = stored.split_last_chunk::<CHECK_BYTES>();
    let (value, check) = parts.ok_or_else(|| damaged_entry(db_key))?;
    if u32::from_be_bytes(*check) == check_of(db_key, value) {
        return Ok(value);
    }
    Err(damaged_entry(db_key))
}
