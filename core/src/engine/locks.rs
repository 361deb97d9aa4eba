//! Locks on documents, as an embedder takes them.

use super::session::{Fetched, Session};
use crate::collections::Key;
use crate::partition::{Found, LockError};
use crate::types::{Cas, VbId};
use core::time::Duration;

impl Session<'_> {
    /// Locks a document for a while, if `decide` says so: it sees the newest version, and the lock that it may have,
    /// and may be called several times. What it returns is handed back with the lock's token; `None`: it needs the
    /// value. `fetched` is what [`fetch`](Self::fetch) returned after a call that answered
    /// [`LockError::NotInMemory`].
    ///
    /// [`set`](Self::set), [`delete`](Self::delete) and the commands of clients keep to a lock; a decision of
    /// [`update`](Self::update) sees it in [`Found::lock`] and judges for itself. A new version has no lock. A lock is
    /// in this process's memory alone, and a vbucket that goes back to an earlier seqno loses those that it has.
    ///
    /// # Errors
    /// See [`LockError`].
    ///
    /// # Examples
    /// ```
    /// use millstream::{Engine, ErrorKind, store::MemoryStore};
    /// use std::time::Duration;
    ///
    /// # fn main() -> millstream::Result<()> {
    /// let engine = Engine::open(MemoryStore::new(16))?;
    /// let mut session = engine.session("locks");
    /// let (vb, _) = session.set(b"plum", b"blue")?;
    /// let free = |found: millstream::partition::Found<'_>| match found.lock {
    ///     None => Ok(Some(())),
    ///     Some(lock) => Err(lock),
    /// };
    /// let ((), token) = session.lock(vb, b"plum", None, Duration::from_secs(5), free).expect("free");
    /// assert_eq!(session.set(b"plum", b"red").unwrap_err().kind(), ErrorKind::Retry);
    /// let ours = |found: millstream::partition::Found<'_>| match found.lock {
    ///     Some(lock) if lock.cas == token => Ok(()),
    ///     _ => Err(()),
    /// };
    /// session.unlock(vb, b"plum", ours).expect("ours");
    /// session.set(b"plum", b"red")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock<'k, T, E>(
        &mut self,
        vb: VbId,
        key: impl Into<Key<'k>>,
        fetched: Option<&Fetched>,
        duration: Duration,
        decide: impl FnMut(Found<'_>) -> Result<Option<T>, E>,
    ) -> Result<(T, Cas), LockError<E>> {
        let partition = self.parts.partition(vb).ok_or(LockError::UnknownCollection)?;
        let fetched = fetched.map(|Fetched(r)| Found::stored(&r.meta, &r.value));
        let now = self.parts.clock.unix_ns();
        partition.lock(key.into(), (now, duration), fetched, &self.reader.pin(), decide)
    }

    /// Takes the lock from a document, if `decide` says so: it sees the newest version and its lock, and may be called
    /// several times.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn unlock<'k, E>(
        &mut self,
        vb: VbId,
        key: impl Into<Key<'k>>,
        decide: impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), LockError<E>> {
        let partition = self.parts.partition(vb).ok_or(LockError::UnknownCollection)?;
        partition.unlock(key.into(), self.parts.clock.unix_ns(), &self.reader.pin(), decide)
    }
}
