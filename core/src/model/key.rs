//! One key's newest version, and the trimmer that evicts it.

use crate::index::{Cell, Current, Lock};
use crate::log::{Doc, Log, Reservation};
use crate::types::{Cas, DocMeta, Seqno};
use millstream_reclaim::Pin;

/// A key's cell of the by-key index.
#[derive(Debug)]
pub struct Key(pub(super) Cell);

/// What a key's cell held.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'p>(crate::index::Held<'p>);

/// A key's newest version.
#[derive(Clone, Copy, Debug)]
pub enum Version<'p> {
    /// None.
    Absent,
    /// In memory.
    Warm(&'p Doc),
    /// In the store.
    Cold(&'p DocMeta),
}

impl Key {
    /// A key without a version.
    #[must_use]
    pub fn new() -> Self {
        Self(Cell::new())
    }

    /// `Cell::load`.
    #[must_use]
    pub fn load<'p>(&self, pin: &'p Pin<'_>) -> Seen<'p> {
        Seen(self.0.load(pin))
    }

    /// `Cell::expel` of nothing, or of the version of that seqno.
    #[must_use]
    pub fn expel(&self, seqno: Seqno, pin: &Pin<'_>) -> bool {
        self.0.expel(|meta| meta.seqno == seqno, pin)
    }

    /// `Cell::lock`, with that token.
    #[must_use]
    pub fn lock(&self, seen: Seen<'_>, cas: Cas, pin: &Pin<'_>) -> bool {
        self.0.lock(seen.0, Lock::new(cas, u64::MAX), pin)
    }

    /// `Cell::unlock`.
    #[must_use]
    pub fn unlock(&self, seen: Seen<'_>, pin: &Pin<'_>) -> bool {
        self.0.unlock(seen.0, pin)
    }

    /// `Cell::is_gone`.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.is_gone()
    }

    /// `Reservation::publish_if`, by way of `Cell::replace`.
    ///
    /// # Errors
    /// The reservation, if the cell no longer held what was seen.
    pub fn publish<'l>(
        &self,
        seen: Seen<'_>,
        at: Reservation<'l>,
        doc: Doc,
        pin: &Pin<'_>,
    ) -> Result<(), Reservation<'l>> {
        let meta = doc.meta;
        let parts = (doc.meta, doc.key(), doc.value());
        at.publish_if(parts, |slot| self.0.replace(seen.0, slot, &meta, pin)).map(|_| ())
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

impl<'p> Seen<'p> {
    /// `Held::is_gone`.
    #[must_use]
    pub fn is_gone(self) -> bool {
        self.0.is_gone()
    }

    /// The token of `Held::lock`.
    #[must_use]
    pub fn lock(self) -> Option<Cas> {
        self.0.lock().map(|lock| lock.cas)
    }

    /// `Held::current`.
    #[must_use]
    pub fn version(self) -> Version<'p> {
        match self.0.current() {
            Current::Absent => Version::Absent,
            Current::Warm(doc) => Version::Warm(doc),
            Current::Cold(meta) => Version::Cold(meta),
        }
    }
}

/// `Log::trim` of everything up to a seqno, evicting as a partition does.
pub fn trim<'k>(
    log: &Log,
    upto: Seqno,
    pin: &Pin<'_>,
    key: impl Fn(&Doc) -> Option<&'k Key>,
) -> u64 {
    log.trim(
        upto,
        pin,
        |_| false,
        |doc, slot| {
            if let Some(Key(cell)) = key(doc) {
                cell.chill(slot, &doc.meta, pin);
            }
        },
    )
}
