//! The write path: decide, reserve, expose, mark, publish. No lock; a writer that loses a race for a key decides
//! again.

use super::change::{Change, Decision, Found, UpdateError, Written};
use super::history::History;
use super::vbucket::Partition;
use crate::collections::{Key, QualifiedKey, VbCollection};
use crate::index::{Cell, Current, Held};
use crate::limits::VALUE_BYTES_MAX;
use crate::log::{Reservation, Slot, TailError};
use crate::types::{Cas, DocKind, DocMeta, RevSeqno};
use millstream_reclaim::Pin;
use millstream_reclaim::sync::atomic::Ordering;

impl Partition {
    /// Makes a new version of a key, as `decide` says, which sees the newest version and may be called several times.
    ///
    /// `fetched` is the stored version, when an earlier call answered [`UpdateError::NotInMemory`].
    ///
    /// # Errors
    /// See [`UpdateError`].
    pub(crate) fn update<'v, E>(
        &self,
        key: Key<'_>,
        now_ns: u64,
        fetched: Option<Found<'_>>,
        pin: &Pin<'_>,
        decide: impl FnMut(Option<Found<'_>>) -> Decision<'v, E>,
    ) -> Result<Written, UpdateError<E>> {
        self.update_named(key, now_ns, fetched, Told::AtOnce, pin, decide)
    }

    /// The same, of which nobody is told: the caller calls [`published`](Self::published) soon.
    pub(crate) fn update_untold<'v, E>(
        &self,
        key: Key<'_>,
        now_ns: u64,
        fetched: Option<Found<'_>>,
        pin: &Pin<'_>,
        decide: impl FnMut(Option<Found<'_>>) -> Decision<'v, E>,
    ) -> Result<Written, UpdateError<E>> {
        self.update_named(key, now_ns, fetched, Told::ByCaller, pin, decide)
    }

    fn update_named<'v, E>(
        &self,
        key: Key<'_>,
        now_ns: u64,
        fetched: Option<Found<'_>>,
        told: Told,
        pin: &Pin<'_>,
        mut decide: impl FnMut(Option<Found<'_>>) -> Decision<'v, E>,
    ) -> Result<Written, UpdateError<E>> {
        let qualified = QualifiedKey::new(key).ok_or(UpdateError::TooLarge)?;
        let history = self.history(pin);
        history.with_collection(key.collection, pin, |collection| {
            let collection = Some(collection.ok_or(UpdateError::UnknownCollection)?);
            let asked = Asked { key: qualified.as_bytes(), now_ns, fetched, collection, told };
            self.update_qualified(&history, asked, pin, &mut decide)
        })
    }

    /// [`update`](Self::update) of a key that names its collection itself, or of a system event.
    pub(crate) fn update_qualified<'v, E>(
        &self,
        history: &History,
        asked: Asked<'_>,
        pin: &Pin<'_>,
        decide: &mut impl FnMut(Option<Found<'_>>) -> Decision<'v, E>,
    ) -> Result<Written, UpdateError<E>> {
        // Ends when the key's cell is in use; each further round means that somebody took one out of use.
        let written = loop {
            let written = history
                .index
                .with(asked.key, |cell| self.update_cell(history, cell, asked, pin, decide));
            if let Some(written) = written {
                break written;
            }
        };
        if written.is_err() {
            // A key that was looked for in vain leaves nothing behind.
            history.index.expel(asked.key, |_| false, pin);
        }
        written
    }

    /// [`update`](Self::update), with the key's cell in hand; `None` if that is out of use.
    pub(crate) fn update_cell<'v, E>(
        &self,
        history: &History,
        cell: &Cell,
        asked: Asked<'_>,
        pin: &Pin<'_>,
        decide: &mut impl FnMut(Option<Found<'_>>) -> Decision<'v, E>,
    ) -> Option<Result<Written, UpdateError<E>>> {
        let Asked { key, now_ns, fetched, collection, told } = asked;
        let announce = Announce(self);
        let mut write = Attempt {
            partition: self,
            history,
            cell,
            key,
            now_ns,
            collection,
            pin,
            reserved: false,
        };
        let result = write.run(fetched, decide);
        if !write.reserved || told == Told::ByCaller {
            core::mem::forget(announce);
        }
        result
    }

    /// A token above every one given out before, and not below the clock.
    pub(super) fn next_cas(&self, now_ns: u64) -> Cas {
        // V5 Relaxed: the word alone must rise.
        let mut last = self.cas.load(Ordering::Relaxed);
        loop {
            let next = now_ns.max(last + 1);
            // V5 Relaxed: see above. A failure means that another writer got a token.
            match self.cas.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Cas(next),
                Err(seen) => last = seen,
            }
        }
    }

    /// Lets the tokens given out later be above that of a version made elsewhere.
    fn adopt_cas(&self, cas: Cas) -> Cas {
        // V5 Relaxed: the word alone must rise.
        self.cas.fetch_max(cas.get(), Ordering::Relaxed);
        cas
    }
}

/// Tells readers and the flusher when it goes: also if the seqno came to nothing, for later ones may wait behind it,
/// and if a decision panicked.
struct Announce<'a>(&'a Partition);

impl Drop for Announce<'_> {
    fn drop(&mut self) {
        self.0.published();
    }
}

/// What a writer comes with.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) now_ns: u64,
    pub(crate) fetched: Option<Found<'a>>,
    /// The collection that the key is in; `None` for a system event, which is in none.
    pub(crate) collection: Option<&'a VbCollection>,
    pub(crate) told: Told,
}

/// When readers and the flusher hear of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// When it is made.
    AtOnce,
    /// When the writer says so.
    ByCaller,
}

/// One write to one key.
struct Attempt<'a, 'g> {
    partition: &'a Partition,
    history: &'a History,
    cell: &'a Cell,
    key: &'a [u8],
    now_ns: u64,
    collection: Option<&'a VbCollection>,
    pin: &'a Pin<'g>,
    reserved: bool,
}

impl<'a> Attempt<'a, '_> {
    /// Runs until the write is published or refused. Each further round means that another writer made a version of
    /// this key, or that the trimmer moved it out of memory, which it does once. `None` if the cell is out of use.
    fn run<'v, E>(
        &mut self,
        fetched: Option<Found<'_>>,
        decide: &mut impl FnMut(Option<Found<'_>>) -> Decision<'v, E>,
    ) -> Option<Result<Written, UpdateError<E>>> {
        let mut reserved: Option<Reservation<'a>> = None;
        loop {
            let held = self.cell.load(self.pin);
            if held.is_gone() {
                return None;
            }
            let current = held.current();
            let change = match decide(found(held, fetched, self.now_ns)) {
                Decision::Write(change) => change,
                Decision::NeedValue => return Some(Err(UpdateError::NotInMemory)),
                Decision::Refuse(why) => return Some(Err(UpdateError::Refused(why))),
            };
            if change.value.len() > VALUE_BYTES_MAX {
                return Some(Err(UpdateError::TooLarge));
            }
            let reservation = match self.reserve(reserved.take(), current) {
                Ok(reservation) => reservation,
                Err(refused) => return Some(Err(refused)),
            };
            let meta = self.version(&reservation, &change, current);
            let before = current.meta().is_some_and(|meta| meta.kind.is_alive());
            let doc = (meta, self.key, &*change.value);
            match reservation.publish_if(doc, |slot| self.expose(held, slot, &meta, before)) {
                Ok(grown) => {
                    if grown > 0 {
                        let bytes = self.history.log.bytes();
                        self.partition.pressure.grew(bytes.saturating_sub(grown), bytes);
                    }
                    return Some(Ok(Written { seqno: meta.seqno, cas: meta.cas, rev: meta.rev }));
                }
                Err(unused) => reserved = Some(unused),
            }
        }
    }

    /// A seqno above the current version's: the one in hand if it still is, else a new one.
    fn reserve<E>(
        &mut self,
        in_hand: Option<Reservation<'a>>,
        current: Current<'_>,
    ) -> Result<Reservation<'a>, UpdateError<E>> {
        if let Some(reservation) = in_hand {
            if current.meta().is_none_or(|meta| meta.seqno < reservation.seqno()) {
                return Ok(reservation);
            }
            reservation.void();
        }
        if self.partition.pressure.is_critical() {
            return Err(UpdateError::Busy);
        }
        // What a version out of memory leaves behind waits until every reader of now is gone.
        if matches!(current, Current::Cold(_)) && self.pin.domain().admit().is_err() {
            self.partition.pressure.note_backlog();
            return Err(UpdateError::Busy);
        }
        let reservation = self.history.log.reserve(self.pin).map_err(|error| match error {
            TailError::Sealed(_) => UpdateError::NotActive,
            TailError::Full => UpdateError::Busy,
        })?;
        self.reserved = true;
        // After the seqno was taken: the drop event of a collection that is not closing yet gets a higher one.
        if self.collection.is_some_and(VbCollection::is_closing) {
            reservation.void();
            return Err(UpdateError::UnknownCollection);
        }
        gate!(WriteReserved);
        Ok(reservation)
    }

    fn version(&self, at: &Reservation<'_>, change: &Change<'_>, current: Current<'_>) -> DocMeta {
        let cas = match change.origin.and_then(|origin| origin.cas) {
            Some(cas) => self.partition.adopt_cas(cas),
            None => self.partition.next_cas(self.now_ns),
        };
        let rev = current.meta().map_or(0, |meta| meta.rev.0);
        DocMeta {
            seqno: at.seqno(),
            cas,
            rev: change.origin.map_or(RevSeqno(rev.saturating_add(1)), |origin| origin.rev),
            flags: change.flags,
            expiry: self.expiry(change),
            datatype: change.datatype,
            kind: change.kind,
        }
    }

    /// Puts the new version in the key's cell and counts it. Before it is published, so that whoever reads it in the
    /// log or in the store finds its collection's high seqno at least there.
    fn expose(&self, held: Held<'_>, slot: &Slot, meta: &DocMeta, before: bool) -> bool {
        let exposed = self.cell.replace(held, slot, meta, self.pin);
        if let Some(collection) = self.collection.filter(|_| exposed) {
            let after = meta.kind.is_alive();
            self.history.count(before, after);
            if held.current().is_cold_document() {
                self.history.count_out_cold(1);
            }
            collection.note(meta.seqno, before, after);
        }
        exposed
    }

    /// When the version expires: no later than its collection lets it.
    fn expiry(&self, change: &Change<'_>) -> u32 {
        let max_ttl = self.collection.map_or(0, VbCollection::max_ttl);
        if max_ttl == 0 || change.kind != DocKind::Alive {
            return change.expiry;
        }
        let now = (self.now_ns / 1_000_000_000) as u32;
        let latest = now.saturating_add(max_ttl);
        if change.expiry == 0 { latest } else { change.expiry.min(latest) }
    }
}

/// The newest version as a decision sees it; a fetched value counts only if it is still the newest.
pub(super) fn found<'a>(
    held: Held<'a>,
    fetched: Option<Found<'a>>,
    now_ns: u64,
) -> Option<Found<'a>> {
    let lock = held.lock().filter(|lock| lock.holds_at(now_ns));
    match held.current() {
        Current::Absent => None,
        Current::Warm(doc) => Some(Found { meta: &doc.meta, value: Some(doc.value()), lock }),
        Current::Cold(meta) => {
            let value = fetched.filter(|f| f.meta.seqno == meta.seqno).and_then(|f| f.value);
            Some(Found { meta, value, lock })
        }
    }
}
