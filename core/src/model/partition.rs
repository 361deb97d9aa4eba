//! A partition with its flusher's calls. Writers name the cell themselves: the map of keys has atomics of its own,
//! which a model would not see.

use super::key::Key;
use crate::collections::VbCollection;
use crate::failover::FailoverLog;
use crate::partition::{
    self as room, Asked, Change, Decision, PartitionSettings, Pressure, Told, UpdateError, Written,
};
use crate::ready::{ReadySet, WaitList};
use crate::store::Persisted;
use crate::types::{CollectionId, ScopeId, Seqno, VbId, VbUuid};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::{Domain, Pin};

/// `Partition`.
#[derive(Debug)]
pub struct Partition(room::Partition);

/// `VbCollection`.
#[derive(Debug)]
pub struct Collection(VbCollection);

impl Collection {
    /// A collection that was made at seqno 0.
    #[must_use]
    pub fn new() -> Self {
        Self(VbCollection::new(CollectionId(8), ScopeId::ZERO, 0, Seqno::ZERO))
    }

    /// `VbCollection::high`.
    #[must_use]
    pub fn high(&self) -> Seqno {
        self.0.high()
    }
}

impl Default for Collection {
    fn default() -> Self {
        Self::new()
    }
}

/// What `Partition::collect` gathered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// The seqnos of its records.
    pub records: Vec<Seqno>,
    /// What it settles.
    pub high: Seqno,
}

impl Partition {
    /// An empty partition; what it has to persist is marked in `dirty_set`.
    ///
    /// # Panics
    /// When too much awaits reclamation.
    #[must_use]
    pub fn new(vb: VbId, window_items: u64, dirty_set: &Arc<ReadySet>, domain: &Domain) -> Self {
        let settings = PartitionSettings {
            vb,
            persisted: &Persisted::default(),
            failover: FailoverLog::new(VbUuid(1), Seqno::ZERO),
            last: Seqno::ZERO,
            window_items,
            dirty_set: Arc::clone(dirty_set),
            pressure: Arc::new(Pressure::new(u64::MAX / 2)),
        };
        Self(room::Partition::new(settings, domain).expect("a new domain has no backlog"))
    }

    /// `Partition::update_cell`: a plain set.
    ///
    /// # Errors
    /// Its.
    pub fn set(&self, key: &Key, name: &[u8], pin: &Pin<'_>) -> Result<Written, UpdateError<()>> {
        self.set_of(None, key, name, pin)
    }

    /// [`set`](Self::set) of a document of `collection`.
    ///
    /// # Errors
    /// Its, and `UnknownCollection`.
    pub fn set_in(
        &self,
        collection: &Collection,
        key: &Key,
        name: &[u8],
        pin: &Pin<'_>,
    ) -> Result<Written, UpdateError<()>> {
        self.set_of(Some(&collection.0), key, name, pin)
    }

    /// A collection is dropped: `VbCollection::close`, then the drop event under `key`.
    ///
    /// # Errors
    /// [`set`](Self::set)'s.
    pub fn drop_collection(
        &self,
        collection: &Collection,
        key: &Key,
        pin: &Pin<'_>,
    ) -> Result<Written, UpdateError<()>> {
        collection.0.close();
        self.set_of(None, key, b"\x01\x00\x08", pin)
    }

    fn set_of(
        &self,
        collection: Option<&VbCollection>,
        key: &Key,
        name: &[u8],
        pin: &Pin<'_>,
    ) -> Result<Written, UpdateError<()>> {
        let history = self.0.history(pin);
        let asked = Asked { key: name, now_ns: 0, fetched: None, collection, told: Told::AtOnce };
        let mut set = |_: Option<room::Found<'_>>| Decision::Write(Change::set(&b"value"[..]));
        self.0.update_cell(&history, &key.0, asked, pin, &mut set).expect("no model purges it")
    }

    /// `Partition::collect`.
    #[must_use]
    pub fn collect(&self, pin: &Pin<'_>) -> Option<Gathered> {
        let (batch, _) = self.0.collect(usize::MAX, pin)?;
        let records = batch.records.iter().map(|record| record.meta.seqno).collect();
        Some(Gathered { records, high: batch.high })
    }

    /// `Partition::settle`.
    pub fn settle(&self, high: Seqno, pin: &Pin<'_>) {
        self.0.settle(high, pin);
    }

    /// `Partition::trim` of all that may go. The cells of keys are not told: they are not to be used any more.
    pub fn trim(&self, pin: &Pin<'_>) -> u64 {
        self.0.trim(pin, |_| false)
    }

    /// `Partition::mark_dirty`.
    pub fn mark_dirty(&self) {
        self.0.mark_dirty();
    }

    /// A new version of the state and failover log, and `Partition::note_state_change`. The version.
    ///
    /// # Panics
    /// When too much awaits reclamation.
    #[must_use]
    pub fn change_info(&self, pin: &Pin<'_>) -> u64 {
        let next = |info: &room::VbInfo| room::VbInfo { version: info.version + 1, ..info.clone() };
        self.0.info.update(pin, |info| Some(next(info))).expect("no backlog");
        self.0.note_state_change();
        self.0.info(pin).version
    }

    /// `Partition::info_stored`.
    #[must_use]
    pub fn info_stored(&self) -> u64 {
        self.0.info_stored()
    }

    /// `Partition::persisted`.
    #[must_use]
    pub fn persisted(&self) -> Seqno {
        self.0.persisted()
    }

    /// `Partition::high`.
    #[must_use]
    pub fn high(&self, pin: &Pin<'_>) -> Seqno {
        self.0.high(pin)
    }

    /// Who waits for the next write.
    #[must_use]
    pub fn waiters(&self) -> &WaitList {
        &self.0.waiters
    }
}
