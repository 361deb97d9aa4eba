//! Locks on documents: taken and given back like a version is replaced, by one exchange of the key's word. No list of
//! them is kept, and a writer of a key that is not locked does nothing for them.

use super::change::Found;
use super::vbucket::Partition;
use super::write::found;
use crate::collections::{Key, QualifiedKey};
use crate::index::{Cell, Held, Lock};
use crate::types::Cas;
use core::time::Duration;
use millstream_reclaim::Pin;

/// Why a document was not locked, or not unlocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockError<E> {
    /// The decision said so.
    Refused(E),
    /// There is no such document.
    Missing,
    /// The decision needs a value that only the store has: fetch it and hand it in.
    NotInMemory,
    /// There is no such vbucket, or no such collection in it.
    UnknownCollection,
}

/// What is done to the cell of one key.
struct Attempt<'a, 'g> {
    cell: &'a Cell,
    now_ns: u64,
    fetched: Option<Found<'a>>,
    pin: &'a Pin<'g>,
}

impl Partition {
    /// Locks a document, if `decide` says so, which sees it and may be called several times: what the caller gets back
    /// besides the lock's token, or `None` if it takes a value that is not in memory. A lock that is there already is
    /// replaced.
    ///
    /// # Errors
    /// See [`LockError`].
    pub(crate) fn lock<T, E>(
        &self,
        key: Key<'_>,
        (now_ns, duration): (u64, Duration),
        fetched: Option<Found<'_>>,
        pin: &Pin<'_>,
        mut decide: impl FnMut(Found<'_>) -> Result<Option<T>, E>,
    ) -> Result<(T, Cas), LockError<E>> {
        let duration = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = now_ns.saturating_add(duration);
        self.with_known(key, pin, |cell| {
            let attempt = Attempt { cell, now_ns, fetched, pin };
            // Ends when the document is locked or may not be; each further round means that it was replaced, or that
            // somebody else locked or unlocked it.
            loop {
                let (held, found) = attempt.look()?;
                let taken = decide(found).map_err(LockError::Refused)?;
                let taken = taken.ok_or(LockError::NotInMemory)?;
                let cas = self.next_cas(now_ns);
                if cell.lock(held, Lock::new(cas, until_ns), pin) {
                    return Ok((taken, cas));
                }
            }
        })
    }

    /// Takes the lock from a document, if `decide` says so, which sees both and may be called several times.
    ///
    /// # Errors
    /// See [`LockError`].
    pub(crate) fn unlock<E>(
        &self,
        key: Key<'_>,
        now_ns: u64,
        pin: &Pin<'_>,
        mut decide: impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), LockError<E>> {
        self.with_known(key, pin, |cell| {
            let attempt = Attempt { cell, now_ns, fetched: None, pin };
            // Ends as in `lock`.
            loop {
                let (held, found) = attempt.look()?;
                decide(found).map_err(LockError::Refused)?;
                if cell.unlock(held, pin) {
                    return Ok(());
                }
            }
        })
    }

    /// Calls `each` with the cell of a key, if there is one.
    fn with_known<R, E>(
        &self,
        key: Key<'_>,
        pin: &Pin<'_>,
        each: impl FnOnce(&Cell) -> Result<R, LockError<E>>,
    ) -> Result<R, LockError<E>> {
        let qualified = QualifiedKey::new(key).ok_or(LockError::Missing)?;
        let history = self.history(pin);
        if !history.with_collection(key.collection, pin, |collection| collection.is_some()) {
            return Err(LockError::UnknownCollection);
        }
        history.index.with_known(qualified.as_bytes(), each).unwrap_or(Err(LockError::Missing))
    }
}

impl<'a> Attempt<'a, '_> {
    /// The document as it is now.
    fn look<E>(&self) -> Result<(Held<'a>, Found<'a>), LockError<E>> {
        let held = self.cell.load(self.pin);
        let found = found(held, self.fetched, self.now_ns);
        let alive = found.filter(|found| found.meta.kind.is_alive());
        Ok((held, alive.ok_or(LockError::Missing)?))
    }
}
