//! What every store refuses before it touches anything: the rules of the contract about its arguments.

use super::contract::{Batch, VbBatch};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{FAILOVER_ENTRIES_MAX, STORED_KEY_BYTES_MAX, VALUE_BYTES_MAX, VBUCKETS_MAX};
use crate::types::{FailoverEntry, Seqno, VbId};
use std::collections::HashSet;

/// Checks the number of vbuckets that a store is to be made for.
pub(super) fn check_vbuckets(vbuckets: u32) -> Result<()> {
    if (1..=VBUCKETS_MAX).contains(&vbuckets) {
        return Ok(());
    }
    Err(misuse(format!("a store has 1 to {VBUCKETS_MAX} vbuckets, not {vbuckets}")))
}

/// Checks that a vbucket exists.
pub(super) fn check_vb(vb: VbId, vbuckets: u32) -> Result<()> {
    if u32::from(vb.get()) < vbuckets {
        return Ok(());
    }
    Err(misuse(format!("vb {vb} does not exist: the store has {vbuckets} vbuckets")))
}

/// Checks a batch against itself and against what was committed before, of which `high_of` knows the highest
/// seqno of a vbucket.
pub(super) fn check_batch(
    batch: &Batch,
    vbuckets: u32,
    high_of: impl Fn(VbId) -> Seqno,
) -> Result<()> {
    let mut seen = HashSet::with_capacity_and_hasher(batch.vbs.len(), SeenHasher::default());
    for part in &batch.vbs {
        check_vb(part.vb, vbuckets)?;
        if !seen.insert(part.vb) {
            return Err(misuse(format!("a batch names vb {} twice", part.vb)));
        }
        check_part(part, high_of(part.vb))?;
    }
    Ok(())
}

/// Checks a failover log: newest first, short enough, every branch named.
pub(super) fn check_failover(vb: VbId, log: &[FailoverEntry]) -> Result<()> {
    if log.len() > FAILOVER_ENTRIES_MAX {
        let len = log.len();
        return Err(misuse(format!(
            "the failover log of vb {vb} has {len} entries, more than {FAILOVER_ENTRIES_MAX}"
        )));
    }
    if log.iter().any(|entry| entry.uuid.get() == 0) {
        return Err(misuse(format!("the failover log of vb {vb} has an entry with uuid 0")));
    }
    if log.windows(2).any(|pair| pair[0].seqno < pair[1].seqno) {
        return Err(misuse(format!("the failover log of vb {vb} is not sorted, newest first")));
    }
    Ok(())
}

/// The failover log of a vbucket that was asked to go back with `log` and came to `reached`.
pub(super) fn failover_at(log: &[FailoverEntry], reached: Seqno) -> Vec<FailoverEntry> {
    let (newest, older) = match log.split_first() {
        Some((newest, older)) => (newest, older),
        None => return Vec::new(),
    };
    let mut kept = vec![FailoverEntry { uuid: newest.uuid, seqno: reached }];
    kept.extend(older.iter().filter(|entry| entry.seqno <= reached));
    kept
}

/// Checks the log that a rollback is to write; its first entry's seqno counts for nothing.
pub(super) fn check_rollback(vb: VbId, to: Seqno, log: &[FailoverEntry]) -> Result<()> {
    if log.is_empty() {
        return Err(misuse(format!("a rollback of vb {vb} came without a failover log")));
    }
    check_failover(vb, &failover_at(log, to))?;
    check_failover(vb, &log[1..])
}

/// The error of a call that the contract forbids.
pub(super) fn misuse(what: String) -> Error {
    Error::new(ErrorKind::Misuse, what)
}

/// The error of a write to a store that no run has begun, or that was closed.
pub(super) fn check_running(begun: bool, closed: bool) -> Result<()> {
    match (begun, closed) {
        (_, true) => Err(Error::new(ErrorKind::Closed, "the store is closed")),
        (false, false) => Err(misuse("a store takes no writes before `begin`".to_owned())),
        (true, false) => Ok(()),
    }
}

/// The error of a scan whose vbucket was rolled back or reset.
pub(super) fn scan_ended(vb: VbId) -> Error {
    Error::new(ErrorKind::Closed, format!("vb {vb} was rolled back or reset during a scan"))
}

type SeenHasher = foldhash::fast::RandomState;

fn check_part(part: &VbBatch, committed: Seqno) -> Result<()> {
    let vb = part.vb;
    let mut last = committed;
    let mut keys = HashSet::with_capacity_and_hasher(part.records.len(), SeenHasher::default());
    for record in &part.records {
        let seqno = record.meta.seqno;
        if seqno <= last {
            return Err(misuse(format!("vb {vb}: seqno {seqno} was committed after {last}")));
        }
        last = seqno;
        if record.key.len() > STORED_KEY_BYTES_MAX {
            let len = record.key.len();
            return Err(misuse(format!(
                "vb {vb}, seqno {seqno}: a key of {len} bytes, more than {STORED_KEY_BYTES_MAX}"
            )));
        }
        if record.value.len() > VALUE_BYTES_MAX {
            let len = record.value.len();
            return Err(misuse(format!(
                "vb {vb}, seqno {seqno}: a value of {len} bytes, more than {VALUE_BYTES_MAX}"
            )));
        }
        if !keys.insert(&record.key[..]) {
            return Err(misuse(format!(
                "vb {vb}, seqno {seqno}: the batch has another version of its key"
            )));
        }
    }
    if part.high == Seqno::MAX {
        return Err(misuse(format!("vb {vb}: a batch settles the seqno that no write ever gets")));
    }
    if part.high < last {
        let high = part.high;
        return Err(misuse(format!("vb {vb}: a batch settles {high}, but {last} is committed")));
    }
    check_failover(vb, part.failover.as_deref().unwrap_or_default())
}
