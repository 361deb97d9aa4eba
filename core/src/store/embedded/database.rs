//! The database below the store: its keyspaces, and every way in which the store reads and writes them.

use super::faults::fault;
use super::keys::{COMMIT_PREFIX, DEAD_PREFIX, Gen, commit_of, damaged, dead_of, doc_key, seq_key};
use super::options::EmbeddedOptions;
use super::values::{check_mark, decode_newest};
use crate::error::Result;
use crate::types::{DocMeta, Seqno, VbId};
use fjall::config::{BlockSizePolicy, HashRatioPolicy};
use fjall::{Guard, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable};
use fjall::{Slice, Snapshot};
use std::ops::RangeInclusive;
use std::path::Path;

/// The open database.
pub(super) struct Database {
    db: fjall::Database,
    /// Every version, by seqno.
    pub(super) seq: Keyspace,
    /// The newest version of each key.
    pub(super) key: Keyspace,
    /// Versions that were replaced, but not deleted.
    pub(super) sup: Keyspace,
    /// What is kept besides documents.
    pub(super) meta: Keyspace,
}

impl Database {
    /// Makes a new database.
    pub(super) fn make(path: &Path, options: &EmbeddedOptions) -> Result<Self> {
        let db = builder(path, options).open().map_err(|e| fault("cannot make it", e))?;
        Self::with_keyspaces(db, options)
    }

    /// Opens a database that was made before.
    pub(super) fn open(path: &Path, options: &EmbeddedOptions) -> Result<Self> {
        if !path.join("version").exists() {
            return Err(damaged(format!("{} holds no database", path.display())));
        }
        let db = builder(path, options).open().map_err(|e| fault("cannot read it", e))?;
        if let Some(name) = KEYSPACES.iter().find(|name| !db.keyspace_exists(name)) {
            return Err(damaged(format!("its keyspace {name:?} is missing")));
        }
        Self::with_keyspaces(db, options)
    }

    fn with_keyspaces(db: fjall::Database, options: &EmbeddedOptions) -> Result<Self> {
        let open = |name, shape: fn(KeyspaceCreateOptions) -> KeyspaceCreateOptions| {
            let bytes = options.memtable_bytes_max;
            let settings = || shape(KeyspaceCreateOptions::default().max_memtable_size(bytes));
            db.keyspace(name, settings).map_err(|e| fault("cannot open a keyspace", e))
        };
        let [seq, key, sup, meta] = KEYSPACES;
        Ok(Self {
            seq: open(seq, |settings| {
                let settings = settings.expect_point_read_hits(true);
                settings.data_block_size_policy(BlockSizePolicy::all(SEQ_BLOCK_BYTES))
            })?,
            key: open(key, |settings| {
                settings.data_block_hash_ratio_policy(HashRatioPolicy::all(HASH_RATIO))
            })?,
            sup: open(sup, |settings| settings)?,
            meta: open(meta, |settings| settings)?,
            db,
        })
    }

    /// A view of all keyspaces at one moment. To be dropped soon: it keeps everything that is replaced meanwhile.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.db.snapshot()
    }

    /// An empty batch.
    pub(super) fn batch(&self, capacity: usize) -> OwnedWriteBatch {
        OwnedWriteBatch::with_capacity(self.db.clone(), capacity)
    }

    /// Writes a batch, so that it survives the process.
    pub(super) fn write(&self, batch: OwnedWriteBatch) -> Result<()> {
        let batch = batch.durability(Some(PersistMode::Buffer));
        batch.commit().map_err(|e| fault("cannot write a batch", e))
    }

    /// Makes everything written survive a power cut.
    pub(super) fn sync(&self) -> Result<()> {
        self.db.persist(PersistMode::SyncData).map_err(|e| fault("cannot sync the journal", e))
    }

    /// Bytes on disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.db.disk_space().unwrap_or(0)
    }

    /// The newest version of a key, as the writer sees it; `db_key` is scratch space.
    pub(super) fn newest(
        &self,
        vb: VbId,
        generation: Gen,
        key: &[u8],
        db_key: &mut Vec<u8>,
    ) -> Result<Option<DocMeta>> {
        doc_key(vb, generation, key, db_key);
        let stored = self.key.get(&db_key).map_err(|e| fault(&reading(vb), e))?;
        stored.map(|stored| decode_newest(db_key, &stored)).transpose()
    }

    /// The number of the newest commit. Anything but one entry means that the order of commits was damaged.
    pub(super) fn last_commit(&self) -> Result<u64> {
        let mut numbers = Vec::new();
        for guard in self.meta.prefix(COMMIT_PREFIX).take(2) {
            let (key, value) = pair(guard, "cannot read the commits")?;
            check_mark(&key, &value)?;
            numbers.push(commit_of(&key)?);
        }
        match numbers[..] {
            [] => Ok(0),
            [only] => Ok(only),
            _ => Err(damaged(format!(
                "the journal is damaged: commits {} and {} are in the wrong order",
                numbers[0], numbers[1]
            ))),
        }
    }

    /// The generations that are still to be deleted.
    pub(super) fn dead(&self) -> Result<Vec<(VbId, Gen)>> {
        let mut dead = Vec::new();
        for guard in self.meta.prefix(DEAD_PREFIX) {
            let (key, value) = pair(guard, "cannot read the dead generations")?;
            check_mark(&key, &value)?;
            dead.push(dead_of(&key)?);
        }
        Ok(dead)
    }

    /// Writes everything that is only in the journal into tables.
    #[cfg(test)]
    pub(super) fn flush(&self) -> Result<()> {
        for keyspace in [&self.seq, &self.key, &self.sup, &self.meta] {
            keyspace.rotate_memtable_and_wait().map_err(|e| fault("cannot flush", e))?;
        }
        Ok(())
    }
}

/// One entry of an iteration.
pub(super) fn pair(guard: Guard, what: &str) -> Result<(Slice, Slice)> {
    guard.into_inner().map_err(|e| fault(what, e))
}

/// Iterates over the entries of a vbucket by seqno, in `seq` or `sup`.
pub(super) fn by_seqno(
    snapshot: &Snapshot,
    keyspace: &Keyspace,
    vb: VbId,
    generation: Gen,
    range: RangeInclusive<Seqno>,
) -> fjall::Iter {
    let (start, end) = range.into_inner();
    snapshot.range(keyspace, seq_key(vb, generation, start)..=seq_key(vb, generation, end))
}

/// What an error while a vbucket is read begins with.
pub(super) fn reading(vb: VbId) -> String {
    format!("cannot read vb {vb}")
}

const KEYSPACES: [&str; 4] = ["seq", "key", "sup", "meta"];
/// Scans read many records in a row.
const SEQ_BLOCK_BYTES: u32 = 16 << 10;
/// Part of a block of `key` that is a hash table, for single lookups.
const HASH_RATIO: f32 = 0.75;

fn builder(path: &Path, options: &EmbeddedOptions) -> fjall::DatabaseBuilder<fjall::Database> {
    fjall::Database::builder(path)
        .cache_size(options.cache_bytes)
        .max_journaling_size(options.journal_bytes_max)
        .worker_threads(options.threads)
}
