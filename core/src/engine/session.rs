//! Reading and writing by key.

use super::parts::EngineParts;
use super::signal::Persisted;
use super::write_batch::WriteBatch;
use crate::collections::{Key, QualifiedKey};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Current;
use crate::partition::{Change, Decision, Found, Lock, UpdateError, Written};
use crate::store::Record;
use crate::types::{CollectionId, Seqno, VbId, VbState, VbUuid};
use millstream_reclaim::PooledReader;
use millstream_reclaim::sync::Arc;

/// Reads and writes of one thread at a time. A key is a [`Key`] of some collection, or plain bytes for the default
/// collection.
///
/// Cheap to make; keep one for a run of operations, not across an `.await`.
#[derive(Debug)]
pub struct Session<'e> {
    pub(super) parts: &'e Arc<EngineParts>,
    pub(super) reader: PooledReader<'e>,
    /// The time that its writes are made at, if it was looked up for all of them.
    now_ns: Option<u64>,
}

/// A stored version, for a decision that needs a value which is not in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched(pub(crate) Record);

impl Fetched {
    /// The version.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.0
    }
}

/// What a look at a key found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInMemory {
    /// The lock that is in force on the document.
    pub lock: Option<Lock>,
}

impl<'e> Session<'e> {
    pub(super) fn new(parts: &'e Arc<EngineParts>, label: &'static str) -> Self {
        Self { parts, reader: parts.domain.borrow(label), now_ns: None }
    }

    /// Lets all writes from here on be made at the time that it is now: for those that were received at once.
    #[cfg(feature = "server")]
    pub(crate) fn stop_clock(&mut self) {
        self.now_ns = Some(self.parts.clock.unix_ns());
    }

    /// Makes a new version of a key, as `decide` says: it sees the newest version (tombstones too) and may be called
    /// several times. `fetched` is what [`fetch`](Self::fetch) returned after a call that answered
    /// [`UpdateError::NotInMemory`].
    ///
    /// # Errors
    /// See [`UpdateError`].
    pub fn update<'v, 'k, E>(
        &mut self,
        vb: VbId,
        key: impl Into<Key<'k>>,
        fetched: Option<&Fetched>,
        decide: impl FnMut(Option<Found<'_>>) -> Decision<'v, E>,
    ) -> core::result::Result<Written, UpdateError<E>> {
        let partition = self.parts.partition(vb).ok_or(UpdateError::NotActive)?;
        let fetched = fetched.map(|Fetched(r)| Found::stored(&r.meta, &r.value));
        let now = self.now_ns.unwrap_or_else(|| self.parts.clock.unix_ns());
        let key = key.into();
        let pin = self.reader.pin();
        match partition.update(key, now, fetched, &pin, decide) {
            Err(UpdateError::UnknownCollection) => {
                Err(self.parts.not_here(partition, key.collection, &pin))
            }
            written => written,
        }
    }

    /// Several writes in a row, for which one pin and one look at the clock are enough, and whose readers are told
    /// once.
    ///
    /// # Examples
    /// ```
    /// use millstream::{Engine, store::MemoryStore};
    ///
    /// # fn main() -> millstream::Result<()> {
    /// let engine = Engine::open(MemoryStore::new(16))?;
    /// let mut session = engine.session("batch");
    /// let mut batch = session.batch();
    /// for (key, value) in [("apple", "green"), ("plum", "blue")] {
    ///     batch.set(key.as_bytes(), value.as_bytes())?;
    /// }
    /// drop(batch);
    /// assert_eq!(&session.get(b"plum")?.expect("written").value[..], b"blue");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn batch(&mut self) -> WriteBatch<'_> {
        WriteBatch::new(self.parts, self.reader.pin())
    }

    /// Looks at the newest version of a key (tombstones too), which is borrowed for the call.
    ///
    /// # Errors
    /// [`NotInMemory`] when there is a value and only the store has it.
    pub fn look<'k, R>(
        &mut self,
        vb: VbId,
        key: impl Into<Key<'k>>,
        each: impl FnOnce(Option<Found<'_>>) -> R,
    ) -> core::result::Result<R, NotInMemory> {
        let Some(partition) = self.parts.partition(vb) else { return Ok(each(None)) };
        let Some(key) = QualifiedKey::new(key.into()) else { return Ok(each(None)) };
        let parts = self.parts;
        partition.get(key.as_bytes(), &self.reader.pin(), |held| {
            // The clock is read for a document that is locked alone.
            let lock = held.lock().filter(|lock| lock.holds_at(parts.clock.unix_ns()));
            match held.current() {
                Current::Absent => Ok(each(None)),
                Current::Warm(doc) => {
                    Ok(each(Some(Found { meta: &doc.meta, value: Some(doc.value()), lock })))
                }
                Current::Cold(meta) if meta.kind.is_alive() => Err(NotInMemory { lock }),
                Current::Cold(meta) => Ok(each(Some(Found { meta, value: Some(&[]), lock }))),
            }
        })
    }

    /// Reads the newest stored version of a key. Blocks on the store; pins nothing meanwhile.
    ///
    /// # Errors
    /// What the store answers.
    pub fn fetch<'k>(&mut self, vb: VbId, key: impl Into<Key<'k>>) -> Result<Option<Fetched>> {
        let key = key.into();
        let Some(qualified) = QualifiedKey::new(key) else { return Ok(None) };
        let Some(mut record) = self.parts.store.get(vb, qualified.as_bytes())? else {
            return Ok(None);
        };
        // The key as the caller has it.
        record.key = record.key.split_off(record.key.len().saturating_sub(key.name.len()));
        Ok(Some(Fetched(record)))
    }

    /// Whether there is such a vbucket, in whatever state.
    #[must_use]
    pub fn has_vbucket(&self, vb: VbId) -> bool {
        self.parts.partition(vb).is_some()
    }

    /// Whether a collection lives in a vbucket.
    pub fn has_collection(&mut self, vb: VbId, id: CollectionId) -> bool {
        let Some(partition) = self.parts.partition(vb) else { return false };
        partition.with_collection(id, &self.reader.pin(), |collection| collection.is_some())
    }

    /// Whether an active vbucket has yet to hear of a collection that the manifest has.
    #[must_use]
    pub fn is_behind(&mut self, vb: VbId, id: CollectionId) -> bool {
        let Some(partition) = self.parts.partition(vb) else { return false };
        self.parts.is_behind(partition, id, &self.reader.pin())
    }

    /// The state of a vbucket and its branch of history; `None` if there is no such vbucket.
    pub fn branch(&mut self, vb: VbId) -> Option<(VbState, VbUuid)> {
        let pin = self.reader.pin();
        let info = self.parts.partition(vb)?.info(&pin);
        Some((info.state, info.failover.newest().uuid))
    }

    /// Which vbucket a key belongs to.
    #[must_use]
    pub fn vbucket_of(&self, key: &[u8]) -> VbId {
        crate::wire::vbucket_of(key, self.parts.partitions.len() as u32)
    }

    /// Stores a value under a key.
    ///
    /// # Errors
    /// [`ErrorKind::Retry`] when memory is full until more is persisted, or the document is [locked](Self::lock),
    /// [`ErrorKind::Closed`] after shutdown, [`ErrorKind::Misuse`] for a key or value that is too long.
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(VbId, Written)> {
        let vb = self.vbucket_of(key);
        let written = self.update(vb, key, None, |found| set_unless_locked(found, value));
        written.map(|written| (vb, written)).map_err(|e| explain(self.parts, e))
    }

    /// Deletes a key; `None` if there is nothing to delete.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn delete(&mut self, key: &[u8]) -> Result<Option<(VbId, Written)>> {
        let vb = self.vbucket_of(key);
        let now = self.parts.clock.unix_seconds();
        let written = self.update(vb, key, None, |found| match found {
            Some(found) if found.lock.is_some() => Decision::Refuse(Some(Locked)),
            Some(found) if found.meta.kind.is_alive() => Decision::Write(Change::delete(now)),
            _ => Decision::Refuse(None),
        });
        match written {
            Ok(written) => Ok(Some((vb, written))),
            Err(UpdateError::Refused(None)) => Ok(None),
            Err(error) => Err(explain(self.parts, error)),
        }
    }

    /// The value under a key, copied. Blocks on the store when it is not in memory.
    ///
    /// # Errors
    /// What the store answers.
    pub fn get(&mut self, key: &[u8]) -> Result<Option<Record>> {
        let vb = self.vbucket_of(key);
        let in_memory = self.look(vb, key, |found| {
            let found = found.filter(|found| found.meta.kind.is_alive())?;
            Some(Record {
                meta: *found.meta,
                key: bytes::Bytes::copy_from_slice(key),
                value: bytes::Bytes::copy_from_slice(found.value.unwrap_or_default()),
            })
        });
        match in_memory {
            Ok(record) => Ok(record),
            Err(NotInMemory { .. }) => {
                let fetched = self.fetch(vb, key)?;
                Ok(fetched.map(|Fetched(record)| record).filter(|r| r.meta.kind.is_alive()))
            }
        }
    }

    /// Done when a write is persisted.
    pub fn persisted(&self, vb: VbId, seqno: Seqno) -> Persisted {
        Persisted::new(Arc::clone(self.parts), vb, seqno)
    }
}

/// A write without a condition gives way to a lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Locked;

/// A plain value in the place of whatever there is, unless that is locked.
pub(super) fn set_unless_locked<'v>(
    found: Option<Found<'_>>,
    value: &'v [u8],
) -> Decision<'v, Locked> {
    match found.and_then(|found| found.lock) {
        Some(_) => Decision::Refuse(Locked),
        None => Decision::Write(Change::set(value)),
    }
}

/// Why a write without a condition was not made.
pub(super) fn explain<E>(parts: &EngineParts, error: UpdateError<E>) -> Error {
    match error {
        UpdateError::Busy => {
            Error::new(ErrorKind::Retry, "memory is full, or the vbucket is catching up")
        }
        UpdateError::UnknownCollection => {
            Error::new(ErrorKind::Misuse, "there is no such collection")
        }
        UpdateError::TooLarge => Error::new(ErrorKind::Misuse, "the key or value is too long"),
        UpdateError::NotActive if parts.is_stopping() => {
            Error::new(ErrorKind::Closed, "the engine is shut down")
        }
        UpdateError::NotActive => Error::new(ErrorKind::Misuse, "the vbucket is not active"),
        UpdateError::Refused(_) => Error::new(ErrorKind::Retry, "the document is locked"),
        UpdateError::NotInMemory => Error::new(ErrorKind::Misuse, "the write was refused"),
    }
}
