//! Reading: what is kept of a vbucket, its keys, single documents.

use super::database::{by_seqno, pair, reading};
use super::faults::{fault, no_panic};
use super::keys::{PREFIX_BYTES, damaged, doc_key, prefix, seq_key};
use super::values::{decode_newest, decode_record};
use super::writer::Core;
use crate::error::Result;
use crate::store::contract::{Persisted, Record};
use crate::types::{DocMeta, Seqno, VbId};
use fjall::Readable;
use std::ops::Bound;

impl Core {
    /// What is kept of a vbucket, after a look at whether its history ends where it should.
    pub(super) fn load(&self, vb: VbId) -> Result<Persisted> {
        let vbucket = self.slot(vb)?.settled()?;
        let (snapshot, seq) = (self.database.snapshot(), &self.database.seq);
        let all = Seqno::ZERO..=Seqno::MAX;
        let last = by_seqno(&snapshot, seq, vb, vbucket.kept.generation, all).next_back();
        let last = last.map(|guard| pair(guard, &reading(vb))).transpose()?;
        vbucket.check_last(vb, last)?;
        Ok(vbucket.persisted())
    }

    /// Calls `each` with all keys, a page at a time.
    pub(super) fn keys(&self, vb: VbId, each: &mut dyn FnMut(&[u8], &DocMeta)) -> Result<()> {
        let generation = self.slot(vb)?.sound()?.kept.generation;
        let start = prefix(vb, generation);
        let mut page: Vec<(Vec<u8>, DocMeta)> = Vec::with_capacity(KEYS_PAGE);
        let mut from = Bound::Included(start.to_vec());
        loop {
            no_panic("cannot read the keys", || {
                let entries =
                    self.database.snapshot().range(&self.database.key, (from, Bound::Unbounded));
                for guard in entries.take(KEYS_PAGE) {
                    let (key, value) = pair(guard, &reading(vb))?;
                    if !key.starts_with(&start) {
                        break;
                    }
                    page.push((key.to_vec(), decode_newest(&key, &value)?));
                }
                Ok(())
            })?;
            for (key, meta) in &page {
                each(&key[PREFIX_BYTES..], meta);
            }
            if page.len() < KEYS_PAGE {
                return Ok(());
            }
            from = page.pop().map_or(Bound::Unbounded, |(key, _)| Bound::Excluded(key));
            page.clear();
        }
    }

    /// The newest version of a key.
    pub(super) fn get(&self, vb: VbId, key: &[u8]) -> Result<Option<Record>> {
        let generation = self.slot(vb)?.sound()?.kept.generation;
        let mut db_key = Vec::new();
        doc_key(vb, generation, key, &mut db_key);
        let snapshot = self.database.snapshot();
        let stored = snapshot.get(&self.database.key, &db_key);
        let Some(stored) = stored.map_err(|e| fault(&reading(vb), e))? else {
            return Ok(None);
        };
        let newest = decode_newest(&db_key, &stored)?;
        let seqno = newest.seqno;
        let db_key = seq_key(vb, generation, seqno);
        let stored = snapshot.get(&self.database.seq, db_key);
        let stored = stored.map_err(|e| fault(&reading(vb), e))?.ok_or_else(|| {
            damaged(format!("vb {vb}: a key is at seqno {seqno}, but there is no record"))
        })?;
        let record = decode_record(&db_key, &stored)?;
        if record.key != key || record.meta != newest {
            return Err(damaged(format!(
                "vb {vb}: a key is at seqno {seqno}, but there is the record of another one"
            )));
        }
        Ok(Some(record))
    }
}

/// Keys that are read under one snapshot of the database.
const KEYS_PAGE: usize = 1024;
